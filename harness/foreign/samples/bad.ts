/** A driver with a fault: it sends nothing on. */
import { ReferenceBackend } from '../../reference/backend.js';
import type { MakeDriver } from '../driver.js';

const make: MakeDriver = ({ domain, stackOf, onError }) =>
  new ReferenceBackend(domain, stackOf, onError, { accept: () => undefined });
export default make;
