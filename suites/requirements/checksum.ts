import type { Requirement } from './requirement.js';

/** Checksum offload. */
// prettier-ignore
export const CSUM: readonly Requirement[] = [
  { id: 'CSUM-01', side: 'both', level: 'must', since: 'always',
    statement: 'Where feature-no-csum-offload is missing, a blank IPv4 TCP or UDP checksum is acceptable.',
    source: 'netif.h, "feature-no-csum-offload"' },
  { id: 'CSUM-02', side: 'both', level: 'must', since: 'always', gate: 'feature-no-csum-offload',
    statement:
      'An end that wrote feature-no-csum-offload as 1 is sent no IPv4 packet with a blank checksum: the checksum in ' +
      'the packet is complete.',
    source: 'netif.h, "feature-no-csum-offload"',
    note: "The text binds both directions; Linux xen-netfront doesn't read the backend's key." },
  { id: 'CSUM-03', side: 'both', level: 'must', since: 'always',
    statement: 'A feature-no-csum-offload of 0 means the same as a missing one.',
    source: 'netif.h, "feature-no-csum-offload": off or on' },
  { id: 'CSUM-04', side: 'both', level: 'must', since: 'always',
    statement: 'An end that wrote no feature-ipv6-csum-offload is sent no IPv6 packet with a blank checksum.',
    source: 'netif.h, "feature-ipv6-csum-offload"' },
  { id: 'CSUM-05', side: 'both', level: 'must', since: 'always', gate: 'feature-ipv6-csum-offload',
    statement:
      'An end that wrote feature-ipv6-csum-offload as 1 accepts IPv6 TCP and UDP packets with a blank checksum.',
    source: 'netif.h, "feature-ipv6-csum-offload"' },
  { id: 'CSUM-06', side: 'both', level: 'must', since: 'always',
    statement:
      "A receiver that hasn't opted out delivers a packet flagged csum_blank, and completes its checksum before it " +
      'leaves on a real wire.',
    source: 'netif.h, NETTXF_csum_blank and NETRXF_csum_blank',
    note: 'What a blank field holds is not said: Linux leaves the sum of the pseudo-header there.' },
  { id: 'CSUM-07', side: 'both', level: 'must', since: 'always',
    statement:
      'On tx csum_blank is bit 0 and data_validated bit 1, on rx data_validated is bit 0 and csum_blank bit 1.',
    source: 'netif.h, NETTXF_csum_blank and NETRXF_data_validated' },
  { id: 'CSUM-08', side: 'both', level: 'must', since: 'always',
    statement: 'With data_validated alone the sender vouches for the data, and the packet holds its full checksum.',
    source: 'netif.h, NETTXF_data_validated and NETRXF_data_validated' },
  { id: 'CSUM-09', side: 'both', level: 'de-facto', since: 'always',
    statement: 'A sender that sets csum_blank sets data_validated too.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  { id: 'CSUM-10', side: 'both', level: 'must', since: 'always',
    statement:
      'A packet with neither checksum flag carries a real, unchecked checksum, and a wrong one is neither repaired ' +
      'nor vouched for on the way.',
    source: 'netif.h, NETTXF_data_validated and NETRXF_data_validated' },
  // Not a must: the text doesn't say for which direction whose key counts.
  { id: 'CSUM-11', side: 'both', level: 'de-facto', since: 'always',
    statement: "An end's checksum keys limit what is sent to it and not what it sends.",
    source: 'every driver: Linux, FreeBSD, Windows' },
  { id: 'CSUM-12', side: 'both', level: 'should', since: 'always',
    statement:
      'A packet flagged csum_blank which is neither TCP nor UDP, is a fragment or lacks its transport header is ' +
      'dropped or passed on, and does no harm.',
    source: "good practice: netif.h is silent on flags that don't fit the packet" },
  { id: 'CSUM-13', side: 'both', level: 'must', since: '03809ae77d', gate: 'feature-sg',
    statement: "Checksum flags stand on a packet's first fragment only.",
    source: 'netif.h, "Guest transmit" and "Guest receive": flags of fragment N' },
  { id: 'CSUM-14', side: 'both', level: 'must', since: 'always',
    statement: 'No blank checksum is sent in anything but TCP and UDP, so ICMP and the like are always complete.',
    source: 'netif.h, "feature-no-csum-offload" and "feature-ipv6-csum-offload"' },
];
