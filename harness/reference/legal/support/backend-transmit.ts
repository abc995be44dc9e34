/** How legal backends read tx requests and respond to them. */
import { ETHERNET_HEADER } from '../../../packet/ethernet.js';
import { concat } from '../../../bytes/bytes.js';
import { encodeTxResponse, type TxResponse } from '../../../protocol/tx.js';
import { type Mapping, XenError } from '../../../xen/domain.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { checkChain, responsesTo, type TxChain } from '../../transmit-steps.js';
import { later } from './backend-queues.js';

type Respond = (...args: Parameters<BackendSteps['respond']>) => void;

/** Puts responses and publishes them. */
export function put(vif: BackendVif, queue: BackendQueueState, responses: readonly TxResponse[]): void {
  for (const response of responses) queue.tx.put(encodeTxResponse(response));
  vif.steps.push(vif, queue.tx, queue.txPort);
}

/** Publishes the response to each slot by a separate push. */
export const respondOneByOne: Respond = (vif, queue, chain, status) => {
  for (const response of responsesTo(chain, status)) put(vif, queue, [response]);
};

/** Holds the responses of a batch, and puts them at its end in the order that `order` returns. */
export function atEndOfBatch(
  order: (responses: TxResponse[]) => TxResponse[] = (responses) => responses,
): Pick<BackendSteps, 'respond' | 'serveTx'> {
  const held = new WeakMap<BackendQueueState, TxResponse[]>();
  return {
    respond(_, queue, chain, status) {
      held.set(queue, [...(held.get(queue) ?? []), ...responsesTo(chain, status)]);
    },
    serveTx(vif, queue) {
      for (;;) {
        const ready = queue.tx.unconsumed();
        if (!ready.ok) return;
        const before = queue.tx.reqCons;
        for (let chain = vif.steps.takeChain(queue); chain; chain = vif.steps.takeChain(queue)) {
          vif.steps.serveChain(vif, queue, chain);
        }
        put(vif, queue, order(held.get(queue) ?? []));
        held.delete(queue);
        const more = queue.tx.finalCheck();
        if (!more.ok || !more.value || queue.tx.reqCons === before) return;
      }
    },
  };
}

/** Changes or clears the fault of each packet. */
export function judged(faultOf: (chain: TxChain) => string | undefined): Pick<BackendSteps, 'takeChain'> {
  return {
    takeChain(queue) {
      const chain = correct.takeChain(queue);
      return chain && { ...chain, fault: faultOf(chain) };
    },
  };
}

/** Accepts packets of up to `most` data slots. */
export function takesSlots(most: number): Pick<BackendSteps, 'takeChain'> {
  return judged(({ requests, extras, fault }) =>
    fault?.endsWith(' slots') ? checkChain(requests, extras, most) : fault,
  );
}

/** Maps the pages of a packet, and keeps them mapped until it responds with `respond`, `ms` milliseconds later. */
export function mapsPages(
  ms: number,
  respond: Respond = (...args) => correct.respond(...args),
): Pick<BackendSteps, 'fetch' | 'respond' | 'disconnect'> {
  const mapped = new WeakMap<TxChain, Mapping[]>();
  const all = new WeakMap<BackendVif, Set<Mapping[]>>();
  return {
    fetch(vif, queue, chain) {
      const rest = chain.requests.slice(1).reduce((sum, request) => sum + request.size, 0);
      const mappings: Mapping[] = [];
      mapped.set(chain, mappings);
      all.set(vif, (all.get(vif) ?? new Set()).add(mappings));
      const pieces: Uint8Array[] = [];
      for (const [n, { gref, offset, size }] of chain.requests.entries()) {
        const page = queue.mapped.page(gref) ?? queue.txPool.page(gref) ?? map(vif, queue, gref, mappings);
        if (!page) return undefined;
        pieces.push(page.copyOut(offset, n === 0 ? size - rest : size));
      }
      return concat(...pieces);
    },
    respond(vif, queue, chain, status) {
      const end = (): void => {
        unmap(mapped.get(chain) ?? []);
        if (vif.queues.includes(queue)) respond(vif, queue, chain, status);
      };
      if (ms === 0) end();
      else vif.domain.clock.after(ms, end);
    },
    disconnect(vif) {
      for (const mappings of all.get(vif) ?? []) unmap(mappings);
      correct.disconnect(vif);
    },
  };
}

/** Ends mappings, each once. */
function unmap(mappings: Mapping[]): void {
  for (const mapping of mappings.splice(0)) mapping.unmap();
}

function map(
  vif: BackendVif,
  queue: BackendQueueState,
  ref: number,
  mappings: Mapping[],
): Mapping['pages'][number] | undefined {
  try {
    const mapping = vif.domain.grants.map(queue.frontend, [ref], 'read-only');
    mappings.push(mapping);
    return mapping.pages[0];
  } catch (error) {
    if (error instanceof XenError) return undefined;
    throw error;
  }
}

/** Accepts packets that are shorter than an Ethernet header, and forwards none of them. */
export const runtsSwallowed: Pick<BackendSteps, 'takeChain' | 'accept'> = {
  takeChain(queue) {
    const chain = correct.takeChain(queue);
    const [first] = chain?.requests ?? [];
    const isRunt = chain?.requests.length === 1 && first !== undefined && first.size < ETHERNET_HEADER;
    return chain && isRunt ? { ...chain, fault: undefined } : chain;
  },
  accept(vif, queue, packet) {
    if (packet.frame.length >= ETHERNET_HEADER) correct.accept(vif, queue, packet);
  },
};

/** Responds when the vif behind the bridge has delivered what waits there, at the latest after `most` milliseconds. */
export const whenDelivered = (most: number): Pick<BackendSteps, 'respond'> => ({
  respond(vif, queue, chain, status) {
    const end = vif.domain.clock.now() + most;
    const look = (): void => {
      const waits = vif.bridgedTo?.queues.some(({ backlog }) => backlog.length > 0) ?? false;
      if (!waits || vif.domain.clock.now() >= end) correct.respond(vif, queue, chain, status);
      else later(vif, queue, 5, look);
    };
    look();
  },
});
