/** A driver that never returns from a packet of more than one slot. */
import { ReferenceBackend } from '../../reference/backend.js';
import { BACKEND_STEPS } from '../../reference/backend-steps.js';
import type { MakeDriver } from '../../run/driver.js';

const make: MakeDriver = ({ domain, stackOf, onError }) =>
  new ReferenceBackend(domain, stackOf, onError, {
    serveChain(vif, queue, chain) {
      while (chain.requests.length > 1);
      BACKEND_STEPS.serveChain(vif, queue, chain);
    },
  });
export default make;
