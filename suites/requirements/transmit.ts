import type { Requirement } from '../../harness/run/requirement.js';

/** The tx ring's wire format, frontend to backend. */
// prettier-ignore
export const TXW: readonly Requirement[] = [
  { id: 'TXW-01', side: 'frontend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement:
      'The size in the first fragment is that of the whole packet; the size in every later fragment is its own.',
    source: 'netif.h, "Guest transmit": size',
    lines: 'netif.h:762-763, 770-774' },
  { id: 'TXW-02', side: 'backend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement:
      "The backend computes the first fragment's length as the packet's size minus the sizes of all later fragments.",
    source: 'netif.h, "Guest transmit": note',
    lines: 'netif.h:779-781' },
  { id: 'TXW-03', side: 'frontend', level: 'must', since: 'always',
    statement: 'The frontend sends no packet larger than 65535 bytes.',
    source: 'netif.h, XEN_NETIF_MAX_TX_SIZE',
    lines: 'netif.h:973' },
  { id: 'TXW-04', side: 'frontend', level: 'must', since: 'f0ffd6032f',
    statement: 'The offset and length of a fragment stay within its page of 4096 bytes.',
    source: 'netif.h, "Guest transmit", tx request: grant ref and offset',
    lines: 'netif.h:796-797' },
  { id: 'TXW-05', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend refuses a fragment that crosses the end of its page and never reads beyond the page.',
    source: 'good practice: netif.h is silent on the response',
    note:
      'Both an ERROR response and a shutdown of the vif occur: Linux disables the vif, NetBSD and QEMU respond with ' +
      'ERROR, and FreeBSD has no check of its own.' },
  { id: 'TXW-06', side: 'frontend', level: 'must', since: '03809ae77d',
    statement:
      'Extras directly follow the first fragment, and only if it has extra_info; each further extra follows only if ' +
      'the extra before it has the more flag.',
    source: 'netif.h, "Guest transmit"; "Extra Info"',
    lines: 'netif.h:764-768' },
  { id: 'TXW-07', side: 'frontend', level: 'must', since: '03809ae77d',
    statement:
      'A fragment is followed by another fragment of its packet if and only if it has more_data, whatever the flags ' +
      'of extras between them.',
    source: 'netif.h, "Guest transmit"',
    lines: 'netif.h:770-772, 965' },
  { id: 'TXW-08', side: 'frontend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement: 'The later fragments of a packet have no flag except more_data.',
    source: 'netif.h, "Guest transmit": flags of fragment N',
    lines: 'netif.h:770-773',
    note: 'Read literally, the header forbids more_data there as well, but its own chaining rule needs it.' },
  { id: 'TXW-09', side: 'backend', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement: 'The backend accepts a packet whose slots are its first fragment, then extras, then further fragments.',
    source: 'netif.h, "Guest transmit"',
    lines: 'netif.h:762-772' },
  { id: 'TXW-10', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'A tx response carries the id of its request.',
    source: 'netif.h, "Guest transmit", tx response: id',
    lines: 'netif.h:799, 812' },
  { id: 'TXW-11', side: 'backend', level: 'must', since: 'f0ffd6032f', gate: 'feature-sg',
    statement: 'The backend responds to each fragment of a packet separately, with the id of that fragment.',
    source: 'netif.h, "Guest transmit", tx response: id',
    lines: 'netif.h:770, 799, 812' },
  { id: 'TXW-12', side: 'backend', level: 'must', since: 'always',
    statement: 'The backend responds to the slot of an extra with status NULL.',
    source: 'netif.h, NETIF_RSP_NULL',
    lines: 'netif.h:1078-1079',
    note: 'The id of such a response has no meaning.' },
  { id: 'TXW-13', side: 'backend', level: 'must', since: 'always',
    statement: 'The status of a tx response is OKAY, ERROR or DROPPED, and NULL for extras only.',
    source: 'netif.h, "Guest transmit", tx response: status; NETIF_RSP_*',
    lines: 'netif.h:813, 1075-1079' },
  { id: 'TXW-14', side: 'backend', level: 'should', since: 'always',
    statement:
      'The backend responds with OKAY only to a packet that it accepted for delivery, and never to a malformed one.',
    source: 'netif.h, NETIF_RSP_OKAY, NETIF_RSP_ERROR and NETIF_RSP_DROPPED' },
  // Not a must, here and in the next two entries: netif.h says it for control messages only.
  { id: 'TXW-15', side: 'backend', level: 'de-facto', since: 'always',
    statement: "After its response to a tx request the backend no longer uses the request's grant.",
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'TXW-16', side: 'frontend', level: 'de-facto', since: 'always',
    statement:
      'The frontend neither ends the grant of a tx request nor reuses its buffer or id before the response has ' +
      'arrived.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'TXW-17', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend gets its buffer back with any response, and keeps sending after ERROR and DROPPED.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'TXW-18', side: 'frontend', level: 'must', since: 'always',
    statement: 'The frontend never completes a request by a response with status NULL, whatever its id.',
    source: 'netif.h, NETIF_RSP_NULL; "Extra Info": no id information in the opposite direction',
    lines: 'netif.h:883-884, 1078-1079' },
  { id: 'TXW-19', side: 'frontend', level: 'should', since: 'always',
    statement: "A response with an id that isn't in flight does no harm to the frontend's guest.",
    source: 'good practice: netif.h is silent on wrong ids' },
  // Not a must: the header is silent on partly pushed packets.
  { id: 'TXW-20', side: 'backend', level: 'should', since: 'always',
    statement:
      'If req_prod covers only a part of a packet, the backend waits or refuses the packet, and never reads slots ' +
      'beyond req_prod.',
    source: 'good practice: ring.h, RING_PUSH_REQUESTS, defines what is visible',
    note: 'A backend may wait, as FreeBSD does, or disable the vif, as Linux does.' },
  // Not a must: the header is silent, and backends rely on it.
  { id: 'TXW-21', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend publishes all slots of a packet by a single update of req_prod.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  // Not a must: the header is silent on undefined bits.
  { id: 'TXW-22', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend ignores undefined bits in the flags of a tx request.',
    source: 'good practice: netif.h, NETTXF_*, defines bits 0 to 3 only' },
  { id: 'TXW-23', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'The backend accepts any 16-bit id in a tx request.',
    source: 'netif.h, "Guest transmit", tx request: id',
    lines: 'netif.h:799, 978' },
  // Not a must: the header is silent on the kind of grant.
  { id: 'TXW-24', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend accepts tx pages that are granted read-only.',
    source: 'drivers: Linux, FreeBSD, QEMU' },
  { id: 'TXW-25', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend responds with ERROR or DROPPED to a packet too short for an Ethernet header.',
    source: 'good practice: netif.h is silent; Linux and QEMU do so',
    note: 'FreeBSD and mirage have no check and respond with OKAY.' },
  { id: 'TXW-26', side: 'backend', level: 'should', since: 'always', gate: 'feature-sg',
    statement: 'A zero-length fragment gets OKAY, ERROR or DROPPED and has no other effect.',
    source: 'good practice: netif.h is silent on empty fragments' },
  { id: 'TXW-27', side: 'backend', level: 'should', since: 'always', gate: 'feature-sg',
    statement:
      'The backend responds with ERROR or DROPPED to every slot of a packet whose later fragments add up to more ' +
      'than its size, and the next packet passes.',
    source: "good practice: netif.h is silent on sizes that don't add up" },
  // Not de-facto: FreeBSD does not check the grant operation, and mirage gives up the vif.
  { id: 'TXW-28', side: 'backend', level: 'should', since: 'always',
    statement:
      'The backend responds with ERROR or DROPPED to a slot with an invalid grant reference, and the next packet ' +
      'passes.',
    source: 'good practice: Linux, NetBSD and QEMU do so; netif.h defines the status but not when it is used' },
  { id: 'TXW-29', side: 'backend', level: 'should', since: 'always',
    statement:
      'The backend refuses a packet with an extra of unknown type, and responds to all its slots unless it shuts ' +
      'down the vif.',
    source: 'good practice: netif.h is silent on unknown types',
    note: 'Linux disables the vif, FreeBSD refuses the packet, QEMU responds with ERROR to each slot.' },
  // Not a must: the header is silent on the order of packets.
  { id: 'TXW-30', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'The backend forwards the packets of one queue in the order in which they were sent.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'TXW-31', side: 'backend', level: 'must', since: 'always',
    statement:
      'The backend accepts an Ethernet frame of up to 1514 bytes in one slot, whatever features are negotiated.',
    source: 'netif.h, "Guest transmit"; "MTU": 1500 octets',
    lines: 'netif.h:202-203, 762-763, 796-797' },
  // Not de-facto: iPXE uses a slot for each page of a packet, whatever the backend offers.
  { id: 'TXW-32', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend uses more than one data slot only if the backend offers feature-sg.',
    source: 'good practice: Linux, FreeBSD, NetBSD and Windows do so' },
  // Not a must, here and in the next entry: the header never describes the packet itself.
  { id: 'TXW-33', side: 'frontend', level: 'de-facto', since: 'always',
    statement:
      'A packet is an Ethernet frame, from its header to the end of its payload, without a frame check sequence.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'TXW-34', side: 'backend', level: 'de-facto', since: 'always',
    statement: "The backend accepts frames shorter than a wire's minimum of 60 bytes.",
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'TXW-35', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The first fragment holds at least the Ethernet header.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  // Not de-facto: the bridge of a driver domain takes part, and it may have rules of its own.
  { id: 'TXW-36', side: 'backend', level: 'should', since: 'always',
    statement:
      'The backend passes on any Ethernet frame of up to 1514 bytes, or 1518 with a VLAN tag, unchanged, whatever ' +
      'protocol it holds; it passes on a longer frame unchanged or drops it.',
    source: 'good practice: Linux, FreeBSD and QEMU do so; netif.h never describes the contents of a packet',
    note: 'NetBSD of 2011 refuses frames of more than 1514 bytes, with or without a VLAN tag.' },
  { id: 'TXW-37', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'What the backend passes on is a packet that the frontend sent: whole, with the same bytes, and once.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU',
    note:
      "Checksums, padding and a VLAN tag may differ, and TCP data may be merged or cut. Only the driver's stack sees " +
      "this; on the simulated Xen it is netifspec's." },
  { id: 'TXW-38', side: 'frontend', level: 'should', since: 'always',
    statement: 'The bytes with which the frontend pads a frame of its own are zero, and reveal nothing of its memory.',
    source: 'good practice: RFC 894 and RFC 1042 pad with zeros; see CVE-2003-0001' },
  // Not de-facto: a network may duplicate packets, and a driver may have more of a stack than netifspec knows.
  { id: 'TXW-39', side: 'frontend', level: 'should', since: 'always',
    statement: 'What the frontend sends for its stack is a packet of it: whole, with the same bytes, and once.',
    source: 'good practice: Linux, FreeBSD, NetBSD, OpenBSD, Windows, mini-os and iPXE do so',
    note:
      'Frames to groups may be those of the driver, and a new connection may repeat what the earlier one had sent. ' +
      "Only the driver's stack sees this; on the simulated Xen it is netifspec's." },
  // Not de-facto: netif.h sets no time for a response.
  { id: 'TXW-40', side: 'backend', level: 'should', since: 'always',
    statement: 'The backend responds to packets even if the vif to which they are bound never posts a buffer for them.',
    source: 'good practice: Linux drops what has waited for 10 s, and the other backends that can be read copy and respond at once' },
];
