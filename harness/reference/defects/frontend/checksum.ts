/** Defects of the reference frontend, chapter checksum. */
import { sameBytes } from '../../../bytes/bytes.js';
import { EXTENSION } from '../../../packet/ipv6.js';
import { udpChecksum } from '../../../packet/match.js';
import { KEY, RXF, TXF } from '../../../protocol/netif.js';
import { decodeRxResponse, encodeRxResponse } from '../../../protocol/rx.js';
import { FRONTEND_STEPS as correct, type FrontendSteps } from '../../frontend-steps.js';
import { fit } from '../../packet.js';
import type { Defect } from '../defect.js';
import { drops } from '../support/frontend.js';
import {
  completingByOneFold,
  HEADERS,
  isComplete,
  isIpv6,
  isPing,
  isTcp,
  type Kind,
  verifyingByOneFold,
  withZeroSum,
} from '../support/packets.js';

/** Adds flags to each tx slot that starts a frame of a kind. */
const sendsWith = (added: number, kind: Kind): Partial<FrontendSteps> => ({
  putTx(queue, request, offer) {
    const flags = kind(offer.page.copyOut(request.offset, HEADERS)) ? request.flags | added : request.flags;
    correct.putTx(queue, { ...request, flags }, offer);
  },
});

/** Receives nothing on a vif after a packet of a kind with csum_blank. */
const diesOfBlank = (kind: Kind): Partial<FrontendSteps> => {
  const dead = new WeakSet();
  return {
    accept(vif, queue, packet) {
      if (packet.csumBlank && kind(packet.frame)) dead.add(vif);
      if (!dead.has(vif)) correct.accept(vif, queue, packet);
    },
  };
};

/** IPv4 with options. */
const hasOptions: Kind = (frame) => frame[12] === 8 && frame[13] === 0 && (frame[14] ?? 0) > 0x45;

/** A fragment of IPv4. */
const isFragment: Kind = (frame) =>
  frame[12] === 8 && frame[13] === 0 && ((frame[20] ?? 0) & 0x3f) + (frame[21] ?? 0) > 0;

/** The checksum flag `flag` of a packet holds for the packets after it that are read for the same event. */
function sticks(flag: number): Pick<FrontendSteps, 'serveRx' | 'takeRxSlot'> {
  let sticky = 0;
  return {
    serveRx(vif, queue) {
      sticky = 0;
      correct.serveRx(vif, queue);
    },
    takeRxSlot(queue, index, bytes) {
      const response = decodeRxResponse(bytes);
      if (!response.ok || queue.expect !== 'first') return correct.takeRxSlot(queue, index, bytes);
      const { flags } = response.value;
      sticky |= flags & flag;
      return correct.takeRxSlot(queue, index, encodeRxResponse({ ...response.value, flags: flags | sticky }));
    },
  };
}

/** Vouches for what it passes on while a validated packet was read for the same event. */
function vouchesForBatch(): Partial<FrontendSteps> {
  let vouches = false;
  return {
    serveRx(vif, queue) {
      correct.serveRx(vif, queue);
      vouches = false;
    },
    takeRxSlot(queue, index, bytes) {
      const response = decodeRxResponse(bytes);
      if (response.ok && queue.expect === 'first') vouches ||= (response.value.flags & RXF.dataValidated) !== 0;
      return correct.takeRxSlot(queue, index, bytes);
    },
    txFlags: (packet) => correct.txFlags(packet) | (vouches ? TXF.dataValidated : 0),
  };
}

