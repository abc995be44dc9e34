import type { Requirement } from './requirement.js';

/** Rings of ring.h: layout, indexes, who may write what. */
// prettier-ignore
export const RING: readonly Requirement[] = [
  { id: 'RING-01', side: 'both', level: 'must', since: 'always',
    statement:
      'Each ring is one page with its four 32-bit indexes at bytes 0, 4, 8 and 12 and its slots from byte 64, 256 ' +
      'of 12 bytes (tx), 256 of 8 (rx) and 128 of 16 (control).',
    source: 'ring.h, DEFINE_RING_TYPES and __CONST_RING_SIZE' },
  { id: 'RING-02', side: 'frontend', level: 'must', since: 'always',
    statement:
      'The frontend initialises the shared page before it publishes the grant reference: both producer indexes 0, ' +
      'both event indexes 1, private and padding bytes 0.',
    source: 'ring.h, SHARED_RING_INIT' },
  { id: 'RING-03', side: 'backend', level: 'must', since: 'always',
    statement:
      'The backend attaches to a ring as it finds it and never initialises the shared indexes, so requests pushed ' +
      'before it connects are served.',
    source: 'ring.h, DEFINE_RING_TYPES: only the front initializes the shared ring' },
  { id: 'RING-04', side: 'both', level: 'must', since: 'always',
    statement: 'Ring indexes run freely through 32 bits, are masked only to find a slot and are compared modulo 2^32.',
    source: 'ring.h, RING_GET_REQUEST and RING_FREE_REQUESTS',
    note: 'Near the wrap only where an end attaches at the current rsp_prod; from 0 it takes 2^32 messages.' },
  { id: 'RING-05', side: 'both', level: 'must', since: 'always',
    statement:
      'Every slot that a producer index covers holds its final contents by the time the index is seen to move.',
    source: 'ring.h, RING_PUSH_REQUESTS and RING_PUSH_RESPONSES',
    untestable: 'between the store of a slot and that of the index lies no moment that a peer can be sure to look at; a slot that came too late is seen as a wrong one by every test' },
  { id: 'RING-06', side: 'frontend', level: 'must', since: 'always',
    statement:
      'The frontend never has more requests outstanding, counted as req_prod minus rsp_prod, than the ring has ' +
      'slots.',
    source: 'ring.h, RING_FREE_REQUESTS and RING_FULL' },
  { id: 'RING-07', side: 'frontend', level: 'may', since: 'always',
    statement: 'The frontend may fill the ring to its last slot, and the backend serves a ring that is that full.',
    source: 'ring.h, RING_FULL; "Macros for manipulating rings" on outstanding requests',
    note:
      'The comment on flow control speaks of size minus one, the macros allow the full size, and drivers fill rx ' +
      'rings to 256.',
    untestable: 'a permission, which no frontend can break; that backends serve a full ring is RING-01' },
  { id: 'RING-08', side: 'backend', level: 'must', since: 'always',
    statement: "The backend's rsp_prod never gets ahead of the requests that it has consumed.",
    source: 'ring.h, XEN_RING_NR_UNCONSUMED_REQUESTS' },
  { id: 'RING-09', side: 'backend', level: 'must', since: 'always',
    statement: 'The backend answers every tx request slot with exactly one response slot, extra-info slots included.',
    source: 'netif.h, "Guest transmit" and NETIF_RSP_NULL; ring.h, "Macros for manipulating rings"' },
  { id: 'RING-10', side: 'backend', level: 'should', since: 'a63c57093b',
    statement:
      'The backend recognises a req_prod further ahead than the ring is long, neither reads beyond the ring nor ' +
      'loops on it, and leaves other vifs working.',
    source: 'ring.h, RING_REQUEST_PROD_OVERFLOW',
    note: 'Shutting down the offending vif is within the rule; Linux does so without a word in xenstore.' },
  { id: 'RING-11', side: 'frontend', level: 'should', since: 'd1f6296053',
    statement:
      'The frontend recognises a rsp_prod that claims more responses than it has requests outstanding, and its ' +
      'guest stays up.',
    source: 'ring.h, RING_RESPONSE_PROD_OVERFLOW' },
  { id: 'RING-12', side: 'both', level: 'should', since: '3f20b8def0',
    statement:
      'A slot is copied once and the copy is both validated and used, so a slot that changes meanwhile gives one of ' +
      'its two meanings and never a mixture.',
    source: 'ring.h, RING_COPY_REQUEST and RING_COPY_RESPONSE' },
  // ring.h doesn't say who may write what; that an end keeps to its own fields is what every driver does.
  { id: 'RING-13', side: 'both', level: 'de-facto', since: 'always',
    statement:
      'An end writes nothing of the shared page but its own two indexes and its own slots: req_prod and rsp_event ' +
      "are the frontend's, rsp_prod and req_event the backend's.",
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'RING-14', side: 'backend', level: 'must', since: 'always',
    statement: 'The backend consumes no request for whose response the ring has no room.',
    source: 'ring.h, XEN_RING_NR_UNCONSUMED_REQUESTS and RING_REQUEST_CONS_OVERFLOW' },
  { id: 'RING-15', side: 'both', level: 'may', since: 'always',
    statement: 'The backend may answer tx requests in any order, and the frontend matches the responses by id.',
    source: 'netif.h, "Guest transmit", tx response: id',
    note: 'The header says so outright for the control ring only; for tx the echoed id implies it.' },
  { id: 'RING-16', side: 'frontend', level: 'must', since: 'always',
    statement: 'Ids of tx requests in flight on one ring differ from each other.',
    source: 'netif.h, "Guest transmit", tx request: id identifies the request' },
  { id: 'RING-17', side: 'both', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'Each queue keeps the ring protocol on its own: ids, order and counters of one queue mean nothing on another.',
    source: 'netif.h, "Multiple transmit and receive queues": queues replicate the shared rings' },
  { id: 'RING-18', side: 'frontend', level: 'should', since: 'always',
    statement: 'After an overflow of a ring the frontend stops trusting that ring and its guest stays alive.',
    source:
      'good practice: ring.h, RING_RESPONSE_PROD_OVERFLOW calls such a backend ill-behaved and leaves the rest open' },
  { id: 'RING-19', side: 'both', level: 'must', since: 'always',
    statement:
      "A ring's page is 4 KiB whatever the page size of the guest, and the frontend grants it for reading and " +
      'writing.',
    source: 'ring.h, XEN_PAGE_SHIFT' },
  // Known of Linux only, so not "every driver": good practice rather than de-facto.
  { id: 'RING-20', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend refuses to connect a ring whose indexes claim more requests outstanding than it has slots.',
    source: 'good practice: Linux xen-netback checks the indexes as it maps the rings' },
];
