import type { Requirement } from '../../harness/run/requirement.js';

/** Rings of ring.h: layout, indices, and which end may write what. */
// prettier-ignore
export const RING: readonly Requirement[] = [
  { id: 'RING-01', side: 'both', level: 'must', since: 'always',
    statement:
      'Each ring is one page with its four 32-bit indices at bytes 0, 4, 8 and 12 and its slots from byte 64: 256 ' +
      'slots of 12 bytes (tx), 256 of 8 (rx), 128 of 16 (control).',
    source: 'ring.h, DEFINE_RING_TYPES and __CONST_RING_SIZE',
    lines: 'ring.h:56-61, 109-110, 118-121; netif.h:752-754, 1072-1073' },
  { id: 'RING-02', side: 'frontend', level: 'must', since: 'always',
    statement:
      'The frontend initialises the shared page before it publishes the grant reference: both producer indices 0, ' +
      'both event indices 1, private and padding bytes 0.',
    source: 'ring.h, SHARED_RING_INIT',
    lines: 'ring.h:92-93, 161-166, 177-180' },
  { id: 'RING-03', side: 'backend', level: 'must', since: 'always',
    statement:
      'The backend attaches to a ring as it is and never initialises the shared indices, so it serves requests that ' +
      'were pushed before it connected.',
    source: 'ring.h, DEFINE_RING_TYPES: only the front initializes the shared ring',
    lines: 'ring.h:92-93, 182-184, 189' },
  { id: 'RING-04', side: 'both', level: 'must', since: 'always',
    statement: 'Ring indices run freely through 32 bits, are masked only to find a slot and are compared modulo 2^32.',
    source: 'ring.h, RING_GET_REQUEST and RING_FREE_REQUESTS',
    lines: 'ring.h:44, 196-197, 240-244',
    note:
      'The wrap is within reach only if an end attaches at the current rsp_prod; from index 0 it is 2^32 messages ' +
      'away.' },
  { id: 'RING-05', side: 'both', level: 'must', since: 'always',
    statement:
      'A producer writes the final contents of a slot before the producer index that covers the slot is seen to move.',
    source: 'ring.h, RING_PUSH_REQUESTS and RING_PUSH_RESPONSES',
    lines: 'ring.h:276-277, 281-282',
    note:
      'Seen on the simulated Xen only, which looks at the slots whenever the index moves; elsewhere a slot that is ' +
      'written too late is seen as a wrong slot, if at all.' },
  { id: 'RING-06', side: 'frontend', level: 'must', since: 'always',
    statement:
      'The frontend never has more requests outstanding, counted as req_prod minus rsp_prod, than the ring has slots.',
    source: 'ring.h, RING_FREE_REQUESTS and RING_FULL',
    lines: 'ring.h:195-203' },
  { id: 'RING-07', side: 'frontend', level: 'may', since: 'always',
    statement: 'The frontend may fill the ring to its last slot, and the backend serves a full ring.',
    source: 'ring.h, RING_FULL; "Macros for manipulating rings" on outstanding requests',
    note:
      'The comment on flow control says size minus one, the macros allow the full size, and drivers fill rx rings to ' +
      '256.',
    untestable: 'MAY: every frontend conforms; RING-01 requires that backends serve a full ring' },
  { id: 'RING-08', side: 'backend', level: 'must', since: 'always',
    statement: "The backend's rsp_prod never gets ahead of the requests that it has consumed.",
    source: 'ring.h, XEN_RING_NR_UNCONSUMED_REQUESTS',
    lines: 'ring.h:151-157, 212-213' },
  { id: 'RING-09', side: 'backend', level: 'must', since: 'always',
    statement:
      'The backend responds to every tx request slot, extra-info slots included, with exactly one response slot.',
    source: 'netif.h, "Guest transmit" and NETIF_RSP_NULL; ring.h, "Macros for manipulating rings"',
    lines: 'netif.h:799, 812, 1078-1079; ring.h:155-157' },
  { id: 'RING-10', side: 'backend', level: 'should', since: 'a63c57093b',
    statement:
      'The backend detects a req_prod further ahead than the ring is long, neither reads beyond the ring nor loops ' +
      'on it, and keeps its other vifs working.',
    source: 'ring.h, RING_REQUEST_PROD_OVERFLOW',
    note: 'The backend may shut down the offending vif; Linux does so without reporting it in xenstore.' },
  { id: 'RING-11', side: 'frontend', level: 'should', since: 'd1f6296053',
    statement:
      'The frontend detects a rsp_prod that claims more responses than it has requests outstanding, and its guest ' +
      'stays up.',
    source: 'ring.h, RING_RESPONSE_PROD_OVERFLOW' },
  { id: 'RING-12', side: 'both', level: 'should', since: '3f20b8def0',
    statement:
      'An end copies a slot once, then validates and uses that copy: if the slot changes meanwhile, the end acts on ' +
      'one of its two versions, never on a mixture.',
    source: 'ring.h, RING_COPY_REQUEST and RING_COPY_RESPONSE' },
  // ring.h doesn't say which end may write what; every driver keeps to its own fields.
  { id: 'RING-13', side: 'both', level: 'de-facto', since: 'always',
    statement:
      'An end writes only its own two indices and its own slots in the shared page: req_prod and rsp_event belong to ' +
      'the frontend, rsp_prod and req_event to the backend.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'RING-14', side: 'backend', level: 'must', since: 'always',
    statement: 'The backend consumes a request only if the ring has room for its response.',
    source: 'ring.h, XEN_RING_NR_UNCONSUMED_REQUESTS and RING_REQUEST_CONS_OVERFLOW',
    lines: 'ring.h:211-214, 263-265',
    untestable:
      'a frontend within its rights never has more requests outstanding than the ring has slots, and a backend that ' +
      'responds to each request at once has room for any number' },
  { id: 'RING-15', side: 'both', level: 'may', since: 'always',
    statement: 'The backend may respond to tx requests in any order, and the frontend matches the responses by id.',
    source: 'netif.h, "Guest transmit", tx response: id',
    note: 'The header says so explicitly for the control ring only; for tx the echoed id implies it.',
    untestable: 'MAY: every backend conforms; RXW-11, TXW-16 and TXW-17 bind the frontend, in any order of the responses' },
  // Not a must: the header calls id the identifier of a request, and says no more.
  { id: 'RING-16', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend gives tx requests in flight on one ring different ids, unless they are slots of one packet.',
    source: 'drivers: Linux, FreeBSD, NetBSD, Windows, mini-os',
    note: 'OpenBSD gives all slots of a packet the same id.' },
  { id: 'RING-17', side: 'both', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'Each queue runs the ring protocol on its own: ids, order and counters of one queue mean nothing on another.',
    source: 'netif.h, "Multiple transmit and receive queues": queues replicate the shared rings',
    lines: 'netif.h:64, 68-69' },
  { id: 'RING-18', side: 'frontend', level: 'should', since: 'always',
    statement: 'After a ring overflow the frontend stops trusting that ring, and its guest stays alive.',
    source:
      'good practice: ring.h, RING_RESPONSE_PROD_OVERFLOW, calls such a backend ill-behaved and leaves the rest open' },
  { id: 'RING-19', side: 'both', level: 'must', since: 'always',
    statement:
      "A ring's page is 4 KiB whatever the page size of the guest, and the frontend grants it for reading and writing.",
    source: 'ring.h, XEN_PAGE_SHIFT',
    lines: 'ring.h:394-398' },
  // Known for Linux only, so not "every driver": good practice rather than de-facto.
  { id: 'RING-20', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend refuses to connect a ring whose indices claim more outstanding requests than it has slots.',
    source: 'good practice: Linux xen-netback checks the indices when it maps the rings' },
  { id: 'RING-21', side: 'frontend', level: 'should', since: 'always',
    statement:
      "The frontend doesn't depend on what the backend can change in the shared page: neither on its own requests " +
      'after it has published them, nor on req_prod.',
    source: 'good practice: Linux xen-netfront keeps its own copies since 162081ec33c2; ring.h has private indices',
    note: 'OpenBSD reads req_prod back.' },
];
