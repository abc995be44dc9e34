/** Defects of the reference backend, chapter checksum. */
import { sameBytes } from '../../../bytes/bytes.js';
import { udpChecksum } from '../../../packet/match.js';
import { KEY, RXF, TXF } from '../../../protocol/netif.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { fit } from '../../packet.js';
import type { Defect } from '../defect.js';
import {
  completingByOneFold,
  isComplete,
  isIpv6,
  isPing,
  isTcp,
  type Kind,
  verifyingByOneFold,
  withZeroSum,
} from '../support/packets.js';
import { drops, refuses } from '../support/backend.js';

/** Changes the flags of tx requests before they are used. */
const readsFlags = (read: (flags: number) => number): Partial<BackendSteps> => ({
  takeChain(queue) {
    const chain = correct.takeChain(queue);
    return chain && { ...chain, requests: chain.requests.map((each) => ({ ...each, flags: read(each.flags) })) };
  },
});

/** Adds flags to each rx slot that starts a frame of a kind. */
const fillsWith = (added: number, kind: Kind): Partial<BackendSteps> => ({
  fill: (vif, queue, request, piece, flags) =>
    correct.fill(vif, queue, request, piece, kind(piece) ? flags | added : flags),
});

/** The checksum flag `flag` of a packet holds for the packets after it that are served for the same event. */
function sticks(flag: number): Pick<BackendSteps, 'serveTx' | 'takeChain'> {
  let sticky = 0;
  return {
    serveTx(vif, queue) {
      sticky = 0;
      correct.serveTx(vif, queue);
    },
    takeChain(queue) {
      const chain = correct.takeChain(queue);
      const [first, ...later] = chain?.requests ?? [];
      if (!chain || !first) return chain;
      sticky |= first.flags & flag;
      return { ...chain, requests: [{ ...first, flags: first.flags | sticky }, ...later] };
    },
  };
}

