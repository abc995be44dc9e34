/** Defects of the reference frontend, chapter layouts. */
import { ETHERNET_HEADER } from '../../../packet/ethernet.js';
import { KEY, RXF } from '../../../protocol/netif.js';
import { decodeRxResponse, encodeRxResponse } from '../../../protocol/rx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { Counts } from '../support/counts.js';
import { mortalFrontend } from '../support/mortal.js';
import { HEADERS } from '../support/packets.js';

/** Whether the slot that comes next is the first of several, and holds less than `bytes`. */
const isShort = (queue: FrontendQueueState, slot: Uint8Array, bytes: number): boolean => {
  const response = decodeRxResponse(slot);
  if (queue.expect !== 'first' || !response.ok) return false;
  const { status, flags } = response.value;
  return (flags & RXF.moreData) !== 0 && status >= 0 && status < bytes;
};

export const FRONTEND_LAYOUTS_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.layouts.headers-in-first',
    breaks: 'RXW-32',
    fault: 'drops packets whose first slot does not hold the IPv4 header',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        if (isShort(queue, bytes, HEADERS)) queue.partial.bad = true;
        return correct.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.layouts.one-offset',
    breaks: 'RXW-08',
    fault: 'reads every fragment of a packet at the offset of its first',
    frontend: ((): Partial<FrontendSteps> => {
      const offsets = new WeakMap<FrontendQueueState, number>();
      return {
        takeRxSlot(queue, index, bytes) {
          const response = decodeRxResponse(bytes);
          if (!response.ok || queue.expect === 'extra') return correct.takeRxSlot(queue, index, bytes);
          const { value } = response;
          const offset = queue.expect === 'first' ? value.offset : (offsets.get(queue) ?? 0);
          offsets.set(queue, offset);
          return correct.takeRxSlot(queue, index, encodeRxResponse({ ...value, offset }));
        },
      };
    })(),
  },
  {
    id: 'frontend.layouts.drops-batch',
    breaks: 'RXW-12',
    fault: 'drops all packets that are published together with an error',
    frontend: {
      takeRx(vif, queue, count) {
        const packets: (() => void)[] = [];
        let isBad = false;
        for (let n = 0; n < count; n++) {
          const index = queue.rx.rspCons;
          const bytes = queue.rx.take();
          const response = decodeRxResponse(bytes);
          if (queue.expect !== 'extra' && response.ok && response.value.status < 0) isBad = true;
          const frame = vif.steps.takeRxSlot(queue, index, bytes);
          const packet = frame && { ...queue.partial, frame };
          if (packet) packets.push(() => vif.steps.accept(vif, queue, packet));
        }
        if (!isBad) for (const pass of packets) pass();
      },
    },
  },
  {
    id: 'frontend.layouts.gso-implies-sg',
    breaks: 'TXW-32',
    fault: 'uses several slots for a large packet if the backend offers GSO, whatever its feature-sg',
    frontend: {
      transmit(vif, queue, packet) {
        const offers = { ...vif.offers };
        if (packet.gso && offers[KEY.featureGsoTcpv4]) vif.offers[KEY.featureSg] = true;
        correct.transmit(vif, queue, packet);
        Object.assign(vif.offers, offers);
      },
    },
  },
  {
    id: 'frontend.layouts.forwards-slots',
    breaks: 'TXW-32',
    fault: 'sends a large frame from a bridge in two slots, whatever the backend offers',
    frontend: {
      fragments: (vif, length) =>
        vif.bridgedTo && length > 1000 && length <= PAGE_SIZE ? [400, length - 400] : correct.fragments(vif, length),
      transmit(vif, queue, packet) {
        // The reference drops what the backend does not accept.
        const offers = { ...vif.offers };
        if (vif.bridgedTo) vif.offers[KEY.featureSg] = true;
        correct.transmit(vif, queue, packet);
        Object.assign(vif.offers, offers);
      },
    },
  },
  {
    id: 'frontend.layouts.parts-on-queue-0',
    breaks: 'MQ-15',
    fault: 'drops packets of several slots on every queue but the first',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        if (queue.index > 0 && queue.expect === 'more') queue.partial.bad = true;
        return correct.takeRxSlot(queue, index, bytes);
      },
    },
  },
  {
    id: 'frontend.layouts.rx-first',
    breaks: 'SEC-09',
    fault: 'looks for tx responses only in an event that brings no packet',
    frontend: {
      serve(vif, queue) {
        const before = queue.rx.rspCons;
        vif.steps.serveRx(vif, queue);
        if (queue.rx.rspCons === before) vif.steps.serveTx(vif, queue);
      },
    },
  },
  {
    id: 'frontend.layouts.tx-first',
    breaks: 'SEC-09',
    fault: 'looks for packets only in an event that brings no tx response',
    frontend: {
      serve(vif, queue) {
        const before = queue.tx.rspCons;
        vif.steps.serveTx(vif, queue);
        if (queue.tx.rspCons === before) vif.steps.serveRx(vif, queue);
      },
    },
  },
  {
    id: 'frontend.layouts.dies-of-short-first',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a packet whose first slot is shorter than an Ethernet header',
    frontend: mortalFrontend((die) => ({
      takeRxSlot(queue, index, bytes) {
        if (isShort(queue, bytes, ETHERNET_HEADER)) die();
        return correct.takeRxSlot(queue, index, bytes);
      },
    })),
  },
  {
    id: 'frontend.layouts.skips-after-many',
    breaks: 'RXW-09',
    fault: 'skips the slot after a packet of 18 slots or more',
    frontend: ((): Partial<FrontendSteps> => {
      const slots = new Counts();
      return {
        takeRxSlot(queue, index, bytes) {
          const isSkipped = queue.expect === 'first' && slots.of(queue) >= 18;
          if (queue.expect === 'first') slots.clear(queue);
          slots.next(queue);
          if (isSkipped) queue.partial.bad = true;
          return correct.takeRxSlot(queue, index, bytes);
        },
      };
    })(),
  },
];
