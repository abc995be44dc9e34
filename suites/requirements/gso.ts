import type { Requirement } from '../../harness/run/requirement.js';

/** Large TCP packets. */
// prettier-ignore
export const GSO: readonly Requirement[] = [
  { id: 'GSO-01', side: 'both', level: 'must', since: 'always',
    statement:
      'An end sends a GSO extra for TCP over IPv4 or IPv6 only to a peer that wrote feature-gso-tcpv4 = 1 or ' +
      'feature-gso-tcpv6 = 1, respectively.',
    source: 'netif.h, "feature-gso-tcpv4" and "feature-gso-tcpv6"',
    lines: 'netif.h:115-118' },
  // Not a must: the header has two keys and obliges nobody.
  { id: 'GSO-02', side: 'both', level: 'should', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'An end works with a peer that offers only one of feature-gso-tcpv4 and feature-gso-tcpv6.',
    source: 'netif.h, "feature-gso-tcpv4" and "feature-gso-tcpv6": each is offered by itself' },
  { id: 'GSO-03', side: 'both', level: 'must', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'The first fragment of a GSO packet has the extra_info flag, and an extra of type GSO follows it.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_GSO',
    lines: 'netif.h:764-765, 822-823, 908-915' },
  { id: 'GSO-04', side: 'both', level: 'must', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement:
      'The size in a GSO extra is the largest payload of one segment (for TCP, its MSS) and is greater than zero.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_GSO: size',
    lines: 'netif.h:917-918',
    note: 'An end that passes a large packet on may ask for smaller segments.' },
  { id: 'GSO-05', side: 'both', level: 'must', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement: 'The type in a GSO extra matches the packet: 1 for TCP over IPv4, 2 for TCP over IPv6.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_GSO: type; XEN_NETIF_GSO_TYPE_*',
    lines: 'netif.h:919-921, 997-998' },
  { id: 'GSO-06', side: 'both', level: 'must', since: 'always', gate: 'feature-gso-tcpv4',
    statement:
      'A backend that offers GSO accepts TCP packets of up to 65535 bytes, and no segment that either end passes on has ' +
      "more payload than the extra's size.",
    source: 'netif.h, "feature-gso-tcpv4"; XEN_NETIF_MAX_TX_SIZE',
    lines: 'netif.h:115-116, 917-918, 973',
    note: 'How large a packet a frontend accepts is GSO-15.' },
  { id: 'GSO-07', side: 'backend', level: 'should', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'The backend refuses a GSO extra with size 0 or an unknown type, which costs at most that vif.',
    source: 'good practice: netif.h is silent on malformed GSO extras',
    note: 'Both an error response and a shutdown of the vif occur; Linux disables the vif.' },
  // Not a must: the header doesn't tie GSO to checksum flags.
  { id: 'GSO-08', side: 'both', level: 'de-facto', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'An end sets csum_blank on a GSO packet.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  // Not a must: the header leaves the bits of features undefined.
  { id: 'GSO-09', side: 'both', level: 'de-facto', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement: 'The features field of a GSO extra has no undefined bit set.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  // Not a must: the header only calls the flag deprecated, and the key is known from drivers alone.
  { id: 'GSO-10', side: 'backend', level: 'de-facto', since: '19167b1160',
    statement:
      'The backend sets the gso_prefix flag only for a frontend that requested it with feature-gso-tcpv4-prefix or ' +
      'feature-gso-tcpv6-prefix.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU, mirage; netif.h calls NETRXF_gso_prefix deprecated' },
  { id: 'GSO-11', side: 'frontend', level: 'should', since: '19167b1160',
    statement:
      'A frontend that receives a gso_prefix slot uses its status as the segment size and the next slot as the ' +
      'packet, or at least survives.',
    source: 'good practice: netif.h, NETRXF_gso_prefix, keeps the flag for compatibility without a description' },
  { id: 'GSO-12', side: 'both', level: 'de-facto', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'An end that offers GSO also offers feature-sg.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  // Not a must: the header says that a frontend "should" assume an MTU of 1500, and the GSO keys speak of TCP only.
  { id: 'GSO-13', side: 'both', level: 'should', since: 'always',
    statement: 'Without a GSO extra no frame exceeds the MTU of the vif, not counting VLAN tags.',
    source: 'netif.h, "feature-gso-tcpv4": not assumed capable of large packets; "MTU"' },
  { id: 'GSO-14', side: 'both', level: 'de-facto', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement: "An end doesn't signal ECN in the features field of a GSO extra, which is always 0.",
    source: 'drivers: Linux, FreeBSD, Windows; netif.h mentions ECN but defines no constant for it' },
  // Not a must: the header limits what is sent, and asks of a frontend to "handle large TCP packets".
  { id: 'GSO-15', side: 'frontend', level: 'should', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'A frontend that offers GSO accepts TCP packets of up to 65535 bytes.',
    source: 'netif.h, "feature-gso-tcpv4"; XEN_NETIF_MAX_TX_SIZE' },
];
