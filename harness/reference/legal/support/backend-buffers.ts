/** How legal backends access rx buffers: through mappings, and many of them for one packet. */
import { KEY, RSP } from '../../../protocol/netif.js';
import { decodeRxRequest, encodeRxResponse } from '../../../protocol/rx.js';
import { RX_RING, slotOffset } from '../../../protocol/ring.js';
import { type GrantRef, type Mapping, XenError } from '../../../xen/domain.js';
import type { BackendQueueState, BackendVif } from '../../backend.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { every } from './backend-queues.js';

/** Maps a buffer, writes a packet and unmaps the buffer. With `early`, buffers that are posted at connecting are mapped then. */
export function mapsBuffers(early = false): Pick<BackendSteps, 'openQueue' | 'fill' | 'disconnect'> {
  const maps = new WeakMap<BackendQueueState, Map<GrantRef, Mapping>>();
  return {
    openQueue(vif, ...rest) {
      const queue = correct.openQueue(vif, ...rest);
      const refs = early ? posted(queue) : [];
      const mapped = refs.map((ref) => [ref, map(vif, queue, ref)] as const);
      maps.set(queue, new Map(mapped.flatMap(([ref, mapping]) => (mapping ? [[ref, mapping]] : []))));
      return queue;
    },
    fill(vif, queue, request, piece, flags) {
      const { id, gref } = request;
      if (queue.mapped.page(gref) ?? queue.rxPool.page(gref)) return correct.fill(vif, queue, request, piece, flags);
      const mapping = maps.get(queue)?.get(gref) ?? map(vif, queue, gref);
      maps.get(queue)?.delete(gref);
      const offset = vif.steps.offsetFor(vif, piece.length);
      mapping?.pages[0]?.copyIn(offset, piece);
      mapping?.unmap();
      queue.rx.put(encodeRxResponse({ id, offset, flags, status: mapping ? piece.length : RSP.error }));
    },
    disconnect(vif) {
      for (const queue of vif.queues) for (const mapping of maps.get(queue)?.values() ?? []) mapping.unmap();
      correct.disconnect(vif);
    },
  };
}

/** The grants of the buffers that are posted on a queue. */
function posted({ rx }: BackendQueueState): GrantRef[] {
  const ready = rx.unconsumed();
  const count = ready.ok ? ready.value : 0;
  const requests = Array.from({ length: count }, (_, n) =>
    decodeRxRequest(rx.page.copyOut(slotOffset(RX_RING, (rx.reqCons + n) >>> 0), RX_RING.slotBytes)),
  );
  return [...new Set(requests.flatMap((request) => (request.ok ? [request.value.gref] : [])))];
}

function map(vif: BackendVif, queue: BackendQueueState, ref: GrantRef): Mapping | undefined {
  try {
    return vif.domain.grants.map(queue.frontend, [ref], 'read-write');
  } catch (error) {
    if (error instanceof XenError) return undefined;
    throw error;
  }
}

/** Splits every packet of the usual size into `count` pieces, for a frontend that supports several. */
export function alwaysIn(count: number): Pick<BackendSteps, 'pieces'> {
  return {
    pieces(vif, frame) {
      if (!vif.offers[KEY.featureSg] || frame.length > 10_000) return correct.pieces(vif, frame);
      const size = Math.floor(frame.length / count);
      return Array.from({ length: count }, (_, n) =>
        frame.subarray(n * size, n < count - 1 ? (n + 1) * size : frame.length),
      );
    },
  };
}

/** Delivers packets every millisecond, and drops those for which a queue of `length` packets has no room. */
export function boundedQueue(length: number): Pick<BackendSteps, 'openQueue' | 'send'> {
  return {
    openQueue(vif, ...rest) {
      const queue = correct.openQueue(vif, ...rest);
      every(vif, queue, 1, () => vif.steps.drainBacklog(vif, queue));
      return queue;
    },
    send(vif, usual, packet) {
      const queue = vif.steps.queueFor(vif, packet.frame) ?? usual;
      if (!queue || !vif.steps.isWanted(vif, packet.frame)) return;
      for (const each of vif.steps.fitting(vif, packet)) if (queue.backlog.length < length) queue.backlog.push(each);
    },
  };
}
