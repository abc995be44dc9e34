/** Defects of the reference frontend, chapter frames. */
import { ETHERNET_HEADER, LARGEST_FRAME, VLAN_TAG } from '../../../packet/ethernet.js';
import { KEY } from '../../../protocol/netif.js';
import { decodeRxResponse, encodeRxResponse } from '../../../protocol/rx.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import type { FrontendVif } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { drops } from '../support/frontend.js';
import { mortalFrontend } from '../support/mortal.js';
import type { Kind } from '../support/packets.js';

const etherType = (frame: Uint8Array): number => ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
const isTagged: Kind = (frame) => [0x8100, 0x88a8].includes(etherType(frame));

/** Drops received frames for which `bad` returns true. */
const dropsFrames = (bad: Kind): Partial<FrontendSteps> => drops(({ gso, frame }) => !gso && bad(frame));

export const FRONTEND_FRAMES_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.frames.length-of-11-bits',
    breaks: 'RXW-35',
    fault: 'reads the lower 11 bits of a status',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        if (queue.expect === 'extra' || !response.ok || response.value.status < 0)
          return correct.takeRxSlot(queue, index, bytes);
        const { status, ...rest } = response.value;
        return correct.takeRxSlot(queue, index, encodeRxResponse({ ...rest, status: status & 0x7ff }));
      },
    },
  },
  {
    id: 'frontend.frames.no-room-for-tag',
    breaks: 'RXW-33',
    fault: 'drops frames of more than 1514 bytes, although a VLAN tag adds four',
    frontend: dropsFrames((frame) => frame.length > LARGEST_FRAME),
  },
  {
    id: 'frontend.frames.strips-tag',
    breaks: 'RXW-33',
    fault: 'removes the VLAN tag of a frame',
    frontend: {
      accept(vif, queue, packet) {
        const { frame } = packet;
        const bare = isTagged(frame) ? Buffer.concat([frame.subarray(0, 12), frame.subarray(12 + VLAN_TAG)]) : frame;
        correct.accept(vif, queue, { ...packet, frame: Uint8Array.from(bare) });
      },
    },
  },
  {
    id: 'frontend.frames.tag-at-page-start',
    breaks: 'RXW-08',
    fault: 'loses four bytes of a frame with a VLAN tag that does not begin at the start of its buffer',
    seen: 'win-xenvif b5491f6: length and offset do not match after a VLAN tag was removed',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        const isFirst = queue.expect === 'first' && response.ok && response.value.offset > 0;
        const frame = correct.takeRxSlot(queue, index, bytes);
        return frame && isFirst && isTagged(frame) ? frame.subarray(0, -VLAN_TAG) : frame;
      },
    },
  },
  {
    id: 'frontend.frames.wants-length',
    breaks: 'RXW-33',
    fault: 'drops frames whose IPv4 header gives a length beyond the frame',
    seen: 'win-xenvif before 4492182: rejects frames that it cannot parse',
    frontend: dropsFrames((frame) => {
      const length = ((frame[16] ?? 0) << 8) | (frame[17] ?? 0);
      return etherType(frame) === 0x0800 && length > frame.length - ETHERNET_HEADER;
    }),
  },
  {
    id: 'frontend.frames.ip-only',
    breaks: 'RXW-33',
    fault: 'drops frames that are neither IP nor ARP',
    frontend: dropsFrames((frame) => ![0x0800, 0x0806, 0x86dd].includes(etherType(frame))),
  },
  {
    id: 'frontend.frames.locks-both',
    breaks: 'RXW-33',
    fault: 'receives nothing on two bridged vifs after both had packets to receive at the same time',
    frontend: ((): Partial<FrontendSteps> => {
      const locked = new WeakSet<FrontendVif>();
      return {
        accept(vif, queue, packet) {
          const { bridgedTo } = vif;
          const isBusy = bridgedTo?.queues.some(({ rx }) => {
            const ready = rx.unconsumed();
            return ready.ok && ready.value > 0;
          });
          if (bridgedTo && isBusy) locked.add(vif).add(bridgedTo);
          if (!locked.has(vif)) correct.accept(vif, queue, packet);
        },
      };
    })(),
  },
  {
    id: 'frontend.frames.dies-of-oversized',
    breaks: 'RXW-33',
    fault: 'receives nothing on a vif after a frame of more than 1518 bytes',
    frontend: ((): Partial<FrontendSteps> => {
      const dead = new WeakSet<FrontendVif>();
      return {
        accept(vif, queue, packet) {
          if (!packet.gso && packet.frame.length > LARGEST_FRAME + VLAN_TAG) dead.add(vif);
          if (!dead.has(vif)) correct.accept(vif, queue, packet);
        },
      };
    })(),
  },
  {
    id: 'frontend.frames.dies-of-runt',
    breaks: 'ROB-02',
    fault: 'stops serving every vif after a frame shorter than an Ethernet header',
    frontend: mortalFrontend((die) => ({
      accept(vif, queue, packet) {
        if (packet.frame.length < ETHERNET_HEADER) die();
        correct.accept(vif, queue, packet);
      },
    })),
  },
  {
    id: 'frontend.frames.mtu-with-header',
    breaks: 'RXW-33',
    fault: 'treats the MTU as the length of a whole frame',
    frontend: ((): Partial<FrontendSteps> => {
      const mtus = new WeakMap<FrontendVif, number>();
      return {
        async connect(vif) {
          const mtu = await vif.domain.store.read(`${vif.path}/${KEY.mtu}`);
          if (mtu !== undefined) mtus.set(vif, Number(mtu));
          await correct.connect(vif);
        },
        accept(vif, queue, packet) {
          if (packet.frame.length <= (mtus.get(vif) ?? Infinity)) correct.accept(vif, queue, packet);
        },
      };
    })(),
  },
];
