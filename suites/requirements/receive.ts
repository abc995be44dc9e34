import type { Requirement } from './requirement.js';

/** The rx ring's wire format, backend to frontend. */
// prettier-ignore
export const RXW: readonly Requirement[] = [
  { id: 'RXW-01', side: 'frontend', level: 'must', since: 'f0ffd6032f',
    statement: 'An rx request names a page that the backend is granted to write.',
    source: 'netif.h, "Guest receive", rx request: gref' },
  { id: 'RXW-02', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: "The response to an rx request carries that request's id, unless it is an extra.",
    source: 'netif.h, "Guest receive", rx response: id' },
  { id: 'RXW-03', side: 'backend', level: 'must', since: '03809ae77d',
    statement: 'A response on the rx ring stands in the same slot as the request that it consumes.',
    source: 'netif.h, "Guest receive": note on the ring slot' },
  { id: 'RXW-04', side: 'backend', level: 'must', since: '03809ae77d',
    statement:
      "Each fragment and each extra consumes one rx request, and the buffer of an extra's request isn't written.",
    source: 'netif.h, "Guest receive"; "Extra Info": the request that was consumed' },
  { id: 'RXW-05', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'A positive status is the number of bytes in that fragment, and the packet is as long as their sum.',
    source: 'netif.h, "Guest receive": size; rx response: status' },
  { id: 'RXW-06', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'A negative status in an rx response is ERROR or DROPPED.',
    source: 'netif.h, "Guest receive", rx response: status; NETIF_RSP_*',
    note:
      "Linux passes on the grant operation's own status, such as -3; a status below 0 of any kind tells frontends " +
      'the same.' },
  { id: 'RXW-07', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'Offset and status of an rx response together stay within the page of 4096 bytes.',
    source: 'netif.h, "Guest receive", rx response: offset' },
  { id: 'RXW-08', side: 'frontend', level: 'must', since: 'f0ffd6032f',
    statement: "The frontend finds a fragment's data at the response's offset.",
    source: 'netif.h, "Guest receive", rx response: offset' },
  // Both sides: setting the flags is the backend's part.
  { id: 'RXW-09', side: 'both', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement:
      'An rx fragment is followed by another of its packet exactly if it has more_data, and later fragments have no ' +
      'other flag.',
    source: 'netif.h, "Guest receive": flags of fragment N' },
  { id: 'RXW-10', side: 'frontend', level: 'must', since: '03809ae77d',
    statement: "The frontend takes extras between a packet's first fragment and its second.",
    source: 'netif.h, "Guest receive"' },
  // Not a must, here and in the next entry: the text says which slot an extra takes, not what becomes of the buffer.
  { id: 'RXW-11', side: 'frontend', level: 'de-facto', since: '03809ae77d',
    statement: 'The frontend reuses the buffer of a request that an extra consumed.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  { id: 'RXW-12', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'A negative status makes the frontend drop that packet, reuse its buffers and go on.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  { id: 'RXW-13', side: 'frontend', level: 'should', since: 'always',
    statement: 'A response with status 0 does the frontend no harm.',
    source: 'good practice: netif.h gives 0 no meaning on the rx ring' },
  { id: 'RXW-14', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend refuses a response whose offset and status leave the page.',
    source: 'good practice: netif.h, "Guest receive", rx response: offset in page' },
  // Not a must: the text is silent on packets pushed in part.
  { id: 'RXW-15', side: 'frontend', level: 'should', since: 'always', gate: 'feature-sg',
    statement:
      'Faced with a packet of which rsp_prod covers only a part, the frontend waits or drops it, and never takes ' +
      'what stood in the slots before.',
    source: 'good practice: ring.h, RING_PUSH_RESPONSES, tells what is visible' },
  { id: 'RXW-16', side: 'frontend', level: 'should', since: 'always',
    statement: 'An extra of unknown type costs the frontend at most that packet.',
    source: 'good practice: netif.h is silent on unknown types' },
  // Not a must: the text demands no number of rx requests.
  { id: 'RXW-17', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend replaces used rx requests, so that the backend finds room for a largest packet again.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os',
    note: 'How many slots a packet may take on rx is open: Linux netfront takes 18, and drops what has more.' },
  // Not a must, here and in the next two entries: netif.h is silent on all three.
  { id: 'RXW-18', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'Once it has answered an rx request the backend no longer writes to its buffer.',
    source: 'every driver: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'RXW-19', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend writes nothing to a buffer but the bytes that offset and status tell.',
    source: 'every driver: Linux, FreeBSD, QEMU' },
  { id: 'RXW-20', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend delivers the packets of one queue in the order in which it got them.',
    source: 'every driver: Linux, FreeBSD, NetBSD, QEMU' },
  // Not a must: the text is silent, and frontends count on it.
  { id: 'RXW-21', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'One move of rsp_prod covers all slots of a packet.',
    source: 'every driver: Linux, FreeBSD, QEMU' },
  { id: 'RXW-22', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'A packet has more than one fragment only for a frontend that wrote feature-sg as 1.',
    source: 'every driver: Linux, FreeBSD' },
  // Not a must: the text leaves bits 5 to 15 undefined.
  { id: 'RXW-23', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend sets no undefined bit in the flags of an rx response.',
    source: 'every driver: Linux, FreeBSD, QEMU; netif.h, NETRXF_*, defines bits 0 to 4' },
  // Not a must: the text is silent on what padding holds.
  { id: 'RXW-24', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'What the backend writes in padding and unused fields tells nothing of its own memory.',
    source: 'every driver: Linux, FreeBSD, QEMU' },
  { id: 'RXW-25', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'The backend ignores the pad field of an rx request.',
    source: 'netif.h, "Guest receive", rx request' },
  { id: 'RXW-26', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'The backend takes any 16-bit id in an rx request.',
    source: 'netif.h, "Guest receive", rx request: id' },
  // Not a must: the text only tells when packets can't be kept.
  { id: 'RXW-27', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'Without rx buffers the backend drops or delays packets within bounds, and works on once there are buffers.',
    source: 'every driver: Linux, FreeBSD, NetBSD, QEMU',
    note: 'Linux may take 10 s to drain and 60 s to see a stall, upon which the carrier goes off.' },
  { id: 'RXW-28', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend works with a backend that keeps both rules of matching: by slot and by id.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
];
