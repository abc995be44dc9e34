/** Frontends that combine choices, or choose what is legal and rare. */
import { KEY } from '../../../protocol/netif.js';
import { FRONTEND_STEPS as correct } from '../../frontend-steps.js';
import type { LegalDriver } from '../legal.js';
import * as features from '../support/frontend-features.js';
import * as packets from '../support/frontend-packets.js';
import * as rare from '../support/frontend-rare.js';
import * as rings from '../support/frontend-rings.js';
import * as walks from '../support/frontend-walks.js';
import { inParts, smallerSegments } from '../support/large-packets.js';
import * as choices from '../support/stack-choices.js';
import { filtering } from '../support/stacks.js';

const { keys, without } = features;
const STACK = 'netif.h does not describe the stack of a guest';
const NO_SG = keys({ [KEY.featureSg]: undefined, [KEY.featureGsoTcpv4]: undefined, [KEY.featureGsoTcpv6]: undefined });
const NO_NUMBER = 'netif.h, "Guest receive": sets no number of rx requests';

export const COMBINATIONS: readonly LegalDriver[] = [
  {
    id: 'frontend.one-rx-buffer',
    choice: 'has no feature-sg and keeps one rx buffer posted',
    source: NO_NUMBER,
    frontend: { ...NO_SG, ...rings.rxBuffers(1) },
  },
  {
    id: 'frontend.one-rx-buffer-late',
    choice: 'has no feature-sg, posts one rx buffer, and posts the next 2 ms after it was used',
    source: NO_NUMBER,
    frontend: { ...NO_SG, ...rings.rxBuffers(1), ...rings.refillsLater(2) },
  },
  {
    id: 'frontend.refills-when-empty',
    choice: 'has no feature-sg, posts 16 rx buffers, and posts again when all are used',
    source: NO_NUMBER,
    frontend: { ...NO_SG, ...rings.rxBuffers(16), ...rings.refillsBelow(0) },
  },
  {
    id: 'frontend.stepping-ids',
    choice: 'counts tx ids of all queues by one counter in steps of 257',
    source: 'netif.h, "Guest transmit", tx request: id is any 16-bit identifier',
    frontend: rare.steppingIds(),
  },
  {
    id: 'frontend.announces',
    choice: 'sends DHCP, ARP, multicast DNS and LLDP of its own every 4 ms on each queue',
    source: STACK,
    frontend: rare.announces(4),
  },
  {
    id: 'frontend.keeps-tx-busy',
    choice: 'always has broadcasts of its own in flight on each tx ring',
    source: STACK,
    frontend: rare.keepsTxBusy,
  },
  {
    id: 'frontend.replies-on-next-queue',
    choice: 'sends a reply on the queue after that of the request',
    source: 'netif.h, "Multiple transmit and receive queues": guests are free to transmit packets on any queue',
    frontend: rare.repliesOnNextQueue,
  },
  {
    id: 'frontend.initialising-again',
    choice: 'goes back to Initialising before it connects again',
    source: 'xenbus.h, enum xenbus_state, only names the states; netif.h has no state machine',
    frontend: rare.initialisingAgain,
  },
  {
    id: 'frontend.one-control-id',
    choice: 'gives each control request the same id, one request at a time',
    source: 'netif.h, "Control requests": id is echoed in the response; one outstanding request needs no other id',
    frontend: rare.oneControlId(),
  },
  {
    id: 'frontend.asks-at-once',
    choice: 'sends all requests for hashing without waiting for responses, the types last',
    source: 'netif.h, "Control ring": operationally much the same as a transmit ring',
    frontend: rare.asksAtOnce,
  },
  {
    id: 'frontend.grefs-one-by-one',
    choice: 'has its grants mapped one by one, and removes and adds every second again',
    source: 'netif.h, ADD_GREF_MAPPING and DEL_GREF_MAPPING: a list of any size',
    frontend: rare.grefsOneByOne,
  },
  {
    id: 'frontend.tx-pool-alone',
    choice: 'offers a staging pool for tx and none for rx',
    source: 'UEK4 netif.h, "Grant Allocation": describes the entries of each pool and demands neither pool',
    frontend: rare.onePool('tx'),
  },
  {
    id: 'frontend.rx-pool-alone',
    choice: 'offers a staging pool for rx and none for tx',
    source: 'UEK4 netif.h, "Grant Allocation": describes the entries of each pool and demands neither pool',
    frontend: rare.onePool('rx'),
  },
  {
    id: 'frontend.rx-pool-of-0',
    choice: 'offers a staging pool for tx, and one of no entries for rx',
    source: 'UEK4 netif.h, "Grant Allocation": size is the number of entries; XEN_EXT_MAX_GREF_ALLOC is a maximum',
    frontend: rare.emptyRxPool,
  },
  {
    id: 'frontend.pool-tables-writable',
    choice: 'grants the tables of its staging pools for writing, with other bytes in padding and after the entries',
    source: 'UEK4 netif.h, struct xen_ext_gref_alloc: says neither how the table is granted nor what padding holds',
    frontend: rare.writableTables,
  },
  {
    id: 'frontend.hash-extra-first',
    choice: 'sends a HASH extra before the GSO extra to a backend with hashing',
    source: 'netif.h, "Extra Info", HASH: a backend with hashing is assumed to accept it',
    frontend: rare.hashExtras('first'),
  },
  {
    id: 'frontend.hash-extra-last',
    choice: 'sends a HASH extra after the GSO extra to a backend with hashing',
    source: 'netif.h, "Extra Info", HASH: a backend with hashing is assumed to accept it',
    frontend: rare.hashExtras('last'),
  },
  {
    id: 'frontend.gso-smaller-segments',
    choice: 'describes large packets with a smaller size of a segment',
    source: 'netif.h, "Extra Info", GSO: size is the maximum payload size of each segment',
    frontend: { fitting: (vif, packet) => correct.fitting(vif, packet).flatMap(smallerSegments) },
  },
  {
    id: 'frontend.gso-in-parts',
    choice: 'sends a large packet as packets of three segments',
    source: 'netif.h, "feature-gso-tcpv4": a capability of the receiver, not an obligation of the sender',
    frontend: { fitting: (vif, packet) => correct.fitting(vif, packet).flatMap(inParts) },
  },
  {
    id: 'frontend.one-channel-polls',
    choice: 'has one queue, one channel and no feature-sg, polls every 3 ms and posts buffers late',
    source: 'netif.h, "feature-split-event-channels"; ring.h, "Notification hold-off"',
    frontend: {
      ...NO_SG,
      ...features.oneQueue,
      ...without(KEY.featureSplitEventChannels),
      ...rings.polls(3),
      ...rings.postsLate,
    },
  },
  {
    id: 'frontend.all-slots-at-page-ends',
    choice: 'uses 18 slots that end with their pages for each packet, with ids from 65535 down, published late',
    source: 'netif.h, "Guest transmit": offset, id and XEN_NETIF_NR_SLOTS_MIN',
    frontend: { ...packets.allSlots, ...packets.offsets('end'), ...rings.descendingIds, ...rings.batchesTx },
  },
  {
    id: 'frontend.straight-one-by-one',
    choice: 'writes key after key, goes straight to Connected, posts its buffers then, and closes without Closing',
    source: 'xenbus.h, enum xenbus_state, only names the states; netif.h has no state machine',
    warns: ['XB-35'],
    frontend: { ...walks.singly, ...walks.straight, ...rings.postsLate, ...walks.closesAtOnce },
  },
  {
    id: 'frontend.same-rx-id-full-ring',
    choice: 'posts all 256 rx slots with the id 0, and keeps the grants of its buffers',
    source: 'netif.h, "Guest receive": netfront does not make use of the rx response id',
    warns: ['TRUST-01', 'GNT-11'],
    frontend: { ...rings.rxBuffers(256), rxId: () => 0, ...packets.keepsGrants(256) },
  },
  {
    id: 'frontend.stack-other-headers',
    choice: 'has a stack with other values in the fields of its IP and TCP headers, and with options',
    source: STACK,
    warns: ['TXW-39'],
    stack: choices.otherHeaders,
  },
  {
    id: 'frontend.stack-other-mac',
    choice: 'has a stack that sends from another MAC than the one to which it listens',
    source: STACK,
    warns: ['TXW-39', 'XB-20'],
    stack: choices.otherMac,
  },
  {
    id: 'frontend.stack-arp-broadcast',
    choice: 'has a stack that broadcasts its ARP replies',
    source: `${STACK}; RFC 3927, 2.5, demands it of link-local addresses`,
    stack: choices.broadcastsArp,
  },
  {
    id: 'frontend.stack-arp-unicast-ignored',
    choice: 'has a stack that replies to broadcast ARP requests only',
    source: STACK,
    stack: choices.heedsBroadcastArp,
  },
  {
    id: 'frontend.stack-router',
    choice: 'has the stack of a router, whose neighbour advertisements do not override',
    source: `${STACK}; RFC 4861, 4.4`,
    stack: choices.routerAdvertisements,
  },
  {
    id: 'frontend.stack-resolves-first',
    choice: 'has a stack that asks for the MAC of a neighbour before it replies to it',
    source: `${STACK}; Linux net/core/neighbour.c, neigh_resolve_output`,
    stack: choices.resolvesFirst,
  },
  {
    id: 'frontend.mixed-channels',
    choice: 'has two event channels for queues of even number, and one for the others',
    source: 'netif.h, "Multiple transmit and receive queues": split event channels may optionally be used',
    frontend: rare.mixedChannels,
  },
  {
    id: 'frontend.reaps-late',
    choice: 'handles tx responses 50 ms after their event',
    source: 'ring.h sets no time for responses',
    frontend: rare.reapsLate(50),
  },
  {
    id: 'frontend.one-tx-packet',
    choice: 'has one packet outstanding on each tx ring and queues others',
    source: 'netif.h, "Guest transmit": sets no number of requests',
    frontend: packets.fewAtATime(1),
  },
  {
    id: 'frontend.4-tx-requests',
    choice: 'queues packets while four or more of its tx requests are outstanding',
    source: 'netif.h, "Guest transmit": sets no number of requests',
    frontend: packets.fewAtATime(4),
  },
  {
    id: 'frontend.budget-of-1',
    choice: 'consumes one rx response per millisecond',
    source: 'ring.h sets no time for responses',
    frontend: rings.budget(1),
  },
  {
    id: 'frontend.2-rx-buffers',
    choice: 'keeps two rx buffers posted although it has feature-sg',
    source: NO_NUMBER,
    warns: ['SLOT-08'],
    frontend: rings.rxBuffers(2),
  },
  {
    id: 'frontend.requests-filter-late',
    choice: 'requests a multicast filter 30 ms after it is connected, if the backend follows changes',
    source: 'netif.h, "feature-dynamic-multicast-control": may be set by the frontend at any time',
    frontend: rare.requestsFilterLate(30),
  },
  {
    id: 'frontend.two-groups-at-once',
    choice: 'changes its multicast filter by two extras of one dummy request',
    source: 'netif.h, "feature-multicast-control": dummy requests containing extra-info fragments',
    frontend: rare.twoGroupsAtOnce,
  },
  {
    id: 'frontend.stack-silent',
    choice: 'has a stack that does not reply',
    source: STACK,
    stack: filtering(() => false),
  },
  {
    id: 'frontend.stack-arp-alone',
    choice: 'has a stack that replies to ARP only',
    source: STACK,
    stack: filtering((kind) => kind === 'arp'),
  },
  {
    id: 'frontend.stack-no-tcp',
    choice: 'has a stack that resets no TCP connection',
    source: STACK,
    stack: filtering((kind) => kind !== 'tcp'),
  },
  {
    id: 'frontend.stack-drops-unresolved',
    choice: 'has a stack that asks for the MAC of a neighbour and loses what it would send meanwhile',
    source: `${STACK}; RFC 1122, 2.3.2.2, only recommends to keep a packet`,
    stack: choices.dropsUnresolved,
  },
  {
    id: 'frontend.stack-resets-limited',
    choice: 'has a stack that resets at most 5 connections per second',
    source: 'FreeBSD sys/netinet/ip_icmp.c, badport_bandlim: BANDLIM_RST_CLOSEDPORT',
    stack: choices.resetsLimited(5),
  },
];
