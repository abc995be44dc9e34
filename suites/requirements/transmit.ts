import type { Requirement } from './requirement.js';

/** The tx ring's wire format, frontend to backend. */
// prettier-ignore
export const TXW: readonly Requirement[] = [
  { id: 'TXW-01', side: 'frontend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement: "The first fragment's size is that of the whole packet, every later fragment's size its own.",
    source: 'netif.h, "Guest transmit": size' },
  { id: 'TXW-02', side: 'backend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement:
      "The backend takes the first fragment's length as the packet's size less the sizes of all later fragments.",
    source: 'netif.h, "Guest transmit": note' },
  { id: 'TXW-03', side: 'frontend', level: 'must', since: 'always',
    statement: 'No packet is larger than 65535 bytes.',
    source: 'netif.h, XEN_NETIF_MAX_TX_SIZE' },
  { id: 'TXW-04', side: 'frontend', level: 'must', since: 'f0ffd6032f',
    statement: 'Offset and length of a fragment stay within its page of 4096 bytes.',
    source: 'netif.h, "Guest transmit", tx request: grant ref and offset' },
  { id: 'TXW-05', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend refuses a fragment that leaves its page and never reads beyond the page.',
    source: 'good practice: netif.h is silent on the answer',
    note:
      'An ERROR response and an end of the vif are both seen; Linux disables the vif, FreeBSD, NetBSD and QEMU ' +
      'answer ERROR.' },
  { id: 'TXW-06', side: 'frontend', level: 'must', since: '03809ae77d',
    statement:
      'Extras follow the first fragment directly and only if it has extra_info, each further one only if the extra ' +
      'before it has the more flag.',
    source: 'netif.h, "Guest transmit"; "Extra Info"' },
  { id: 'TXW-07', side: 'frontend', level: 'must', since: '03809ae77d',
    statement:
      'A fragment is followed by another of its packet exactly if it has more_data, whatever the flags of extras ' +
      'between them.',
    source: 'netif.h, "Guest transmit"' },
  { id: 'TXW-08', side: 'frontend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement: "A packet's later fragments have no flag but more_data.",
    source: 'netif.h, "Guest transmit": flags of fragment N',
    note: 'Read to the letter the text forbids more_data there as well, which its own chaining rule needs.' },
  { id: 'TXW-09', side: 'backend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement: 'The backend takes a packet whose slots are its first fragment, then extras, then further fragments.',
    source: 'netif.h, "Guest transmit"' },
  { id: 'TXW-10', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'A tx response carries the id of the request that it answers.',
    source: 'netif.h, "Guest transmit", tx response: id' },
  { id: 'TXW-11', side: 'backend', level: 'must', since: 'f0ffd6032f', gate: 'feature-sg',
    statement: 'Each fragment of a packet is answered by a response of its own, with its own id.',
    source: 'netif.h, "Guest transmit", tx response: id' },
  { id: 'TXW-12', side: 'backend', level: 'must', since: 'always',
    statement: 'The slot of an extra is answered with status NULL.',
    source: 'netif.h, NETIF_RSP_NULL',
    note: 'What stands in the id of such a response means nothing.' },
  { id: 'TXW-13', side: 'backend', level: 'must', since: 'always',
    statement: 'The status of a tx response is OKAY, ERROR or DROPPED, and NULL for extras alone.',
    source: 'netif.h, "Guest transmit", tx response: status; NETIF_RSP_*' },
  { id: 'TXW-14', side: 'backend', level: 'should', since: 'always',
    statement: "A packet answered OKAY was accepted for delivery, and a malformed one isn't answered OKAY.",
    source: 'netif.h, NETIF_RSP_OKAY, NETIF_RSP_ERROR and NETIF_RSP_DROPPED' },
  // Not a must, here and in the next two entries: netif.h says it of control messages only.
  { id: 'TXW-15', side: 'backend', level: 'de-facto', since: 'always',
    statement: "Once it has answered a tx request the backend no longer uses the request's grant.",
    source: 'every driver: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'TXW-16', side: 'frontend', level: 'de-facto', since: 'always',
    statement:
      'The frontend neither ends the grant of a tx request nor reuses its buffer or id before the response has come.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'TXW-17', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend gets its buffer back by any response, and goes on sending after ERROR and DROPPED.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'TXW-18', side: 'frontend', level: 'must', since: 'always',
    statement: 'The frontend takes a response with status NULL as no answer to any request, whatever its id.',
    source: 'netif.h, NETIF_RSP_NULL; "Extra Info": no id information in the opposite direction' },
  { id: 'TXW-19', side: 'frontend', level: 'should', since: 'always',
    statement: "A response with an id that isn't in flight does the frontend's guest no harm.",
    source: 'good practice: netif.h is silent on wrong ids' },
  // Not a must: the text is silent on packets pushed in part.
  { id: 'TXW-20', side: 'backend', level: 'should', since: 'always',
    statement:
      'Faced with a packet of which req_prod covers only a part, the backend waits or refuses it, and never reads ' +
      'slots beyond req_prod.',
    source: 'good practice: ring.h, RING_PUSH_REQUESTS, tells what is visible',
    note: 'A backend may wait, as FreeBSD does, or disable the vif, as Linux does.' },
  // Not a must: the text is silent, and backends count on it.
  { id: 'TXW-21', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'One move of req_prod covers all slots of a packet.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  // Not a must: the text is silent on undefined bits.
  { id: 'TXW-22', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend ignores undefined bits in the flags of a tx request.',
    source: 'good practice: netif.h, NETTXF_*, defines bits 0 to 3 only' },
  { id: 'TXW-23', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'The backend takes any 16-bit id in a tx request.',
    source: 'netif.h, "Guest transmit", tx request: id' },
  // Not a must: the text is silent on the kind of grant.
  { id: 'TXW-24', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend accepts tx pages that are granted read-only.',
    source: 'every driver: Linux, FreeBSD, QEMU; all frontends grant them so' },
  { id: 'TXW-25', side: 'backend', level: 'should', since: 'always',
    statement: 'A packet too short for an Ethernet header is answered ERROR.',
    source: 'good practice: netif.h is silent; Linux and QEMU do so' },
  { id: 'TXW-26', side: 'backend', level: 'should', since: 'always', gate: 'feature-sg',
    statement: 'A fragment of no bytes is answered OKAY or ERROR and does no harm.',
    source: 'good practice: netif.h is silent on empty fragments' },
  { id: 'TXW-27', side: 'backend', level: 'should', since: 'always', gate: 'feature-sg',
    statement:
      'A packet whose later fragments add up to more than its size is answered ERROR in every slot, and the next ' +
      'packet passes.',
    source: "good practice: netif.h is silent on sizes that don't add up" },
  // Not a must: the text defines the status but not its occasion.
  { id: 'TXW-28', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'A packet with a bad grant reference is answered ERROR, and the next packet passes.',
    source: 'every driver: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'TXW-29', side: 'backend', level: 'should', since: 'always',
    statement:
      'A packet with an extra of unknown type is refused, and unless the vif ends over it all its slots are ' +
      'answered.',
    source: 'good practice: netif.h is silent on unknown types',
    note: 'Linux disables the vif, FreeBSD discards the extra, QEMU answers ERROR for each slot.' },
  // Not a must: the text is silent on the order of packets.
  { id: 'TXW-30', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend passes on the packets of one queue in the order in which they were sent.',
    source: 'every driver: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'TXW-31', side: 'backend', level: 'must', since: 'always',
    statement: 'The backend takes an Ethernet frame of up to 1514 bytes in one slot, whatever features are negotiated.',
    source: 'netif.h, "Guest transmit"; "MTU": 1500 octets' },
  { id: 'TXW-32', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend uses more than one data slot only for a backend that offers feature-sg.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  // Not a must, here and in the next entry: the text never describes the packet itself.
  { id: 'TXW-33', side: 'frontend', level: 'de-facto', since: 'always',
    statement:
      'A packet is an Ethernet frame, from its header to the end of its payload, without a frame check sequence.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'TXW-34', side: 'backend', level: 'de-facto', since: 'always',
    statement: "The backend takes frames below the 60 bytes of a wire's minimum.",
    source: 'every driver: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'TXW-35', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The first fragment holds at least the Ethernet header.',
    source: 'every driver: Linux, FreeBSD, Windows' },
];
