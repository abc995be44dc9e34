import type { Requirement } from './requirement.js';

/** Extra info slots. */
// prettier-ignore
export const EXTRA: readonly Requirement[] = [
  { id: 'EXTRA-01', side: 'both', level: 'must', since: '03809ae77d',
    statement: 'An extra stands only behind a first fragment with extra_info or behind an extra with the more flag.',
    source: 'netif.h, "Extra Info"' },
  { id: 'EXTRA-02', side: 'both', level: 'must', since: 'f0ffd6032f',
    statement: 'An extra has 8 octets, and what fills the other 4 of a tx slot is ignored.',
    source: 'netif.h, "Extra Info": padding for tx' },
  { id: 'EXTRA-03', side: 'both', level: 'must', since: 'always',
    statement: 'No extra has the type NONE.',
    source: 'netif.h, XEN_NETIF_EXTRA_TYPE_NONE' },
  { id: 'EXTRA-04', side: 'both', level: 'must', since: 'f0ffd6032f',
    statement: 'Each type of extra has its own layout of the octets after type and flags, as the header draws them.',
    source: 'netif.h, "Extra Info"; struct netif_extra_info' },
  { id: 'EXTRA-05', side: 'both', level: 'must', since: '03809ae77d',
    statement: 'Extras of different types stand in one chain in any order.',
    source: 'netif.h, "Extra Info"; "Guest transmit"' },
  { id: 'EXTRA-06', side: 'backend', level: 'must', since: '03809ae77d',
    statement: 'An extra on the rx ring stands in the slot of the request that it consumes, since it has no id.',
    source: 'netif.h, "Extra Info": note' },
  { id: 'EXTRA-07', side: 'both', level: 'should', since: 'always',
    statement: 'Two extras of one type in a chain do no harm.',
    source: 'good practice: netif.h is silent on repeated types',
    note:
      'Linux keeps the last; type 5, unassigned upstream, is ignored by Linux from 5.9 on and ends the vif before.' },
  { id: 'EXTRA-08', side: 'both', level: 'must', since: 'always',
    statement: "The more flag is clear in a chain's last extra, and other bits of the flags are ignored.",
    source: 'netif.h, XEN_NETIF_EXTRA_FLAG_MORE',
    note: 'The wire formats call the flag XEN_NETIF_EXTRA_MORE, which is defined nowhere.' },
  { id: 'EXTRA-09', side: 'both', level: 'must', since: '15b1e8d864',
    statement: 'Multicast extras go from frontend to backend only, GSO and HASH extras both ways.',
    source: 'netif.h, "feature-multicast-control"; "Extra Info"' },
  { id: 'EXTRA-10', side: 'both', level: 'must', since: 'always',
    statement:
      "A chain of extras that runs past the producer index is malformed, and slots beyond the index aren't read.",
    source: 'ring.h, RING_PUSH_REQUESTS and XEN_RING_NR_UNCONSUMED_REQUESTS; netif.h, "Extra Info"' },
];
