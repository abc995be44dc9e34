/** A faulty driver: it sends nothing. */
import { ReferenceBackend } from '../../reference/backend.js';
import type { MakeDriver } from '../../run/driver.js';

const make: MakeDriver = ({ domain, stackOf, onError }) =>
  new ReferenceBackend(domain, stackOf, onError, { accept: () => undefined });
export default make;
