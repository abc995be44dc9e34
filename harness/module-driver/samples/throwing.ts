/** A driver that throws an uncaught exception at a packet of more than one slot. */
import { ReferenceBackend } from '../../reference/backend.js';
import { BACKEND_STEPS } from '../../reference/backend-steps.js';
import type { MakeDriver } from '../../run/driver.js';

const make: MakeDriver = ({ domain, stackOf, onError }) =>
  new ReferenceBackend(domain, stackOf, onError, {
    serveChain(vif, queue, chain) {
      if (chain.requests.length > 1) throw new Error('cannot handle this packet');
      BACKEND_STEPS.serveChain(vif, queue, chain);
    },
  });
export default make;
