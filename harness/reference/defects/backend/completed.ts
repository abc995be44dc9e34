/** Defects of the reference backend, chapter completed. */
import { completeChecksum } from '../../../packet/offload.js';
import { KEY, TXF } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import type { Defect } from '../defect.js';
import {
  keepingFin,
  leavingTagged,
  keepingHeaderSum,
  losingLastOfEqual,
  omittingOddByte,
  usingKeyOfIpv6,
} from '../support/packets.js';

/** A number with its octets in the other order. */
const swapped = (value: number): number => Buffer.from(Uint32Array.of(value).buffer).readUInt32BE();

/** Completes blank checksums over IPv4 in another way, for a frontend that accepts none. */
const completing = (complete: (frame: Uint8Array) => Uint8Array): Pick<BackendSteps, 'fitting'> => ({
  fitting(vif, packet) {
    const { frame, gso, csumBlank } = packet;
    const isIpv4 = frame[12] === 8 && frame[13] === 0;
    if (!csumBlank || gso || !isIpv4 || !vif.offers[KEY.featureNoCsumOffload]) return correct.fitting(vif, packet);
    return [{ frame: complete(frame), csumBlank: false }];
  },
});

export const BACKEND_COMPLETED_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.completed.leaves-tagged',
    breaks: 'CSUM-10',
    fault: 'sends a blank checksum after a VLAN tag as a complete one',
    seen: 'NetBSD xennet_checksum.c 1.14: knows no tags',
    backend: { fitting: leavingTagged((...args) => correct.fitting(...args)) },
  },
  {
    id: 'backend.completed.odd-byte',
    breaks: 'CSUM-10',
    fault: 'leaves the last byte of a packet of odd length out of a checksum that it completes',
    backend: { fitting: omittingOddByte((...args) => correct.fitting(...args)) },
  },
  {
    id: 'backend.completed.behind-options',
    breaks: 'CSUM-10',
    fault: 'sends a blank checksum behind IPv4 options as a complete one',
    backend: {
      fitting(vif, packet) {
        const { frame, gso, csumBlank } = packet;
        const hasOptions = frame[12] === 8 && frame[13] === 0 && ((frame[14] ?? 0) & 15) > 5;
        if (!csumBlank || gso || !hasOptions || !vif.offers[KEY.featureNoCsumOffload])
          return correct.fitting(vif, packet);
        return [{ frame, csumBlank: false }];
      },
    },
  },
  {
    id: 'backend.completed.ignores-options',
    breaks: 'CSUM-10',
    fault: 'writes a checksum that it completes where it is without IPv4 options',
    backend: completing((frame) => {
      const options = 4 * ((frame[14] ?? 0) & 15) - 20;
      const complete = completeChecksum(frame);
      const changed = [...frame.keys()].filter((n) => frame[n] !== complete[n]);
      const out = Uint8Array.from(frame);
      for (const n of changed) out[n - options] = complete[n] ?? 0;
      return out;
    }),
  },
  {
    id: 'backend.completed.any-protocol',
    breaks: 'CSUM-12',
    fault: 'writes a checksum into packets flagged csum_blank of every protocol, where UDP has it',
    backend: completing((frame) => {
      const isKnown = [6, 17].includes(frame[23] ?? 0);
      if (isKnown) return completeChecksum(frame);
      const out = Uint8Array.from(frame);
      out.set([0xbe, 0xef], 14 + 20 + 6);
      return out;
    }),
  },
  {
    id: 'backend.completed.last-full-segment',
    breaks: 'GSO-06',
    fault: 'loses the last segment of a packet that it cuts into segments of equal size',
    backend: { fitting: losingLastOfEqual((...args) => correct.fitting(...args)) },
  },
  {
    id: 'backend.completed.header-sum-of-all-segments',
    breaks: 'GSO-06',
    fault: 'leaves the checksum of the IPv4 header as it was in the segments of a packet that it cuts',
    backend: { fitting: keepingHeaderSum((...args) => correct.fitting(...args)) },
  },
  {
    id: 'backend.completed.fin-of-all-segments',
    breaks: 'GSO-06',
    fault: 'keeps FIN in each segment of a packet that it cuts',
    backend: { fitting: keepingFin((...args) => correct.fitting(...args)) },
  },
  {
    id: 'backend.completed.hash-of-large-swapped',
    breaks: 'HASH-33',
    fault: 'writes the hash of a large packet with the most significant octet first',
    backend: {
      extras: (vif, packet) =>
        correct
          .extras(vif, packet)
          .map((extra) => (extra.type === 'hash' && packet.gso ? { ...extra, value: swapped(extra.value) } : extra)),
    },
  },
  {
    id: 'backend.completed.hash-of-later-segments',
    breaks: 'HASH-33',
    fault: 'gives the segments after the first one a wrong hash',
    backend: (() => {
      const later = new WeakSet<Uint8Array>();
      return {
        fitting(vif, packet) {
          const out = correct.fitting(vif, packet);
          for (const { frame } of out.slice(1)) later.add(frame);
          return out;
        },
        extras: (vif, packet) =>
          correct
            .extras(vif, packet)
            .map((extra) =>
              extra.type === 'hash' && later.has(packet.frame) ? { ...extra, value: swapped(extra.value) } : extra,
            ),
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.completed.from-page-start',
    breaks: 'CSUM-06',
    fault: 'reads a packet with a blank checksum that is not at the start of its page from there',
    backend: {
      fetch(vif, queue, chain) {
        const isBlank = ((chain.requests[0]?.flags ?? 0) & TXF.csumBlank) !== 0;
        const requests = isBlank ? chain.requests.map((request) => ({ ...request, offset: 0 })) : chain.requests;
        return correct.fetch(vif, queue, { ...chain, requests });
      },
    },
  },
  {
    id: 'backend.completed.small-scratch',
    breaks: 'CSUM-10',
    fault:
      'leaves what exceeds the first packet of a batch with a blank checksum out of the checksums that it completes',
    backend: (() => {
      const scratch = new WeakMap<object, number>();
      return {
        serveTx(vif, queue) {
          scratch.delete(queue);
          correct.serveTx(vif, queue);
        },
        accept(vif, queue, packet) {
          const { frame, csumBlank, gso } = packet;
          if (!csumBlank || gso || !vif.bridgedTo?.offers[KEY.featureNoCsumOffload])
            return correct.accept(vif, queue, packet);
          const size = scratch.get(queue) ?? frame.length;
          scratch.set(queue, size);
          const summed = completeChecksum(frame.map((byte, n) => (n < size ? byte : 0)));
          const whole = summed.map((byte, n) => (n < size ? byte : (frame[n] ?? 0)));
          correct.accept(vif, queue, { frame: whole, csumBlank: false });
        },
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.completed.ipv6-key-for-ipv4',
    breaks: 'CSUM-02',
    fault:
      'leaves IPv4 checksums blank for a frontend with feature-ipv6-csum-offload, whatever feature-no-csum-offload is',
    backend: { fitting: usingKeyOfIpv6 },
  },
];