export const BACKEND_CHECKSUM_DEFECTS: readonly Defect[] = [
  {
    id: 'backend.checksum.validated-for-batch',
    breaks: 'CSUM-10',
    fault: 'vouches for the checksums of all packets after a validated one that are served for the same event',
    backend: (() => {
      const vouched = new WeakSet<Uint8Array>();
      return {
        ...sticks(TXF.dataValidated),
        fetch(vif, queue, chain) {
          const frame = correct.fetch(vif, queue, chain);
          if (frame && ((chain.requests[0]?.flags ?? 0) & TXF.dataValidated) !== 0) vouched.add(frame);
          return frame;
        },
        checksumFlags: (packet) => correct.checksumFlags(packet) | (vouched.has(packet.frame) ? RXF.dataValidated : 0),
      } satisfies Defect['backend'];
    })(),
  },
  {
    id: 'backend.checksum.blank-for-batch',
    breaks: 'CSUM-16',
    fault: 'treats the checksums of all packets after a blank one as blank that are served for the same event',
    backend: sticks(TXF.csumBlank),
  },
  {
    id: 'backend.checksum.one-key-for-both',
    breaks: 'CSUM-02',
    fault: 'leaves checksums over IPv4 blank for a peer that accepts them over IPv6 alone',
    backend: {
      fitting(vif, packet) {
        const accepts = vif.offers[KEY.featureIpv6CsumOffload] === true;
        return accepts
          ? fit(packet, { ...vif.offers, [KEY.featureNoCsumOffload]: false })
          : correct.fitting(vif, packet);
      },
    },
  },
  {
    id: 'backend.checksum.no-blank',
    breaks: 'CSUM-06',
    fault: 'verifies a blank checksum and drops the packet',
    backend: readsFlags((flags) => flags & ~TXF.csumBlank),
  },
  {
    id: 'backend.checksum.blank-if-validated',
    breaks: 'CSUM-06',
    fault: 'treats a checksum as blank only if data_validated is set too',
    backend: readsFlags((flags) => ((flags & TXF.dataValidated) === 0 ? flags & ~TXF.csumBlank : flags)),
  },
  {
    id: 'backend.checksum.vouches',
    breaks: 'CSUM-10',
    fault: 'sets data_validated on every TCP packet',
    backend: fillsWith(RXF.dataValidated, isTcp),
  },
  {
    id: 'backend.checksum.repairs',
    breaks: 'CSUM-16',
    fault: 'treats every checksum as blank, and completes it',
    backend: readsFlags((flags) => flags | TXF.csumBlank),
  },
  {
    id: 'backend.checksum.rx-bits',
    breaks: 'CSUM-07',
    fault: 'reads the flags of tx requests with the bit numbers of rx responses',
    backend: readsFlags((flags) => ((flags & RXF.csumBlank) !== 0 ? 0 : flags) & ~TXF.dataValidated),
  },
  {
    id: 'backend.checksum.validated-is-blank',
    breaks: 'CSUM-07',
    fault: 'passes on data_validated of tx requests as csum_blank',
    backend: readsFlags((flags) => ((flags & TXF.dataValidated) !== 0 ? flags | TXF.csumBlank : flags)),
  },
  {
    id: 'backend.checksum.blank-alone',
    breaks: 'CSUM-09',
    fault: 'sets csum_blank without data_validated',
    seen: 'Linux 2.6 before 1b7e15f112: data_validated is not set',
    backend: fillsWith(RXF.csumBlank, isTcp),
  },
  {
    id: 'backend.checksum.never-asks',
    breaks: 'CSUM-02',
    fault: 'sets csum_blank on TCP although the frontend set feature-no-csum-offload',
    backend: fillsWith(RXF.csumBlank | RXF.dataValidated, isTcp),
  },
  {
    id: 'backend.checksum.blank-icmp',
    breaks: 'CSUM-14',
    fault: 'sets csum_blank on ICMP',
    backend: fillsWith(RXF.csumBlank | RXF.dataValidated, isPing),
  },
  {
    id: 'backend.checksum.dies-of-icmp',
    breaks: 'CSUM-12',
    fault: 'stops serving a vif that set csum_blank on ICMP',
    backend: ((): Partial<BackendSteps> => {
      const dead = new WeakSet();
      return {
        accept(vif, queue, packet) {
          if (packet.csumBlank && isPing(packet.frame)) dead.add(vif);
          if (!dead.has(vif)) correct.accept(vif, queue, packet);
        },
      };
    })(),
  },
  {
    id: 'backend.checksum.ipv6-never-asks',
    breaks: 'CSUM-04',
    fault: 'sets csum_blank on IPv6 although the frontend did not set feature-ipv6-csum-offload',
    backend: fillsWith(RXF.csumBlank | RXF.dataValidated, isIpv6),
  },
  {
    id: 'backend.checksum.ipv6-no-blank',
    breaks: 'CSUM-05',
    fault: 'drops IPv6 packets with a blank checksum although it advertises feature-ipv6-csum-offload',
    backend: drops(({ frame, csumBlank }) => csumBlank && isIpv6(frame)),
  },
  {
    id: 'backend.checksum.zero-is-set',
    breaks: 'CSUM-03',
    fault: 'treats feature-no-csum-offload = 0 as 1',
    backend: {
      async connect(vif) {
        await correct.connect(vif);
        if ((await vif.frontendKey(KEY.featureNoCsumOffload)) !== undefined)
          vif.offers[KEY.featureNoCsumOffload] = true;
      },
    },
  },
  {
    id: 'backend.checksum.wants-blank',
    breaks: 'CSUM-10',
    fault: 'drops TCP packets with a complete checksum',
    backend: drops(isComplete),
  },
  {
    id: 'backend.checksum.refuses-validated',
    breaks: 'CSUM-08',
    fault: 'responds with ERROR to data_validated without csum_blank',
    backend: refuses(
      ({ requests: [first] }) => ((first?.flags ?? 0) & (TXF.dataValidated | TXF.csumBlank)) === TXF.dataValidated,
    ),
  },
  {
    id: 'backend.checksum.blank-is-an-error',
    breaks: 'CSUM-01',
    fault: 'responds with ERROR to csum_blank although it does not advertise feature-no-csum-offload',
    backend: refuses(
      ({ requests: [first], extras }) => extras.length === 0 && ((first?.flags ?? 0) & TXF.csumBlank) !== 0,
    ),
  },
  {
    id: 'backend.checksum.both-ways',
    breaks: 'CSUM-11',
    fault: 'drops packets with a blank checksum from a frontend with feature-no-csum-offload = 1',
    backend: {
      accept(vif, queue, packet) {
        if (!(packet.csumBlank && vif.offers[KEY.featureNoCsumOffload])) correct.accept(vif, queue, packet);
      },
    },
  },
  {
    id: 'backend.checksum.drops-blank-udp',
    breaks: 'CSUM-06',
    fault: 'drops UDP packets with a blank checksum',
    backend: drops(({ frame, csumBlank }) => csumBlank && udpChecksum(frame) !== undefined),
  },
  {
    id: 'backend.checksum.no-checksum-is-wrong',
    breaks: 'CSUM-10',
    fault: 'drops UDP packets without a checksum, which RFC 768 permits',
    backend: drops(({ frame }) => udpChecksum(frame) === 'none'),
  },
  {
    id: 'backend.checksum.blank-udp-v6-is-complete',
    breaks: 'CSUM-05',
    fault: 'forwards UDP over IPv6 with a blank checksum as if the checksum were complete',
    backend: {
      fitting: (vif, packet) =>
        isIpv6(packet.frame) && udpChecksum(packet.frame) === 'blank'
          ? [{ ...packet, csumBlank: false }]
          : correct.fitting(vif, packet),
    },
  },
  {
    id: 'backend.checksum.completes-tcp-only',
    breaks: 'CSUM-02',
    fault: 'leaves the checksum of UDP blank for a peer with feature-no-csum-offload = 1',
    backend: {
      fitting: (vif, packet) =>
        udpChecksum(packet.frame) === 'blank' && !isIpv6(packet.frame) ? [packet] : correct.fitting(vif, packet),
    },
  },
  {
    id: 'backend.checksum.zero-sum',
    breaks: 'CSUM-06',
    fault: 'sends a checksum of UDP that computes to 0 as 0, which means no checksum',
    backend: {
      fitting: (vif, packet) =>
        correct
          .fitting(vif, packet)
          .map((each) => (each.frame === packet.frame ? each : { ...each, frame: withZeroSum(each.frame) })),
    },
  },
  {
    id: 'backend.checksum.clears-ones',
    breaks: 'CSUM-10',
    fault: 'drops UDP packets with the checksum 0xffff',
    backend: {
      fitting: (vif, packet) =>
        sameBytes(withZeroSum(packet.frame), packet.frame) ? correct.fitting(vif, packet) : [],
    },
  },
  {
    id: 'backend.checksum.verifies-by-one-fold',
    breaks: 'CSUM-10',
    fault: 'drops packets whose sum carries again when its carries are added',
    backend: drops(verifyingByOneFold),
  },
  {
    id: 'backend.checksum.completes-by-one-fold',
    breaks: 'CSUM-06',
    fault: 'computes a wrong checksum if the sum carries again when its carries are added',
    backend: { fitting: completingByOneFold((vif, packet) => correct.fitting(vif, packet)) },
  },
];
