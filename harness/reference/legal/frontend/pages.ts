/** Frontends that use their ring pages, buffers and grants in rarer ways than those of rings.ts. */
import type { LegalDriver } from '../legal.js';
import * as offload from '../support/frontend-offload.js';
import * as pages from '../support/frontend-pages.js';
import * as rings from '../support/frontend-rings.js';

const NO_TIME = 'ring.h sets no time for responses';

export const PAGES: readonly LegalDriver[] = [
  {
    id: 'frontend.notifies-late',
    choice: 'notifies 2 ms after it has published requests',
    source: 'ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY: sets no time for the notification',
    frontend: pages.notifiesLate(2),
  },
  {
    id: 'frontend.one-rx-buffer-sg',
    choice: 'keeps one rx buffer posted although it has feature-sg',
    source: 'netif.h, "Guest receive": sets no number of rx requests',
    warns: ['SLOT-08'],
    frontend: rings.rxBuffers(1),
  },
  {
    id: 'frontend.polls-from-the-start',
    choice: 'polls its rings every 5 ms, and moves its event indices out of reach before it publishes the rings',
    source: 'ring.h, "Notification hold-off": an end that does not sleep needs no event',
    frontend: { ...rings.polls(5), ...pages.eventsOffEarly },
  },
  {
    id: 'frontend.smartpoll',
    choice: 'sets smartpoll_active of its rx ring while it serves the ring',
    source: 'ring.h, DEFINE_RING_TYPES: the union pvt of a shared ring has a byte of netif',
    frontend: pages.smartpoll,
  },
  {
    id: 'frontend.reaps-when-nearly-full',
    choice: 'handles tx responses when its tx ring is nearly full',
    source: NO_TIME,
    frontend: pages.reapsWhenNearlyFull,
  },
  {
    id: 'frontend.clears-rings',
    choice: 'clears the pages of its rings when it disconnects, before it ends their grants',
    source: 'grant_table.h, "End a grant": says nothing of what the page holds until then',
    frontend: pages.fillsRings(0),
  },
  {
    id: 'frontend.rx-target-moves',
    choice: 'keeps from 18 to 137 rx buffers posted, another number each time',
    source: 'Linux 3.10 xen-netfront.c, xennet_alloc_rx_buffers: rx_target',
    frontend: pages.rxTargetMoves(),
  },
  {
    id: 'frontend.freezes',
    choice: 'serves no ring for 600 ms of every 2 s',
    source: NO_TIME,
    frontend: pages.freezes(600, 2000),
    stack: (stack) => stack,
  },
  {
    id: 'frontend.breaks-for-good',
    choice: 'stops serving a queue after a response with an unknown id, or one that reaches beyond its page',
    source: 'Linux xen-netfront.c, xennet_tx_buf_gc: "Disabled for further use" (008f05a72d32)',
    frontend: pages.breaksForGood(),
  },
  {
    id: 'frontend.ends-grants-late',
    choice: 'ends the grant of a buffer 300 ms after its response',
    source: 'netif.h does not say when a grant ends; Linux grant-table.c defers it while the page is in use',
    frontend: pages.endsGrantsLate(300),
  },
  {
    id: 'frontend.one-grant-per-packet',
    choice: 'sends a packet in three fragments of one page with one grant',
    source: 'netif.h, "Guest transmit": offset and size place a fragment in its page',
    frontend: offload.oneGrantPerPacket,
  },
  {
    id: 'frontend.blanks-again',
    choice: 'leaves the complete checksum of a packet that it forwards blank again',
    source: 'netif.h, "feature-no-csum-offload": a blank checksum is acceptable, whoever blanked it',
    frontend: offload.blanksAgain,
  },
  {
    id: 'frontend.gso-size-1',
    choice: 'describes large packets with segments of 1 byte',
    source: 'netif.h, "Extra Info", GSO: size is the maximum payload size of each segment',
    frontend: offload.gsoOfSize(1),
  },
  {
    id: 'frontend.gso-on-every-tcp',
    choice: 'adds a GSO extra to each TCP packet with a blank checksum, even of one segment',
    source: 'netif.h, "Extra Info", GSO: sets no minimum length of a packet',
    frontend: offload.gsoOnEveryTcp,
  },
  {
    id: 'frontend.hash-extra-on-all',
    choice: 'sends each packet with a HASH extra to a backend with hashing',
    source: 'netif.h, "Extra Info", HASH: a backend with hashing is assumed to accept it',
    frontend: offload.hashExtraOnAll(),
  },
];
