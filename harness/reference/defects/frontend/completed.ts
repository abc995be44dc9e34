/** Defects of the reference frontend, chapter completed. */
import { RXF } from '../../../protocol/netif.js';
import { decodeRxResponse, encodeRxResponse } from '../../../protocol/rx.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { FrontendQueueState } from '../../frontend.js';
import type { Defect } from '../defect.js';
import { keepingFin, leavingTagged, losingLastOfEqual, omittingOddByte, usingKeyOfIpv6 } from '../support/packets.js';

export const FRONTEND_COMPLETED_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.completed.any-value-offers',
    breaks: 'GSO-01',
    fault: 'uses the GSO features of a backend that writes them as 0',
    frontend: {
      isOffered: async (vif, key) =>
        key.startsWith('feature-gso')
          ? (await vif.domain.store.read(`${vif.backendPath}/${key}`)) !== undefined
          : correct.isOffered(vif, key),
    },
  },
  {
    id: 'frontend.completed.leaves-tagged',
    breaks: 'CSUM-10',
    fault: 'sends a blank checksum after a VLAN tag as a complete one',
    frontend: { fitting: leavingTagged((...args) => correct.fitting(...args)) },
  },
  {
    id: 'frontend.completed.odd-byte',
    breaks: 'CSUM-10',
    fault: 'leaves the last byte of a packet of odd length out of a checksum that it completes',
    frontend: { fitting: omittingOddByte((...args) => correct.fitting(...args)) },
  },
  {
    id: 'frontend.completed.wrapped-sequence',
    breaks: 'GSO-06',
    fault: 'gives all segments after a sequence number of 2^32 - 1 the number 0',
    frontend: {
      fitting: (vif, packet) => {
        const out = correct.fitting(vif, packet);
        const seqOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getUint32(38);
        const isV4Tcp = packet.gso?.type === 1;
        const first = out[0] && isV4Tcp ? seqOf(out[0].frame) : 0;
        return out.map((each) => {
          if (out.length < 2 || !isV4Tcp || seqOf(each.frame) >= first) return each;
          const frame = Uint8Array.from(each.frame);
          frame.fill(0, 38, 42);
          return { ...each, frame };
        });
      },
    },
  },
  {
    id: 'frontend.completed.last-full-segment',
    breaks: 'GSO-06',
    fault: 'loses the last segment of a packet that it cuts into segments of equal size',
    frontend: { fitting: losingLastOfEqual((...args) => correct.fitting(...args)) },
  },
  {
    id: 'frontend.completed.fin-of-all-segments',
    breaks: 'GSO-06',
    fault: 'keeps FIN in each segment of a packet that it cuts',
    frontend: { fitting: keepingFin((...args) => correct.fitting(...args)) },
  },
  {
    id: 'frontend.completed.stale-extras',
    breaks: 'EXTRA-01',
    fault: 'drops packets without an extra that it reads together with a packet that has one',
    frontend: (() => {
      const read = new WeakMap<object, number>();
      return {
        accept(vif, queue, packet) {
          const now = vif.domain.clock.now();
          if (packet.gso) read.set(queue, now);
          else if (read.get(queue) === now) return;
          correct.accept(vif, queue, packet);
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.completed.large-later',
    breaks: 'RXW-30',
    fault: 'passes on packets of more than a page after those that follow them',
    frontend: {
      accept(vif, queue, packet) {
        if (packet.frame.length <= 4096) return correct.accept(vif, queue, packet);
        vif.domain.clock.after(1, () => {
          if (vif.queues.includes(queue)) correct.accept(vif, queue, packet);
        });
      },
    },
  },
  {
    id: 'frontend.completed.offset-without-extra',
    breaks: 'RXW-08',
    fault: 'ignores the offset of a first fragment that an extra follows',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        const isPlain = queue.expect !== 'first' || !response.ok || (response.value.flags & RXF.extraInfo) === 0;
        return correct.takeRxSlot(queue, index, isPlain ? bytes : encodeRxResponse({ ...response.value, offset: 0 }));
      },
    },
  },
  {
    id: 'frontend.completed.keeps-metadata',
    breaks: 'GSO-05',
    fault: 'sends the packet after one with an error with the GSO extra of that one',
    frontend: (() => {
      const left = new WeakMap<FrontendQueueState, FrontendQueueState['partial']['gso']>();
      return {
        takeRxSlot(queue, index, bytes) {
          const frame = correct.takeRxSlot(queue, index, bytes);
          if (queue.expect !== 'first') return frame;
          if (!frame) left.set(queue, queue.partial.gso);
          else if (left.has(queue)) queue.partial.gso ??= left.get(queue);
          if (frame) left.delete(queue);
          return frame;
        },
      } satisfies Defect['frontend'];
    })(),
  },
  {
    id: 'frontend.completed.ipv6-key-for-ipv4',
    breaks: 'CSUM-15',
    fault:
      'leaves IPv4 checksums blank for a backend with feature-ipv6-csum-offload, whatever feature-no-csum-offload is',
    frontend: { fitting: usingKeyOfIpv6 },
  },
];
