/**
 * Choices that the headers leave for rx buffers: layout of a packet, flags, offsets, time, and what happens without
 * buffers.
 */
import { decodeFrame } from '../../../packet/frame.js';
import { segment } from '../../../packet/offload.js';
import { KEY, RSP, RXF } from '../../../protocol/netif.js';
import { encodeRxResponse } from '../../../protocol/rx.js';
import { PAGE_SIZE } from '../../../xen/domain.js';
import { BACKEND_STEPS as correct, type BackendSteps } from '../../backend-steps.js';
import { fit } from '../../packet.js';
import type { LegalDriver } from '../legal.js';
import { alwaysIn, boundedQueue, mapsBuffers } from '../support/backend-buffers.js';
import { every, later } from '../support/backend-queues.js';
import {
  headroomInFirst,
  headroomInStatus,
  leftBlank,
  pageZeroed,
  untilNextEvent,
  withoutAsking,
} from '../support/backend-receive.js';
import { isBlankAfterTag, withoutBlankSum } from '../support/checksums.js';

/** Maximum number of buffers for a packet and its extra infos in the oldest backends. */
const WHOLE_PACKET = 19;

/**
 * Splits a frame into pieces of at most `largest` bytes, the first of at most `first`, for a frontend that supports
 * several.
 */
function inPieces(largest: number, first = largest): Partial<BackendSteps> {
  return {
    pieces(vif, frame) {
      const size = Math.min(largest, PAGE_SIZE - vif.headroom);
      // A large packet uses full pages: otherwise it might need more than 18 pieces.
      if (!vif.offers[KEY.featureSg] || frame.length > 16 * size) return correct.pieces(vif, frame);
      const rest = Array.from({ length: Math.ceil(Math.max(0, frame.length - first) / size) }, (_, n) =>
        frame.subarray(first + n * size, first + (n + 1) * size),
      );
      return [frame.subarray(0, first), ...rest];
    },
  };
}

