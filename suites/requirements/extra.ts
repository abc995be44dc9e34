import type { Requirement } from '../../harness/run/requirement.js';

/** Extra info slots. */
// prettier-ignore
export const EXTRA: readonly Requirement[] = [
  { id: 'EXTRA-01', side: 'both', level: 'must', since: '03809ae77d',
    statement: 'An extra appears only after a first fragment with extra_info or after an extra with the more flag.',
    source: 'netif.h, "Extra Info"',
    lines: 'netif.h:877-878' },
  { id: 'EXTRA-02', side: 'backend', level: 'must', since: 'f0ffd6032f',
    statement: 'An extra has 8 octets, and the other 4 octets of a tx slot are ignored.',
    source: 'netif.h, "Extra Info": padding for tx',
    lines: 'netif.h:880-881, 899-900, 904-906' },
  { id: 'EXTRA-03', side: 'both', level: 'must', since: 'always',
    statement: 'No extra has the type NONE.',
    source: 'netif.h, XEN_NETIF_EXTRA_TYPE_NONE',
    lines: 'netif.h:984' },
  { id: 'EXTRA-04', side: 'both', level: 'must', since: 'f0ffd6032f',
    statement: 'Each type of extra has its own layout of the octets after type and flags, as the header defines it.',
    source: 'netif.h, "Extra Info"; struct netif_extra_info',
    lines: 'netif.h:910-913, 928-931, 944-947' },
  { id: 'EXTRA-05', side: 'both', level: 'must', since: '03809ae77d',
    statement: 'Extras of different types can appear in one chain in any order.',
    source: 'netif.h, "Extra Info"; "Guest transmit"',
    lines: 'netif.h:764-768, 822-826' },
  { id: 'EXTRA-06', side: 'backend', level: 'must', since: '03809ae77d',
    statement: 'An extra on the rx ring is in the slot of the request that it consumes, since it has no id.',
    source: 'netif.h, "Extra Info": note',
    lines: 'netif.h:885-888' },
  { id: 'EXTRA-07', side: 'both', level: 'should', since: 'always',
    statement: 'Two extras of one type in a chain do no harm.',
    source: 'good practice: netif.h is silent on repeated types',
    note:
      'Linux keeps the last; type 5, unassigned upstream, is ignored by Linux 5.9 and later and ends the vif in ' +
      'earlier versions.' },
  { id: 'EXTRA-08', side: 'both', level: 'must', since: 'always',
    statement: "The more flag is clear in a chain's last extra.",
    source: 'netif.h, XEN_NETIF_EXTRA_FLAG_MORE',
    lines: 'netif.h:767-768, 825-826, 992-993',
    note: 'The wire formats call the flag XEN_NETIF_EXTRA_MORE, which is not defined anywhere.' },
  { id: 'EXTRA-09', side: 'backend', level: 'must', since: '15b1e8d864',
    statement: 'Multicast extras go from frontend to backend only, GSO and HASH extras in both directions.',
    source: 'netif.h, "feature-multicast-control"; "Extra Info"',
    lines: 'netif.h:115-118, 138-140, 939-942' },
  // Not a must: as for the fragments of a packet, the header is silent.
  { id: 'EXTRA-10', side: 'both', level: 'should', since: 'always',
    statement:
      "A chain of extras that runs past the producer index is malformed, and slots beyond the index aren't read.",
    source: 'good practice: ring.h, RING_PUSH_REQUESTS, defines what is visible; netif.h, "Extra Info"' },
  // Not a must: the header is silent on undefined bits.
  { id: 'EXTRA-11', side: 'both', level: 'should', since: 'always',
    statement: 'An end ignores undefined bits in the flags of an extra.',
    source: 'good practice: netif.h, XEN_NETIF_EXTRA_FLAG_*, defines bit 0 only' },
];
