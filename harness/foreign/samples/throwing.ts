/** A driver that throws at a packet of more than one slot, where nobody catches it. */
import { ReferenceBackend } from '../../reference/backend.js';
import { BACKEND_STEPS } from '../../reference/backend-steps.js';
import type { MakeDriver } from '../driver.js';

const make: MakeDriver = ({ domain, stackOf, onError }) =>
  new ReferenceBackend(domain, stackOf, onError, {
    serveChain(vif, queue, chain) {
      if (chain.requests.length > 1) throw new Error('no idea what to do with this');
      BACKEND_STEPS.serveChain(vif, queue, chain);
    },
  });
export default make;