export const FRONTEND_CHECKSUM_DEFECTS: readonly Defect[] = [
  {
    id: 'frontend.checksum.validated-for-batch',
    breaks: 'CSUM-10',
    fault: 'vouches for the checksums of all packets after a validated one that are read for the same event',
    frontend: vouchesForBatch(),
  },
  {
    id: 'frontend.checksum.blank-for-batch',
    breaks: 'CSUM-16',
    fault: 'treats the checksums of all packets after a blank one as blank that are read for the same event',
    frontend: sticks(RXF.csumBlank),
  },
  {
    id: 'frontend.checksum.one-key-for-both',
    breaks: 'CSUM-15',
    fault: 'leaves checksums over IPv4 blank for a peer that accepts them over IPv6 alone',
    frontend: {
      fitting(vif, packet) {
        const accepts = vif.offers[KEY.featureIpv6CsumOffload] === true;
        return accepts
          ? fit(packet, { ...vif.offers, [KEY.featureNoCsumOffload]: false })
          : correct.fitting(vif, packet);
      },
    },
  },
  {
    id: 'frontend.checksum.ipv6-never-asks',
    breaks: 'CSUM-04',
    fault: 'sets csum_blank on IPv6 although the backend does not advertise feature-ipv6-csum-offload',
    frontend: sendsWith(TXF.csumBlank | TXF.dataValidated, isIpv6),
  },
  {
    id: 'frontend.checksum.ipv6-no-blank',
    breaks: 'CSUM-05',
    fault: 'drops IPv6 packets with a blank checksum although it sets feature-ipv6-csum-offload',
    frontend: drops((packet) => packet.csumBlank && isIpv6(packet.frame)),
  },
  {
    id: 'frontend.checksum.no-blank',
    breaks: 'CSUM-06',
    fault: 'verifies a blank checksum and drops the packet',
    seen: 'mini-os with lwIP; rumprun before ddecce5, Unikraft before d9f8c838',
    frontend: {
      accept: (vif, queue, packet) => correct.accept(vif, queue, { ...packet, csumBlank: false }),
    },
  },
  {
    id: 'frontend.checksum.vouches',
    breaks: 'CSUM-10',
    fault: 'sets data_validated on every TCP packet',
    frontend: sendsWith(TXF.dataValidated, isTcp),
  },
  {
    id: 'frontend.checksum.repairs',
    breaks: 'CSUM-16',
    fault: 'treats every checksum as blank, and completes it',
    frontend: {
      accept: (vif, queue, packet) => correct.accept(vif, queue, { ...packet, csumBlank: true }),
    },
  },
  {
    id: 'frontend.checksum.blank-alone',
    breaks: 'CSUM-09',
    fault: 'sets csum_blank without data_validated',
    seen: 'Linux 2.6 before 1b7e15f112: data_validated is not set',
    frontend: sendsWith(TXF.csumBlank, isTcp),
  },
  {
    id: 'frontend.checksum.never-asks',
    breaks: 'CSUM-15',
    fault: 'sets csum_blank on TCP although the backend set feature-no-csum-offload',
    frontend: sendsWith(TXF.csumBlank | TXF.dataValidated, isTcp),
  },
  {
    id: 'frontend.checksum.blank-icmp',
    breaks: 'CSUM-14',
    fault: 'sets csum_blank on ICMP',
    frontend: sendsWith(TXF.csumBlank | TXF.dataValidated, isPing),
  },
  {
    id: 'frontend.checksum.dies-of-icmp',
    breaks: 'CSUM-12',
    fault: 'receives nothing on a vif after ICMP with csum_blank',
    frontend: diesOfBlank(isPing),
  },
  {
    id: 'frontend.checksum.zero-is-set',
    breaks: 'CSUM-03',
    fault: 'treats feature-no-csum-offload = 0 as 1',
    frontend: {
      async connect(vif) {
        await correct.connect(vif);
        const value = await vif.domain.store.read(`${vif.backendPath}/${KEY.featureNoCsumOffload}`);
        if (value !== undefined) vif.offers[KEY.featureNoCsumOffload] = true;
      },
    },
  },
  {
    id: 'frontend.checksum.wants-blank',
    breaks: 'CSUM-10',
    fault: 'drops TCP packets with a complete checksum',
    frontend: drops((packet) => isComplete(packet)),
  },
  {
    id: 'frontend.checksum.refuses-validated',
    breaks: 'CSUM-08',
    fault: 'drops packets with data_validated and without csum_blank',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        const frame = correct.takeRxSlot(queue, index, bytes);
        return response.ok && (response.value.flags & 3) === 1 ? undefined : frame;
      },
    },
  },
  {
    id: 'frontend.checksum.refuses-blank-v4',
    breaks: 'CSUM-01',
    fault: 'drops TCP packets over IPv4 with a blank checksum although it does not set feature-no-csum-offload',
    frontend: drops((packet) => packet.csumBlank && !packet.gso && isTcp(packet.frame)),
  },
  {
    id: 'frontend.checksum.tx-bits-on-rx',
    breaks: 'CSUM-07',
    fault: 'reads the checksum flags of rx responses by the bits of tx requests',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const copy = Uint8Array.from(bytes);
        const flags = copy[4] ?? 0;
        if (queue.expect !== 'extra') copy[4] = (flags & ~3) | ((flags & 1) << 1) | ((flags >> 1) & 1);
        return correct.takeRxSlot(queue, index, copy);
      },
    },
  },
  {
    id: 'frontend.checksum.both-ways',
    breaks: 'CSUM-11',
    fault: 'drops packets with a blank checksum if the backend sets feature-no-csum-offload',
    frontend: drops((packet, vif) => packet.csumBlank && vif.offers[KEY.featureNoCsumOffload] === true),
  },
  {
    id: 'frontend.checksum.drops-blank-udp',
    breaks: 'CSUM-06',
    fault: 'drops UDP packets with a blank checksum',
    frontend: drops((packet) => packet.csumBlank && udpChecksum(packet.frame) !== undefined),
  },
  {
    id: 'frontend.checksum.no-checksum-is-wrong',
    breaks: 'CSUM-10',
    fault: 'drops UDP packets without a checksum, which RFC 768 permits',
    frontend: drops((packet) => udpChecksum(packet.frame) === 'none'),
  },
  {
    id: 'frontend.checksum.no-ip-options',
    breaks: 'CSUM-06',
    fault: 'drops packets with a blank checksum and IPv4 options',
    frontend: drops((packet) => packet.csumBlank && hasOptions(packet.frame)),
  },
  {
    id: 'frontend.checksum.no-extensions',
    breaks: 'CSUM-05',
    fault: 'does not complete a blank checksum after IPv6 extension headers',
    frontend: {
      fitting: (vif, packet) =>
        packet.csumBlank && isIpv6(packet.frame) && packet.frame[20] === EXTENSION.hopByHop
          ? [{ ...packet, csumBlank: false }]
          : correct.fitting(vif, packet),
    },
  },
  {
    id: 'frontend.checksum.validates-plain',
    breaks: 'CSUM-08',
    fault: 'drops packets with data_validated and IPv4 options',
    frontend: {
      takeRxSlot(queue, index, bytes) {
        const response = decodeRxResponse(bytes);
        const isValidated = response.ok && (response.value.flags & 3) === RXF.dataValidated;
        const frame = correct.takeRxSlot(queue, index, bytes);
        return frame && isValidated && hasOptions(frame) ? undefined : frame;
      },
    },
  },
  {
    id: 'frontend.checksum.dies-of-fragment',
    breaks: 'CSUM-12',
    fault: 'receives nothing on a vif after an IPv4 fragment with csum_blank',
    frontend: diesOfBlank(isFragment),
  },
  {
    id: 'frontend.checksum.blank-udp-v6-for-all',
    breaks: 'CSUM-04',
    fault: 'leaves the checksum of UDP over IPv6 blank whatever the backend advertises',
    frontend: {
      fitting: (vif, packet) =>
        isIpv6(packet.frame) && udpChecksum(packet.frame) !== undefined ? [packet] : correct.fitting(vif, packet),
    },
  },
  {
    id: 'frontend.checksum.completes-tcp-only',
    breaks: 'CSUM-15',
    fault: 'leaves the checksum of UDP blank for a peer with feature-no-csum-offload = 1',
    frontend: {
      fitting: (vif, packet) =>
        udpChecksum(packet.frame) === 'blank' && !isIpv6(packet.frame) ? [packet] : correct.fitting(vif, packet),
    },
  },
  {
    id: 'frontend.checksum.zero-sum',
    breaks: 'CSUM-06',
    fault: 'sends a checksum of UDP that computes to 0 as 0, which means no checksum',
    frontend: {
      fitting: (vif, packet) =>
        correct
          .fitting(vif, packet)
          .map((each) => (each.frame === packet.frame ? each : { ...each, frame: withZeroSum(each.frame) })),
    },
  },
  {
    id: 'frontend.checksum.clears-ones',
    breaks: 'CSUM-10',
    fault: 'drops UDP packets with the checksum 0xffff',
    frontend: {
      fitting: (vif, packet) =>
        sameBytes(withZeroSum(packet.frame), packet.frame) ? correct.fitting(vif, packet) : [],
    },
  },
  {
    id: 'frontend.checksum.drops-complete-udp',
    breaks: 'CSUM-10',
    fault: 'drops UDP packets of 75 bytes with a complete checksum',
    frontend: drops(({ frame, csumBlank }) => !csumBlank && frame.length === 75 && udpChecksum(frame) === 'complete'),
  },
  {
    id: 'frontend.checksum.verifies-by-one-fold',
    breaks: 'CSUM-10',
    fault: 'drops packets whose sum carries again when its carries are added',
    seen: 'win-xenvif before cb0acf3 and 2e8095b: valid checksums are rejected',
    frontend: drops(verifyingByOneFold),
  },
  {
    id: 'frontend.checksum.completes-by-one-fold',
    breaks: 'CSUM-06',
    fault: 'computes a wrong checksum if the sum carries again when its carries are added',
    frontend: { fitting: completingByOneFold((vif, packet) => correct.fitting(vif, packet)) },
  },
];
