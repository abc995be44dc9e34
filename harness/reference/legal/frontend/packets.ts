/** Frontends that lay out, send or receive packets in another way, and stacks that respond in another way. */
import type { LegalDriver } from '../legal.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import { isBlankAfterTag, withoutBlankSum } from '../support/checksums.js';
import * as packets from '../support/frontend-packets.js';
import { resending } from '../support/frontend-resending.js';
import { ipv4Only, trusting } from '../support/frontend-stacks.js';
import * as stacks from '../support/stacks.js';

export const PACKETS: readonly LegalDriver[] = [
  {
    id: 'frontend.resends',
    choice: 'sends again, in its next connection, the packets that had no response in the last one',
    source: 'netif.h does not say what becomes of requests that have no response when the connection ends',
    frontend: resending(),
  },
  {
    id: 'frontend.small-slots',
    choice: 'sends headers and data in separate slots',
    source: 'Linux xen-netfront.c, xennet_make_txreqs: linear part and fragments (008f05a72d32)',
    frontend: packets.smallSlots,
  },
  {
    id: 'frontend.all-slots',
    choice: 'uses 18 slots for each packet',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN: a valid packet',
    frontend: packets.allSlots,
  },
  {
    id: 'frontend.empty-slot',
    choice: 'ends each packet with a slot of size 0',
    source: 'netif.h, "Guest transmit": sets no minimum size of a fragment',
    frontend: packets.emptySlot,
  },
  {
    id: 'frontend.odd-offsets',
    choice: 'begins each fragment at byte 66 of its page',
    source: 'Linux xen-netfront.c, xennet_make_one_txreq: offset_in_page (008f05a72d32)',
    frontend: packets.offsets(66),
  },
  {
    id: 'frontend.ends-with-page',
    choice: 'ends each fragment with its page',
    source: 'netif.h, "Guest transmit": offset in the page',
    frontend: packets.offsets('end'),
  },
  {
    id: 'frontend.16-tx-requests',
    choice: 'has at most 16 tx requests outstanding and drops further packets',
    source: 'iPXE netfront.h, NETFRONT_NUM_TX_DESC (0c4e8c47bcc3)',
    frontend: packets.fewTxRequests(16),
  },
  {
    id: 'frontend.queues-tx',
    choice: 'queues packets while the tx ring is full',
    source: 'FreeBSD netfront.c, xn_txq_mq_start_locked (2d614aa2fe3e)',
    frontend: packets.queuesTx(),
  },
  {
    id: 'frontend.pads',
    choice: 'pads frames to 60 bytes',
    source: 'IEEE 802.3, which sets the minimum length of a frame',
    frontend: packets.pads,
  },
  {
    id: 'frontend.tx-udp-without-checksum',
    choice: 'sends UDP over IPv4 without a checksum where the checksum was left to it',
    source: 'RFC 768: a checksum of zero means that the sender made none',
    frontend: { fitting: (vif, packet) => correct.fitting(vif, withoutBlankSum(packet)) },
  },
  {
    id: 'frontend.drops-blank-after-tag',
    choice: 'drops a packet with a VLAN tag whose checksum was left to it',
    source: 'Linux skbuff.c, skb_checksum_setup: -EPROTO for any protocol but IPv4 and IPv6, v6.1',
    frontend: { fitting: (vif, packet) => (isBlankAfterTag(packet) ? [] : correct.fitting(vif, packet)) },
  },
  {
    id: 'frontend.writable-tx',
    choice: 'grants tx pages for writing',
    source: 'Unikraft netfront.c, netfront_xmit (00231279e82e)',
    warns: ['GNT-05'],
    frontend: packets.writableTx,
  },
  {
    id: 'frontend.shared-pages',
    choice: 'sends from pages that hold other data, whatever the key trusted says',
    source: 'NetBSD if_xennet_xenbus.c, xennet_submit_tx_request (002e4a728cbf)',
    warns: ['TRUST-01', 'GNT-11'],
    frontend: packets.sharedPages,
  },
  {
    id: 'frontend.half-pages',
    choice: 'sends two packets from one page with one grant',
    source: 'mirage-net-xen shared_page_pool.ml, use',
    warns: ['TRUST-01', 'GNT-11'],
    frontend: packets.halfPages(),
  },
  {
    id: 'frontend.keeps-grants',
    choice: 'keeps the grants of its buffers for as long as it is connected',
    source: 'Unikraft netfront.c, netfront_rxq_enqueue: re-use grant (00231279e82e)',
    warns: ['TRUST-01', 'GNT-11'],
    frontend: packets.keepsGrants(64),
  },
  {
    id: 'frontend.stale-padding',
    choice: 'leaves old bytes in the padding of a tx extra',
    source: 'netif.h, "Extra Info": padding for tx',
    frontend: packets.stalePadding,
  },
  {
    id: 'frontend.headers-in-first-slot',
    choice: 'drops a packet of several slots whose first slot has not all headers up to TCP',
    source: 'netif.h, "Guest receive": does not say where the headers of a packet are',
    frontend: packets.headersInFirstSlot,
    warns: ['RXW-32', 'GSO-15'],
  },
  {
    id: 'frontend.drops-halves',
    choice: 'drops a packet whose last slot is not published yet',
    source: 'NetBSD if_xennet_xenbus.c, xennet_handler (002e4a728cbf)',
    frontend: packets.dropsHalves,
  },
  {
    id: 'frontend.drops-unknown-extras',
    choice: 'drops a packet with an extra of unknown type',
    source: 'Linux xen-netfront.c, xennet_get_extras (008f05a72d32)',
    frontend: packets.dropsUnknownExtras,
  },
  {
    id: 'frontend.packet-ends-at-error',
    choice: 'treats the slots after a response with an error as another packet',
    source: 'iPXE netfront.c, netfront_poll_rx (0c4e8c47bcc3)',
    frontend: packets.packetEndsAtError,
    warns: ['RXW-34', 'RXW-16'],
  },
  {
    id: 'frontend.replies-twice',
    choice: 'sends each packet of its stack twice',
    source: 'netif.h does not describe the stack of a guest',
    warns: ['TXW-39'],
    frontend: packets.repliesTwice,
  },
  {
    id: 'frontend.replies-late',
    choice: 'passes packets to its stack 400 ms later',
    source: 'netif.h does not describe the stack of a guest',
    frontend: packets.repliesLate(400),
  },
  {
    id: 'frontend.last-first',
    choice: 'passes the packets of a batch to its stack in reverse order',
    source: 'netif.h, "Guest receive": sets no order in which a guest handles packets',
    warns: ['RXW-30'],
    frontend: packets.lastFirst,
  },
  {
    id: 'frontend.chatters',
    choice: 'sends a broadcast every 3 ms, as soon as it has rings',
    source: 'FreeBSD netfront.c, netfront_send_fake_arp (2d614aa2fe3e); IPv6 solicitations of any guest',
    frontend: packets.chatters(3),
  },
  {
    id: 'frontend.ipv4-only',
    choice: 'has a stack without IPv6',
    source: 'netif.h does not describe the stack of a guest',
    stack: ipv4Only,
  },
  {
    id: 'frontend.trusting-stack',
    choice: 'has a stack that does not verify TCP checksums',
    source: 'lwIP, CHECKSUM_CHECK_TCP = 0; netif.h does not describe the stack of a guest',
    stack: trusting,
  },
  {
    id: 'frontend.200-pings',
    choice: 'responds to at most 200 pings per second',
    source: 'FreeBSD ip_icmp.c, badport_bandlim: net.inet.icmp.icmplim',
    stack: stacks.limited(200),
  },
  {
    id: 'frontend.loses-a-ping',
    choice: 'has a stack that loses every 97th ping',
    source: 'RFC 792: does not require an echo reply',
    stack: stacks.losing(97),
  },
];
