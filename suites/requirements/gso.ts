import type { Requirement } from './requirement.js';

/** Large TCP packets. */
// prettier-ignore
export const GSO: readonly Requirement[] = [
  { id: 'GSO-01', side: 'both', level: 'must', since: 'always',
    statement:
      'An end is sent a GSO extra for TCP over IPv4 or IPv6 only if it wrote feature-gso-tcpv4 or ' +
      'feature-gso-tcpv6, respectively, as 1.',
    source: 'netif.h, "feature-gso-tcpv4" and "feature-gso-tcpv6"' },
  { id: 'GSO-02', side: 'both', level: 'must', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'Of feature-gso-tcpv4 and feature-gso-tcpv6 either may be given without the other.',
    source: 'netif.h, "feature-gso-tcpv4" and "feature-gso-tcpv6"' },
  { id: 'GSO-03', side: 'both', level: 'must', since: 'always', gate: 'feature-gso-tcpv4',
    statement: "A GSO packet's first fragment has the extra_info flag, and an extra of type GSO follows it.",
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_GSO' },
  { id: 'GSO-04', side: 'both', level: 'must', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement: 'The size in a GSO extra is the largest payload of one segment, for TCP its MSS, and above zero.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_GSO: size' },
  { id: 'GSO-05', side: 'both', level: 'must', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement: 'The type in a GSO extra fits the packet: 1 for TCP over IPv4, 2 for TCP over IPv6.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_GSO: type; XEN_NETIF_GSO_TYPE_*' },
  { id: 'GSO-06', side: 'both', level: 'must', since: 'always', gate: 'feature-gso-tcpv4',
    statement:
      'A receiver that offers GSO takes TCP packets of up to 65535 bytes, and no segment that it passes on has more ' +
      "payload than the extra's size.",
    source: 'netif.h, "feature-gso-tcpv4"; XEN_NETIF_MAX_TX_SIZE' },
  { id: 'GSO-07', side: 'backend', level: 'should', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'A GSO extra with size 0 or an unknown type is refused, and costs at most that vif.',
    source: 'good practice: netif.h is silent on malformed GSO extras',
    note: 'An error response or an end of the vif are both seen; Linux disables the vif.' },
  // Not a must: the text doesn't tie GSO to checksum flags.
  { id: 'GSO-08', side: 'both', level: 'de-facto', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'A GSO packet is flagged csum_blank.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  // Not a must: the text leaves the bits of features undefined.
  { id: 'GSO-09', side: 'both', level: 'de-facto', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement: 'The features field of a GSO extra has no undefined bit set.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  // Not a must: the text only calls the flag deprecated, and the key is drivers' lore.
  { id: 'GSO-10', side: 'backend', level: 'de-facto', since: '19167b1160',
    statement:
      'The backend sets the gso_prefix flag only for a frontend that asked with feature-gso-tcpv4-prefix or ' +
      'feature-gso-tcpv6-prefix.',
    source: 'every driver: Linux xen-netback, FreeBSD netback; netif.h calls NETRXF_gso_prefix deprecated' },
  { id: 'GSO-11', side: 'frontend', level: 'should', since: '19167b1160',
    statement:
      'A frontend that is sent a gso_prefix slot takes its status as the segment size and the next slot as the ' +
      'packet, or at least survives.',
    source: 'good practice: netif.h, NETRXF_gso_prefix, keeps the flag for compatibility without a description' },
  { id: 'GSO-12', side: 'both', level: 'de-facto', since: 'always', gate: 'feature-gso-tcpv4',
    statement: 'An end that offers GSO offers feature-sg too.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  // A must although the MTU text says "should": that a peer takes large packets isn't assumed without the GSO keys.
  { id: 'GSO-13', side: 'both', level: 'must', since: 'always',
    statement: 'Without a GSO extra no frame exceeds the MTU of the vif, VLAN tag apart.',
    source: 'netif.h, "feature-gso-tcpv4": not assumed capable of large packets; "MTU"' },
  { id: 'GSO-14', side: 'both', level: 'de-facto', since: 'f0ffd6032f', gate: 'feature-gso-tcpv4',
    statement: 'ECN is not signalled in the features field, which is always 0.',
    source: 'every driver: Linux, FreeBSD, Windows; netif.h mentions ECN but defines no constant for it' },
];
