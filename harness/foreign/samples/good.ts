/** The reference driver as a module of somebody's own. */
import { ReferenceBackend } from '../../reference/backend.js';
import { ReferenceFrontend } from '../../reference/frontend.js';
import type { MakeDriver } from '../driver.js';

const make: MakeDriver = ({ role, domain, stackOf, onError }) =>
  role === 'frontend'
    ? new ReferenceFrontend(domain, stackOf, onError)
    : new ReferenceBackend(domain, stackOf, onError);
export default make;
