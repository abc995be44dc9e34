/** The reference driver as a third-party module. */
import { ReferenceBackend } from '../../reference/backend.js';
import { ReferenceFrontend } from '../../reference/frontend.js';
import type { MakeDriver } from '../../run/driver.js';

const make: MakeDriver = ({ role, domain, stackOf, onError }) =>
  role === 'frontend'
    ? new ReferenceFrontend(domain, stackOf, onError)
    : new ReferenceBackend(domain, stackOf, onError);
export default make;