export const RECEIVE: readonly LegalDriver[] = [
  {
    id: 'backend.rx-offset-2',
    choice: 'begins each packet 2 bytes into its buffer',
    source: 'QEMU hw/net/xen_nic.c, net_rx_packet: NET_IP_ALIGN, 06b40d250ecf; netif.h, rx response: offset',
    backend: { offsetFor: (vif, length) => vif.headroom + (vif.headroom + 2 + length <= PAGE_SIZE ? 2 : 0) },
  },
  {
    id: 'backend.rx-offset-varies',
    choice: 'begins a packet anywhere in its buffer where there is room',
    source: 'netif.h, rx response: offset in page of start of received packet',
    backend: (() => {
      let next = 0;
      return {
        offsetFor: (vif, length) => vif.headroom + ((next += 61) % (PAGE_SIZE - vif.headroom - length + 1)),
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.rx-small-pieces',
    choice: 'splits a packet into pieces of 512 bytes for a frontend with feature-sg',
    source: 'netif.h, "Guest receive": fragments of any size',
    backend: inPieces(512),
  },
  {
    id: 'backend.rx-header-split',
    choice: 'puts the first 128 bytes of a packet into a separate buffer for a frontend with feature-sg',
    source: 'netif.h, "Guest receive": fragments of any size; Linux 3.x netback gives the linear part its own slot',
    backend: inPieces(PAGE_SIZE, 128),
  },
  {
    id: 'backend.rx-drops-at-once',
    choice: 'drops a packet for which there is no buffer, whatever feature-rx-notify says',
    source:
      'NetBSD xennetback_xenbus.c 1.125, xennetback_ifsoftstart_copy: ring too full to fit the packet; netif.h, "feature-rx-notify"',
    backend: { waitsForBuffers: () => false },
  },
  {
    id: 'backend.rx-drops-silently',
    choice: 'drops a packet for which there is no buffer and asks for no event',
    source: 'QEMU hw/net/xen_nic.c, net_rx_packet returns without touching req_event, 06b40d250ecf',
    backend: {
      drainBacklog(vif, queue) {
        const { rx } = queue;
        const ready = rx.unconsumed();
        const [packet] = queue.backlog;
        if (!packet || !ready.ok) return;
        if (ready.value >= vif.steps.buffersFor(vif, packet)) return correct.drainBacklog(vif, queue);
        queue.backlog.length = 0;
      },
    },
  },
  {
    id: 'backend.rx-spare-buffers',
    choice: `delivers nothing unless buffers for a largest packet are posted: ${WHOLE_PACKET} with feature-sg`,
    source: 'Linux drivers/net/xen-netback/netback.c, max_required_rx_slots and xen_netbk_must_stop_queue, v3.2',
    warns: ['RXW-31'],
    backend: { buffersFor: (vif) => (vif.offers[KEY.featureSg] ? WHOLE_PACKET : 1) },
  },
  {
    id: 'backend.rx-coalesced',
    choice: 'collects packets for 5 ms and publishes them together',
    source: 'ring.h, "Notification hold-off": batches of work',
    backend: {
      openQueue(vif, ...rest) {
        const queue = correct.openQueue(vif, ...rest);
        every(vif, queue, 5, () => vif.steps.drainBacklog(vif, queue));
        return queue;
      },
      send(vif, usual, packet) {
        const queue = vif.steps.queueFor(vif, packet.frame) ?? usual;
        if (!queue || !vif.steps.isWanted(vif, packet.frame)) return;
        queue.backlog.push(...vif.steps.fitting(vif, packet));
      },
    },
  },
  {
    id: 'backend.rx-late',
    choice: 'needs 30 ms to move a packet from its interface to the ring',
    source: 'netif.h sets no time for a packet',
    backend: {
      send(vif, usual, packet) {
        if (usual) later(vif, usual, 30, () => correct.send(vif, usual, packet));
      },
    },
  },
  {
    id: 'backend.rx-page-zeroed',
    choice: 'clears a whole buffer before it writes a packet into it',
    source: 'mirage/mirage-net-xen lib/backend.ml, write: Cstruct.memset dst 0, 0ff577d70de0',
    backend: pageZeroed,
    warns: ['RXW-19'],
  },
  {
    id: 'backend.rx-bad-buffer-dropped',
    choice: 'responds DROPPED for a buffer that it cannot write',
    source: 'netif.h, rx response: status is NETIF_RSP_* if negative',
    backend: {
      fill(vif, queue, request, piece, flags) {
        const page = queue.mapped.page(request.gref) ?? queue.rxPool.page(request.gref);
        const segment = { domain: queue.frontend, ref: request.gref, offset: vif.headroom, bytes: piece };
        const bad = page ? !page.writable : vif.domain.grants.copyTo([segment])[0] !== 0;
        if (!bad) return correct.fill(vif, queue, request, piece, flags);
        queue.rx.put(encodeRxResponse({ id: request.id, offset: 0, flags, status: RSP.dropped }));
      },
    },
  },
  {
    id: 'backend.rx-blank-alone',
    choice: 'sets csum_blank without data_validated',
    source: 'NetBSD xennetback_xenbus.c 1.125, xennetback_rx_copy_queue',
    backend: { checksumFlags: ({ csumBlank }) => (csumBlank ? RXF.csumBlank : 0) },
    warns: ['CSUM-09'],
  },
  {
    id: 'backend.rx-validated',
    choice: 'sets data_validated on packets whose checksum it has verified',
    source: 'netif.h, NETRXF_data_validated; Linux sets it for CHECKSUM_UNNECESSARY',
    backend: {
      checksumFlags(packet) {
        const it = decodeFrame(packet.frame);
        const { kind } = it.ok ? it.value : { kind: 'other' };
        const complete = it.ok && it.value.kind === 'tcp' && it.value.tcp.checksum === 'complete';
        return kind === 'tcp' && complete ? RXF.dataValidated : correct.checksumFlags(packet);
      },
    },
  },
  {
    id: 'backend.rx-complete',
    choice: 'completes the checksum of every packet that is not large',
    source: 'QEMU hw/net/xen_nic.c, net_tx_packets: net_checksum_calculate, 06b40d250ecf',
    backend: {
      fitting: (vif, packet) =>
        fit(packet, { ...vif.offers, [KEY.featureNoCsumOffload]: true, [KEY.featureIpv6CsumOffload]: false }),
    },
  },
  {
    id: 'backend.rx-udp-without-checksum',
    choice: 'sends UDP over IPv4 without a checksum where the checksum was left to it',
    source: 'RFC 768: a checksum of zero means that the sender made none',
    backend: { fitting: (vif, packet) => correct.fitting(vif, withoutBlankSum(packet)) },
  },
  {
    id: 'backend.drops-blank-after-tag',
    choice: 'drops a packet with a VLAN tag whose checksum was left to it',
    source: 'Linux skbuff.c, skb_checksum_setup: -EPROTO for any protocol but IPv4 and IPv6, v6.1',
    backend: { fitting: (vif, packet) => (isBlankAfterTag(packet) ? [] : correct.fitting(vif, packet)) },
  },
  {
    id: 'backend.rx-unfit-blank',
    choice: 'passes on the flag csum_blank of a packet that is neither TCP nor UDP',
    source: "netif.h is silent on flags that don't fit the packet",
    backend: {
      fitting(vif, packet) {
        const it = decodeFrame(packet.frame);
        const isUnfit = it.ok && ['arp', 'icmp', 'icmpv6'].includes(it.value.kind);
        return isUnfit ? [packet] : correct.fitting(vif, packet);
      },
    },
  },
  {
    id: 'backend.rx-blank-replies',
    choice: 'leaves the TCP checksums of its own stack blank for a frontend that accepts that',
    source: 'Linux net/ipv6/tcp_ipv6.c, tcp_v6_send_response: CHECKSUM_PARTIAL, v6.1',
    backend: leftBlank,
  },
  {
    id: 'backend.rx-always-cut',
    choice: 'cuts large packets for every frontend',
    source: 'netif.h, "feature-gso-tcpv4": a capability of the receiver, not an obligation of the sender',
    backend: {
      fitting: (vif, packet) =>
        fit(packet, { ...vif.offers, [KEY.featureGsoTcpv4]: false, [KEY.featureGsoTcpv6]: false }),
    },
  },
  {
    id: 'backend.rx-cut-smaller',
    choice: 'cuts large packets into smaller segments than requested',
    source: 'netif.h, "Extra Info", GSO: size is the maximum payload of a segment',
    backend: {
      fitting: (vif, packet) =>
        packet.gso && !vif.offers[KEY.featureGsoTcpv4]
          ? segment(packet.frame, Math.min(536, packet.gso.size)).map((frame) => ({ frame, csumBlank: false }))
          : correct.fitting(vif, packet),
    },
  },
  {
    id: 'backend.rx-headroom-in-status',
    choice: 'includes the headroom in the status and sets the offset to 0',
    source: 'Linux drivers/net/xen-netback/rx.c, xenvif_rx_data_slot, v6.1',
    backend: headroomInStatus,
  },
  {
    id: 'backend.rx-headroom-in-first',
    choice: 'leaves the headroom in the first page of a packet only',
    source: 'Linux netif.h, "xdp-headroom": does not name the pages of a packet',
    backend: headroomInFirst(),
  },
  {
    id: 'backend.rx-queues-in-turn',
    choice: 'sends each packet on the next queue while hashing is off',
    source: 'netif.h, "Multiple transmit and receive queues": mapping of packets to queues is not negotiated',
    backend: (() => {
      let next = 0;
      return {
        queueFor: (vif, frame) => correct.queueFor(vif, frame) ?? vif.queues[next++ % vif.queues.length],
      } satisfies Partial<BackendSteps>;
    })(),
  },
  {
    id: 'backend.rx-last-queue',
    choice: 'sends all packets on the last queue while hashing is off',
    source: 'netif.h, "Multiple transmit and receive queues": mapping of packets to queues is not negotiated',
    backend: { queueFor: (vif, frame) => correct.queueFor(vif, frame) ?? vif.queues.at(-1) },
  },
  {
    id: 'backend.rx-maps',
    choice: 'maps each buffer to write into it',
    source: 'netif.h does not say how a backend accesses a grant; FreeBSD and Linux copy',
    backend: mapsBuffers(),
  },
  {
    id: 'backend.rx-maps-early',
    choice: 'maps the buffers that are posted when it connects, and keeps them mapped until they are used',
    source: 'netif.h does not say how a backend accesses a grant, nor when before the response',
    backend: mapsBuffers(true),
  },
  {
    id: 'backend.rx-12-pieces',
    choice: 'splits every packet into 12 pieces for a frontend with feature-sg',
    source: 'netif.h, "Guest receive": fragments of any size',
    backend: alwaysIn(12),
    warns: ['RXW-31'],
  },
  {
    id: 'backend.rx-queue-4',
    choice: 'delivers packets every millisecond from a queue with room for 4, and drops those for which there is none',
    source: 'netif.h sets no time for a delivery; Ethernet may lose frames',
    backend: boundedQueue(4),
  },
  {
    id: 'backend.rx-end-of-page',
    choice: 'puts each fragment at the end of its page',
    source: 'netif.h, struct netif_rx_response: offset in page of start of received packet',
    backend: { offsetFor: (vif, length) => Math.max(vif.headroom, PAGE_SIZE - length) },
  },
  {
    id: 'backend.rx-without-asking',
    choice: 'keeps packets that wait for a buffer, and asks for no event when there is one',
    source: 'QEMU hw/net/xen_nic.c, net_rx_packet returns without touching req_event, 06b40d250ecf',
    backend: withoutAsking,
    warns: ['NOTIFY-10'],
  },
  {
    id: 'backend.rx-resumes-at-events',
    choice: 'offers no feature, and keeps packets without a buffer until the next event, for which it does not ask',
    source: 'QEMU 7.2, hw/net/xen_nic.c, net_event(), with a tap device, which it then reads no longer',
    backend: {
      features: () => ({ [KEY.featureRxCopy]: '1' }),
      ...untilNextEvent(withoutAsking, (_, { backlog }) => backlog.length > 0),
    },
    warns: ['NOTIFY-10'],
  },
];
