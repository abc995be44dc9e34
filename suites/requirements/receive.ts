import type { Requirement } from '../../harness/run/requirement.js';

/** The rx ring's wire format, backend to frontend. */
// prettier-ignore
export const RXW: readonly Requirement[] = [
  { id: 'RXW-01', side: 'frontend', level: 'must', since: 'f0ffd6032f',
    statement: 'An rx request names a page that is granted to the backend for writing.',
    source: 'netif.h, "Guest receive", rx request: gref',
    lines: 'netif.h:852' },
  { id: 'RXW-02', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: "The response to an rx request carries that request's id, unless it is an extra.",
    source: 'netif.h, "Guest receive", rx response: id',
    lines: 'netif.h:851, 862, 883-884' },
  { id: 'RXW-03', side: 'backend', level: 'must', since: '03809ae77d',
    statement: 'A response on the rx ring is in the same slot as the request that it consumes.',
    source: 'netif.h, "Guest receive": note on the ring slot',
    lines: 'netif.h:870-872' },
  { id: 'RXW-04', side: 'backend', level: 'must', since: '03809ae77d',
    statement: 'Each fragment and each extra consumes one rx request.',
    source: 'netif.h, "Guest receive"; "Extra Info": the request that was consumed',
    lines: 'netif.h:820-828, 885-888' },
  { id: 'RXW-05', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement:
      'The status of a fragment without an error is its number of bytes, which is positive, and the packet is as long ' +
      'as their sum.',
    source: 'netif.h, "Guest receive": size; rx response: status',
    lines: 'netif.h:837-839, 865' },
  { id: 'RXW-06', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'A negative status in an rx response is ERROR or DROPPED.',
    source: 'netif.h, "Guest receive", rx response: status; NETIF_RSP_*',
    lines: 'netif.h:865, 1075-1077',
    note:
      "Linux passes on the grant operation's own status, such as -3; frontends treat all negative statuses alike. " +
      'That an unusable buffer gets a negative status at all is GNT-10.' },
  { id: 'RXW-07', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'Offset and status of an rx response together stay within the page of 4096 bytes.',
    source: 'netif.h, "Guest receive", rx response: offset',
    lines: 'netif.h:852, 863, 865' },
  { id: 'RXW-08', side: 'frontend', level: 'must', since: 'f0ffd6032f',
    statement: "The frontend reads a fragment's data at the response's offset.",
    source: 'netif.h, "Guest receive", rx response: offset',
    lines: 'netif.h:863' },
  // Both sides: the backend sets the flags.
  { id: 'RXW-09', side: 'both', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement:
      'An rx fragment is followed by another of its packet if and only if it has more_data, and later fragments have ' +
      'no other flag.',
    source: 'netif.h, "Guest receive": flags of fragment N',
    lines: 'netif.h:828-832, 1048' },
  { id: 'RXW-10', side: 'frontend', level: 'must', since: '03809ae77d',
    statement: "The frontend accepts extras between a packet's first fragment and its second.",
    source: 'netif.h, "Guest receive"',
    lines: 'netif.h:820-828' },
  // Not a must, here and in the next entry: the header says which slot an extra uses, not what happens to the buffer.
  { id: 'RXW-11', side: 'frontend', level: 'de-facto', since: '03809ae77d',
    statement: 'The frontend reuses the buffer of a request that an extra consumed.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  { id: 'RXW-12', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'On a negative status the frontend drops that packet, reuses its buffers and continues.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  { id: 'RXW-13', side: 'frontend', level: 'should', since: 'always',
    statement: 'A response with status 0 does no harm to the frontend.',
    source: 'good practice: netif.h gives 0 no meaning on the rx ring' },
  { id: 'RXW-14', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend refuses a response whose offset and status reach beyond the page.',
    source: 'good practice: netif.h, "Guest receive", rx response: offset in page' },
  // Not a must: the header is silent on partly pushed packets.
  { id: 'RXW-15', side: 'frontend', level: 'should', since: 'always', gate: 'feature-sg',
    statement:
      'If rsp_prod covers only a part of a packet, the frontend waits or drops the packet, and never uses the old ' +
      'contents of the slots.',
    source: 'good practice: ring.h, RING_PUSH_RESPONSES, defines what is visible' },
  { id: 'RXW-16', side: 'frontend', level: 'should', since: 'always',
    statement: 'An extra of unknown type costs the frontend at most that packet.',
    source: 'good practice: netif.h is silent on unknown types' },
  // Not a must: the header requires no number of rx requests.
  { id: 'RXW-17', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend replaces used rx requests.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os',
    note: 'When and how many at a time is open: FreeBSD did so when half of 32 were used, NetBSD when 204 of 256 are.' },
  // Not a must, here and in the next entry: netif.h is silent on both.
  { id: 'RXW-18', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'After its response to an rx request the backend no longer writes to its buffer.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU' },
  // Not de-facto: mirage clears the whole buffer first.
  { id: 'RXW-19', side: 'backend', level: 'should', since: 'always',
    statement:
      'The backend writes to a buffer only the bytes that offset and status give, and nothing to the buffer of a ' +
      'request that an extra consumed.',
    source: 'good practice: Linux, FreeBSD, NetBSD and QEMU do so; netif.h is silent' },
  // Not a must: netif.h is silent on the order of packets.
  { id: 'RXW-20', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend delivers the packets of one queue in the order in which it received them.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU' },
  // Not a must: the header is silent, and frontends rely on it.
  { id: 'RXW-21', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend publishes all slots of a packet by a single update of rsp_prod.',
    source: 'drivers: Linux, FreeBSD, QEMU' },
  // Not de-facto: NetBSD and mirage do not read the key.
  { id: 'RXW-22', side: 'backend', level: 'should', since: 'always',
    statement: 'A packet has more than one fragment only for a frontend that wrote feature-sg = 1.',
    source: 'good practice: Linux, FreeBSD and QEMU do so; netif.h does not have the key' },
  // Not a must: the header leaves bits 5 to 15 undefined.
  { id: 'RXW-23', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend sets no undefined bit in the flags of an rx response with data.',
    source: 'drivers: Linux, FreeBSD, QEMU; netif.h, NETRXF_*, defines bits 0 to 4' },
  // Not a must: the header is silent on what padding holds.
  { id: 'RXW-24', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'What the backend writes to padding and unused fields reveals nothing of its own memory.',
    source: 'drivers: Linux, FreeBSD, QEMU' },
  { id: 'RXW-25', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'The backend ignores the pad field of an rx request.',
    source: 'netif.h, "Guest receive", rx request',
    lines: 'netif.h:848, 1035' },
  { id: 'RXW-26', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'The backend accepts any 16-bit id in an rx request.',
    source: 'netif.h, "Guest receive", rx request: id',
    lines: 'netif.h:851, 1034' },
  // Not a must: the header only says when packets can't be kept.
  { id: 'RXW-27', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'Without rx buffers the backend drops or delays packets within bounds, and keeps working once there are buffers.',
    source: 'drivers: Linux, FreeBSD, NetBSD',
    note: 'QEMU leaves packets that wait until another event comes. Linux may take 10 s to drain and 60 s to detect a stall, after which it turns the carrier off.' },
  { id: 'RXW-28', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend works with a backend that follows both matching rules, by slot and by id.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  // Not a must: the header sets no number of slots of an rx packet, and a frontend may go by its MTU.
  { id: 'RXW-29', side: 'frontend', level: 'should', since: 'always', gate: 'feature-sg',
    statement: 'The frontend accepts an rx packet in as many slots as a packet of 65535 bytes may need.',
    source: 'good practice: netif.h sets a number of slots for tx only; Linux, Windows and NetBSD accept 17 on rx',
    note: 'Linux accepts 18 slots and drops packets with more; FreeBSD dropped packets of more than 5 until 2016.' },
  { id: 'RXW-30', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend passes on the packets of one queue in the order of the ring.',
    source: 'good practice: netif.h is silent on the order of packets; Linux, FreeBSD, NetBSD and iPXE keep it' },
  { id: 'RXW-31', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend delivers a packet once enough buffers for it are posted.',
    source: 'good practice: netif.h requires no number of rx requests' },
  // Not a must, here and in the next entry: netif.h sets neither the least size of a fragment nor the contents of a frame.
  { id: 'RXW-32', side: 'frontend', level: 'should', since: 'always', gate: 'feature-sg',
    statement:
      'The frontend accepts an rx packet whose protocol headers are spread over several slots, if the first slot holds ' +
      'the Ethernet header.',
    source: 'good practice: netif.h sets no minimum size of a fragment; Linux, FreeBSD and Windows do so' },
  { id: 'RXW-33', side: 'frontend', level: 'should', since: 'always',
    statement:
      'The frontend passes on unchanged any Ethernet frame of up to 1514 bytes, or 1518 with a VLAN tag, and drops or ' +
      'passes on a longer one without harm.',
    source: 'good practice: netif.h, "MTU", gives 1500 octets of payload and is silent on what a frame carries' },
  // Not de-facto: iPXE begins a new packet there.
  { id: 'RXW-34', side: 'frontend', level: 'should', since: 'always', gate: 'feature-sg',
    statement: 'The slots after an error in a packet are no packet of their own for the frontend.',
    source: 'good practice: Linux (since 503bcd598c), FreeBSD and Windows skip them' },
  { id: 'RXW-35', side: 'frontend', level: 'de-facto', since: 'always',
    statement: "What the frontend passes to its stack is a packet of the backend: whole, with the same bytes, and once.",
    source: 'drivers: Linux, FreeBSD, OpenBSD, Windows, mini-os, iPXE',
    note:
      "Checksums, padding and a VLAN tag may differ, and TCP data may be merged or cut. Only the driver's stack sees " +
      "this; on the simulated Xen it is netifspec's." },
  // Not a must: netif.h is silent on the loss of packets.
  { id: 'RXW-36', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'The backend delivers the packets for a frontend that has free rx buffers on each of its queues, whatever their ' +
      'hash; it may lose single ones.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU' },
  // Not de-facto: a network may duplicate packets, and a driver may have more of a stack than netifspec knows.
  { id: 'RXW-37', side: 'backend', level: 'should', since: 'always',
    statement: 'What the backend delivers from its stack is a packet of it: whole, with the same bytes, and once.',
    source: 'good practice: Linux, FreeBSD, NetBSD and QEMU do so',
    note:
      'Frames to groups may be those of the driver, and a new connection may repeat what the earlier one had sent. ' +
      "Only the driver's stack sees this; on the simulated Xen it is netifspec's." },
];
