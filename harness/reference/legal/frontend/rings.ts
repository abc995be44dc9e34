/** Frontends that use their rings in another way: event indices, notifications, and polling. */
import { KEY } from '../../../protocol/netif.js';
import type { LegalDriver } from '../legal.js';
import { keys } from '../support/frontend-features.js';
import * as rings from '../support/frontend-rings.js';

export const RINGS: readonly LegalDriver[] = [
  {
    id: 'frontend.half-batch',
    choice: 'asks for a tx event at half of the outstanding requests',
    source: 'mini-os netfront.c, network_tx_buf_gc (0e55c583a0f4); NetBSD, OpenBSD and FreeBSD do so too',
    frontend: rings.halfBatch,
  },
  {
    id: 'frontend.reaps-when-sending',
    choice: 'handles tx responses only when it sends',
    source: 'Unikraft netfront.c, netfront_xmit (00231279e82e)',
    frontend: rings.reapsWhenSending,
  },
  {
    id: 'frontend.polls',
    choice: 'polls its rings every 5 ms and never asks for an event',
    source: 'iPXE netfront.c, netfront_poll (0c4e8c47bcc3)',
    frontend: rings.polls(5),
  },
  {
    id: 'frontend.polls-slowly',
    choice: 'polls its rings every 100 ms',
    source: 'sysml/mini-os netfront.c, polled by its application (50cfef1)',
    frontend: rings.polls(100),
  },
  {
    id: 'frontend.polls-without-events',
    choice: 'polls its rings every 5 ms and moves its event indices out of reach once it is connected',
    source: 'ring.h, "Notification hold-off": an end that does not sleep needs no event',
    frontend: { ...rings.polls(5), ...rings.eventsOff },
  },
  {
    id: 'frontend.rx-event-ahead',
    choice: 'asks for an rx event four responses ahead, and polls every 20 ms',
    source: 'ring.h, "Notification hold-off": batches of work',
    frontend: rings.rxEventAhead,
  },
  {
    id: 'frontend.moderates',
    choice: 'handles an event 3 ms after its arrival',
    source: 'ring.h, "Notification hold-off": sets no time limit for handling an event',
    frontend: rings.moderates(3),
  },
  {
    id: 'frontend.budget',
    choice: 'consumes at most 4 rx responses at a time',
    source: 'Linux xen-netfront.c, xennet_poll (008f05a72d32)',
    frontend: rings.budget(4),
  },
  {
    id: 'frontend.batches-tx',
    choice: 'publishes packets a millisecond later, with all packets sent in between',
    source: 'ring.h, RING_PUSH_REQUESTS: any number of requests at a time',
    frontend: rings.batchesTx,
  },
  {
    id: 'frontend.notifies-always',
    choice: 'notifies whatever the event index says',
    source: 'netif.h, "feature-rx-notify": notifications should be conditional',
    warns: ['NOTIFY-01', 'NOTIFY-13'],
    frontend: rings.notifiesAlways,
  },
  {
    id: 'frontend.descending-ids',
    choice: 'allocates tx ids from 65535 down',
    source: 'netif.h, "Guest transmit": id is echoed',
    frontend: rings.descendingIds,
  },
  {
    id: 'frontend.random-ids',
    choice: 'uses random 16-bit ids on both rings',
    source: 'netif.h, "Guest transmit" and "Guest receive": id is echoed',
    frontend: rings.randomIds(),
  },
  {
    id: 'frontend.counting-rx-ids',
    choice: 'increments rx ids through 16 bits',
    source: 'mirage-net-xen frontend.ml, refill_requests (04b440cd6456)',
    frontend: rings.countingRxIds(),
  },
  {
    id: 'frontend.one-rx-id',
    choice: 'uses the id 0 for every rx request, and matches responses by slot',
    source: 'netif.h, "Guest receive": a response is in the slot of its request',
    frontend: { rxId: () => 0 },
  },
  {
    id: 'frontend.free-list',
    choice: 'reuses the most recently freed tx id first',
    source: 'Linux xen-netfront.c, get_id_from_list (008f05a72d32)',
    frontend: rings.freeList(),
  },
  {
    id: 'frontend.one-id-per-packet',
    choice: 'uses one tx id for all slots of a packet, and frees one of its pages with each response',
    source: 'netif.h, "Guest transmit": id is echoed; OpenBSD if_xnf.c has one id per packet (02808233fed8)',
    frontend: rings.oneIdPerPacket(),
  },
  {
    id: 'frontend.full-rx-ring',
    choice: 'keeps all 256 rx slots posted',
    source: 'mini-os netfront.c, init_rx_buffers (0e55c583a0f4)',
    frontend: rings.rxBuffers(256),
  },
  {
    id: 'frontend.18-rx-buffers',
    choice: 'keeps 18 rx buffers',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN: sets no number of rx requests',
    frontend: rings.rxBuffers(18),
  },
  {
    id: 'frontend.8-rx-buffers',
    choice: 'keeps 8 rx buffers posted although it has feature-sg',
    source: 'netif.h, "Guest receive": sets no number of rx requests',
    warns: ['SLOT-08'],
    frontend: rings.rxBuffers(8),
  },
  {
    id: 'frontend.fewer-rx-buffers',
    choice: 'keeps 64 rx buffers posted at first, and fewer with each 4 packets, down to 8',
    source: 'Linux 2.6.23 xen-netfront.c, network_alloc_rx_buffers: a target that varies, with RX_MIN_TARGET 8',
    warns: ['SLOT-08'],
    frontend: rings.fewerRxBuffers(),
  },
  {
    id: 'frontend.refills-in-batches',
    choice: 'posts rx buffers when half of 32 are used',
    source: 'FreeBSD netfront.c, network_alloc_rx_buffers (6a21cddf81c7)',
    warns: ['SLOT-08'],
    frontend: { ...rings.rxBuffers(32), ...rings.refillsBelow(1 / 2) },
  },
  {
    id: 'frontend.refills-late',
    choice: 'posts rx buffers 2 ms after others were used',
    source: 'Linux xen-netfront.c, rx_refill_timeout (008f05a72d32)',
    frontend: rings.refillsLater(2),
  },
  {
    id: 'frontend.posts-late',
    choice: 'posts its first rx buffers when the backend is Connected',
    source: 'iPXE netfront.c, netfront_open (0c4e8c47bcc3)',
    frontend: rings.postsLate,
  },
  {
    id: 'frontend.dirty-pad',
    choice: 'leaves arbitrary bits in the pad of an rx request',
    source: 'netif.h, "Guest receive": pad is not described',
    frontend: rings.dirtyPad,
  },
  {
    id: 'frontend.silent-buffers',
    choice: 'posts rx buffers a millisecond later and does not notify',
    source: 'netif.h, "feature-rx-notify": without it the backend expects no notification',
    frontend: { ...keys({ [KEY.featureRxNotify]: undefined }), ...rings.refillsLater(1), ...rings.quietRx },
  },
  {
    id: 'frontend.reads-when-it-can-send',
    choice: 'reads no packets while it has no room for their replies on its tx ring',
    source: 'ring.h does not say when a consumer looks at a ring',
    frontend: rings.readsWhenItCanSend,
  },
];
