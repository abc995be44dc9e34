/** How legal backends refuse malformed packets. */
import { decodeFrame } from '../../../packet/frame.js';
import { EXTRA_FLAG_MORE, RSP, TXF } from '../../../protocol/netif.js';
import { decodeTxRequest, encodeTxResponse, type TxRequest } from '../../../protocol/tx.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { responsesTo, type TxChain } from '../../transmit-steps.js';

/**
 * Stops serving a vif after a malformed packet; `tell` is what it does then. With `grants`, a grant that can't be read
 * counts as malformed.
 */
export function givesUp(
  tell: (vif: BackendVif, reason: string) => void = () => undefined,
  { grants = false } = {},
): Pick<BackendSteps, 'serve' | 'serveChain'> {
  const given = new WeakSet<BackendQueueState>();
  return {
    serve(vif, queue) {
      if (!given.has(queue)) correct.serve(vif, queue);
    },
    serveChain(vif, queue, chain) {
      if (given.has(queue)) return;
      const fault = chain.fault ?? (grants && badGrants(vif, queue, chain).length > 0 ? 'an invalid grant' : undefined);
      if (fault === undefined) return correct.serveChain(vif, queue, chain);
      for (const each of vif.queues) given.add(each);
      tell(vif, fault);
    },
  };
}

/** Responds ERROR to a malformed packet, and after its batch writes an error node and closes. */
export function closesAfterError(): Pick<BackendSteps, 'serve' | 'serveChain'> {
  const faults = new WeakMap<BackendVif, string>();
  return {
    serve(vif, queue) {
      correct.serve(vif, queue);
      const fault = faults.get(vif);
      if (fault === undefined) return;
      faults.delete(vif);
      vif.steps.disconnect(vif);
      vif.steps.refuse(vif, fault).catch(vif.onError);
    },
    serveChain(vif, queue, chain) {
      if (faults.has(vif)) return;
      correct.serveChain(vif, queue, chain);
      if (chain.fault !== undefined) faults.set(vif, chain.fault);
    },
  };
}

/** Responds with `status` to the packets of a batch beyond `most`, and drops them. */
export function overLoad(status: number, most: number): Pick<BackendSteps, 'serveTx' | 'serveChain'> {
  let accepted = 0;
  return {
    serveTx(vif, queue) {
      accepted = 0;
      correct.serveTx(vif, queue);
    },
    serveChain(vif, queue, chain) {
      if (++accepted <= most) return correct.serveChain(vif, queue, chain);
      vif.steps.respond(vif, queue, chain, status);
    },
  };
}

/** Stops serving a vif after a packet flagged csum_blank that is neither TCP nor UDP. */
export function blankFatal(): Pick<BackendSteps, 'serve' | 'serveChain'> {
  const giving = givesUp();
  return {
    ...giving,
    serveChain(vif, queue, chain) {
      const isBlank = chain.fault === undefined && ((chain.requests[0]?.flags ?? 0) & TXF.csumBlank) !== 0;
      const frame = isBlank ? vif.steps.fetch(vif, queue, chain) : undefined;
      const it = frame && decodeFrame(frame);
      const isOdd = it?.ok && ['icmp', 'icmpv6', 'arp'].includes(it.value.kind);
      giving.serveChain(vif, queue, isOdd ? { ...chain, fault: 'csum_blank without TCP or UDP' } : chain);
    },
  };
}

/** Responds ERROR to the slots of a packet whose grant is invalid, and OKAY to its other slots. */
export const slotwise: Pick<BackendSteps, 'respond'> = {
  respond(vif, queue, chain, status) {
    const bad = status === RSP.error && chain.fault === undefined ? badGrants(vif, queue, chain) : [];
    if (bad.length === 0) return correct.respond(vif, queue, chain, status);
    const responses = responsesTo(chain, RSP.okay).map((response) =>
      response.status === RSP.okay && bad.includes(response.id) ? { ...response, status: RSP.error } : response,
    );
    for (const response of responses) queue.tx.put(encodeTxResponse(response));
    vif.steps.push(vif, queue.tx, queue.txPort);
  },
};

/** The ids of the requests whose grant can't be read. */
function badGrants(vif: BackendVif, queue: BackendQueueState, { requests }: TxChain): number[] {
  return requests
    .filter(({ gref, offset }) => {
      if (queue.mapped.page(gref) ?? queue.txPool.page(gref)) return false;
      const [piece] = vif.domain.grants.copyFrom([{ domain: queue.frontend, ref: gref, offset, length: 1 }]);
      return piece?.status !== 0;
    })
    .map(({ id }) => id);
}

/** Treats a packet whose last slot is missing as malformed; a whole packet is read by `whole`. */
export function refusesPartial(whole: Pick<BackendSteps, 'takeChain'> = correct): Pick<BackendSteps, 'takeChain'> {
  return { takeChain: (queue) => whole.takeChain(queue) ?? takePartial(queue) };
}

function takePartial(queue: BackendQueueState): TxChain | undefined {
  const ready = queue.tx.unconsumed();
  if (!ready.ok || ready.value === 0) return undefined;
  const requests: TxRequest[] = [];
  const layout: boolean[] = [];
  let extra = false;
  for (let n = 0; n < ready.value; n++) {
    const bytes = queue.tx.take();
    layout.push(extra);
    if (extra) {
      extra = ((bytes[1] ?? 0) & EXTRA_FLAG_MORE) !== 0;
      continue;
    }
    const request = decodeTxRequest(bytes);
    if (!request.ok) return undefined;
    requests.push(request.value);
    extra = n === 0 && (request.value.flags & TXF.extraInfo) !== 0;
  }
  return { requests, extras: [], layout, fault: 'the last slot is missing' };
}
