import type { Requirement } from '../../harness/run/requirement.js';

/** Checksum offload. */
// prettier-ignore
export const CSUM: readonly Requirement[] = [
  { id: 'CSUM-01', side: 'both', level: 'must', since: 'always',
    statement: 'An end without feature-no-csum-offload accepts a blank IPv4 TCP or UDP checksum.',
    source: 'netif.h, "feature-no-csum-offload"',
    lines: 'netif.h:108-109' },
  // For the other direction see CSUM-15.
  // Not a must: the header says that the key "should be used to turn" the offload off or on.
  { id: 'CSUM-02', side: 'backend', level: 'should', since: 'always', gate: 'feature-no-csum-offload',
    statement:
      'The backend sends no IPv4 packet with a blank checksum to a frontend that wrote feature-no-csum-offload = 1: ' +
      'the checksum in the packet is complete.',
    source: 'netif.h, "feature-no-csum-offload"' },
  // Not a must: a sender may complete every checksum.
  { id: 'CSUM-03', side: 'both', level: 'should', since: 'always',
    statement: 'An end treats feature-no-csum-offload = 0 like a missing key.',
    source: 'netif.h, "feature-no-csum-offload": off or on' },
  { id: 'CSUM-04', side: 'both', level: 'de-facto', since: 'always',
    statement: 'An end sends no IPv6 packet with a blank checksum to a peer that wrote no feature-ipv6-csum-offload.',
    source: 'drivers: Linux, FreeBSD, NetBSD, Windows; netif.h, "feature-ipv6-csum-offload"' },
  { id: 'CSUM-05', side: 'both', level: 'must', since: 'always', gate: 'feature-ipv6-csum-offload',
    statement:
      'An end that wrote feature-ipv6-csum-offload = 1 accepts IPv6 TCP and UDP packets with a blank checksum.',
    source: 'netif.h, "feature-ipv6-csum-offload"',
    lines: 'netif.h:110-111, 957, 1044' },
  { id: 'CSUM-06', side: 'both', level: 'must', since: 'always',
    statement:
      "A receiver that hasn't opted out delivers a packet flagged csum_blank, and completes its checksum before the " +
      'packet leaves on a real wire.',
    source: 'netif.h, NETTXF_csum_blank and NETRXF_csum_blank',
    lines: 'netif.h:108-111, 957-959, 1044-1046',
    note: "The header doesn't say what a blank field holds: Linux leaves the sum of the pseudo-header there." },
  { id: 'CSUM-07', side: 'both', level: 'must', since: 'always',
    statement:
      'On tx, csum_blank is bit 0 and data_validated bit 1; on rx, data_validated is bit 0 and csum_blank bit 1.',
    source: 'netif.h, NETTXF_csum_blank and NETRXF_data_validated',
    lines: 'netif.h:957-963, 1040-1046' },
  { id: 'CSUM-08', side: 'both', level: 'must', since: 'always',
    statement:
      'With data_validated but not csum_blank the sender vouches for the data, and the packet holds its complete ' +
      'checksum.',
    source: 'netif.h, NETTXF_data_validated and NETRXF_data_validated',
    lines: 'netif.h:957, 961, 1040, 1044' },
  { id: 'CSUM-09', side: 'both', level: 'should', since: 'always',
    statement: 'A sender that sets csum_blank also sets data_validated.',
    source: 'good practice: Linux, FreeBSD, OpenBSD and Windows do so',
    note: 'NetBSD and Unikraft set csum_blank alone.' },
  { id: 'CSUM-10', side: 'both', level: 'must', since: 'always',
    statement:
      "A packet with neither checksum flag carries a real, unchecked checksum, and an end that passes it on doesn't " +
      'vouch for a wrong one.',
    source: 'netif.h, NETTXF_data_validated and NETRXF_data_validated',
    lines: 'netif.h:957, 961, 1040, 1044' },
  // Not a must: the header doesn't say which end's key counts for which direction.
  { id: 'CSUM-11', side: 'both', level: 'de-facto', since: 'always',
    statement: "An end's checksum keys limit what its peer sends, not what the end itself sends.",
    source: 'drivers: Linux, FreeBSD, Windows' },
  { id: 'CSUM-12', side: 'both', level: 'should', since: 'always',
    statement:
      'An end drops or passes on, without harm, a packet flagged csum_blank that is neither TCP nor UDP, is a ' +
      'fragment or lacks its transport header.',
    source: "good practice: netif.h is silent on flags that don't fit the packet" },
  { id: 'CSUM-13', side: 'both', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement: "An end sets checksum flags on a packet's first fragment only.",
    source: 'netif.h, "Guest transmit" and "Guest receive": flags of fragment N',
    lines: 'netif.h:770-773, 828-831' },
  // Not a must: the header speaks of TCP and UDP only where it turns offload on or off.
  { id: 'CSUM-14', side: 'both', level: 'de-facto', since: 'always',
    statement:
      'An end sends blank checksums in TCP and UDP only, so those of ICMP and other protocols are always complete.',
    source: 'drivers: Linux, FreeBSD, NetBSD, Windows' },
  // Not a must: the header says "should", and not that the key of a backend counts.
  { id: 'CSUM-15', side: 'frontend', level: 'should', since: 'always',
    statement:
      'The frontend sends no IPv4 packet with a blank checksum to a backend that wrote feature-no-csum-offload = 1: the ' +
      'checksum in the packet is complete.',
    source: 'netif.h, "feature-no-csum-offload"',
    note: "Linux, FreeBSD and NetBSD frontends don't read the backend's key; OpenBSD's does." },
  // Not a must: netif.h is silent on what an end does with a checksum that it need not look at.
  { id: 'CSUM-16', side: 'both', level: 'should', since: 'always',
    statement: 'An end that passes on a packet with neither checksum flag leaves its checksum as it is, also a wrong one.',
    source: 'good practice: netif.h, NETTXF_csum_blank and NETRXF_csum_blank: the checksums that have to be completed' },
];
