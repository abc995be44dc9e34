/** Packets that had no response when their connection ended. */
import type { Offer } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import type { VifPacket } from '../../packet.js';

/** Packets that are sent again at most. */
const MOST_RESENT = 32;

/**
 * Sends the packets that had no response at the end of a connection again in the next one, by `send` (default: in a form
 * that the new backend accepts).
 */
export const resending = (
  send: FrontendSteps['transmit'] = (vif, queue, packet) => vif.steps.transmit(vif, queue, packet),
): Partial<FrontendSteps> => {
  const packets = new WeakMap<Offer, VifPacket>();
  const left = new WeakMap<FrontendVif, VifPacket[]>();
  return {
    transmit(vif, queue, packet) {
      const before = new Set(queue.sending.values());
      correct.transmit(vif, queue, packet);
      const [first, ...rest] = [...queue.sending.values()].filter((offer) => !before.has(offer));
      if (first) packets.set(first, { ...packet, frame: Uint8Array.from(packet.frame) });
      for (const offer of rest) packets.delete(offer);
    },
    disconnect(vif) {
      const unanswered = vif.queues.flatMap(({ sending }) => [...sending.values()].map((offer) => packets.get(offer)));
      left.set(vif, [...(left.get(vif) ?? []), ...unanswered.filter((packet) => packet !== undefined)]);
      correct.disconnect(vif);
    },
    start(vif) {
      correct.start(vif);
      const [queue] = vif.queues;
      for (const packet of left.get(vif)?.splice(0, MOST_RESENT) ?? []) if (queue) send(vif, queue, packet);
    },
  };
};
