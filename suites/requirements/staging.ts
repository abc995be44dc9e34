import type { Requirement } from './requirement.js';

/** Staging grants, a vendor extension of netif.h in Oracle's UEK4 kernel. */
// prettier-ignore
export const STAG: readonly Requirement[] = [
  { id: 'STAG-01', side: 'backend', level: 'must', since: 'uek4',
    statement: 'The backend\'s feature-staging-grants is absent, "0" or "1".',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation"' },
  { id: 'STAG-02', side: 'frontend', level: 'must', since: 'uek4',
    statement: 'The frontend writes pool keys only if the backend has feature-staging-grants at 1.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation"' },
  { id: 'STAG-03', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      "The frontend offers a queue's pools in tx-pool-ref, tx-pool-size, rx-pool-ref and rx-pool-size, beside that " +
      "queue's ring references.",
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": xenstore entries',
    note:
      'The text shows queue-0/ only; with one queue UEK has the keys at the top level, where the ring references ' +
      'are.' },
  { id: 'STAG-04', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: "A pool's ref grants the page that holds the table of the pool's entries.",
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": entry of the table',
    note: "The text's placeholder names a ring reference and its sentence the wrong direction, both slips." },
  { id: 'STAG-05', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: "A pool's size is the number of its entries, from 1 to 512.",
    source: 'UEK4 netif.h, XEN_EXT_MAX_GREF_ALLOC' },
  // Not a must: the text is silent on bad sizes.
  { id: 'STAG-06', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'A pool size of 0, above 512 or no number at all is refused, and the backend works on without the pool.',
    source: 'good practice: UEK4 netif.h, XEN_EXT_MAX_GREF_ALLOC' },
  { id: 'STAG-07', side: 'both', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      "An entry of a pool's table is a 32-bit reference, 16 bits of flags and two bytes of padding, which the " +
      'backend ignores.',
    source: 'UEK4 netif.h, struct xen_ext_gref_alloc' },
  { id: 'STAG-08', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The tx pool and the rx pool have a table each.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": tx and rx pool',
    note:
      "Whether 512 entries each is a limit or a fixed size is unclear; UEK's frontend uses 256 for tx and 512 for " +
      'rx.' },
  { id: 'STAG-09', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: "An entry's readonly flag is set if its page is granted read-only.",
    source: 'UEK4 netif.h, XEN_EXTF_GREF_readonly' },
  { id: 'STAG-10', side: 'backend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The backend maps an entry with the readonly flag for reading only.',
    source: 'UEK4 netif.h, XEN_EXTF_GREF_readonly' },
  // Not a must: the text is silent on such entries.
  { id: 'STAG-11', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The backend writes no packet data through an rx pool entry with the readonly flag.',
    source: 'good practice: UEK4 netif.h, XEN_EXTF_GREF_readonly' },
  { id: 'STAG-12', side: 'backend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      'Requests with a grant from a pool and requests with any other valid grant follow the same protocol, side by ' +
      'side.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": the same protocol' },
  { id: 'STAG-13', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'A table with an invalid entry leaves no part of its pool mapped.',
    source: 'good practice: UEK netback rolls back every entry' },
  // Not a must: the text is silent on disconnecting.
  { id: 'STAG-14', side: 'backend', level: 'de-facto', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The backend unmaps the pools on disconnect.',
    source: 'every driver: UEK netback, the only one' },
  { id: 'STAG-15', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: "A bad reference for a table does no harm to the backend's domain.",
    source: 'good practice: the text is silent; UEK netback asserts there' },
  // Not a must: the text names no moment.
  { id: 'STAG-16', side: 'frontend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The pool keys are written before the frontend goes to Connected.',
    source: 'good practice: UEK netfront writes them with the ring references' },
  { id: 'STAG-17', side: 'frontend', level: 'must', since: 'uek4',
    statement: 'With a backend that lacks feature-staging-grants the frontend works as without the extension.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": backend either advertises support' },
  { id: 'STAG-18', side: 'both', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: "Staging grants and gref mapping aren't used on one vif together.",
    source: 'good practice: no version of netif.h has both',
    untestable: 'no text tells how the two combine, so a peer uses one at a time' },
];
