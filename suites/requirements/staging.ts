import type { Requirement } from '../../harness/run/requirement.js';

/** Staging grants, a vendor extension of netif.h in Oracle's UEK4 kernel. */
// prettier-ignore
export const STAG: readonly Requirement[] = [
  { id: 'STAG-01', side: 'backend', level: 'must', since: 'uek4',
    statement: 'The backend\'s feature-staging-grants is absent, "0" or "1".',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation"',
    lines: 'UEK4 netif.h: "Backend either advertises"' },
  { id: 'STAG-02', side: 'frontend', level: 'must', since: 'uek4',
    statement: 'The frontend writes pool keys only if the backend has feature-staging-grants = 1.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation"',
    lines: 'UEK4 netif.h: "advertises the capability for a frontend", "Backend either advertises"' },
  { id: 'STAG-03', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      "The frontend offers a queue's tx pool in tx-pool-ref and tx-pool-size, and its rx pool in rx-pool-ref and " +
      "rx-pool-size, next to that queue's ring references.",
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": xenstore entries',
    lines: 'UEK4 netif.h: "Frontend advertises the grants through"',
    note:
      'The header shows queue-0/ only; with one queue UEK writes the keys at the top level, where the ring ' +
      'references are. It does not say that a frontend that offers one pool offers the other.' },
  { id: 'STAG-04', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: "A pool's ref grants the page that holds the table of the pool's entries.",
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": entry of the table',
    lines: 'UEK4 netif.h: "Each entry in the {rx,tx}-pool-ref table"',
    note:
      'In the header, the placeholder names a ring reference and its sentence the wrong direction; both are slips.' },
  { id: 'STAG-05', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: "A pool's size is the number of its entries, at most 512.",
    source: 'UEK4 netif.h, XEN_EXT_MAX_GREF_ALLOC',
    lines: 'UEK4 netif.h: "These entries describe a list and size", "#define XEN_EXT_MAX_GREF_ALLOC"',
    note: 'The header does not exclude a pool without entries.' },
  // Not a must: the header is silent on bad sizes.
  { id: 'STAG-06', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      'The backend refuses a pool size that is 0, above 512 or not a number, and keeps working without the pool.',
    source: 'good practice: UEK4 netif.h, XEN_EXT_MAX_GREF_ALLOC' },
  { id: 'STAG-07', side: 'both', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      "An entry of a pool's table is a 32-bit reference, 16 bits of flags and two bytes of padding, which the " +
      'backend ignores.',
    source: 'UEK4 netif.h, struct xen_ext_gref_alloc',
    lines: 'UEK4 netif.h: "Each entry in the {rx,tx}-pool-ref table", "struct xen_ext_gref_alloc"' },
  // Not a must: no sentence forbids to list the same pages in both pools.
  { id: 'STAG-08', side: 'frontend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The tx pool and the rx pool have a table each.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": tx and rx pool',
    note:
      "Whether 512 entries each is a limit or a fixed size is unclear; UEK's frontend uses 256 for tx and 512 for " +
      'rx.' },
  { id: 'STAG-09', side: 'frontend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement: "The frontend sets an entry's readonly flag if the entry's page is granted read-only.",
    source: 'UEK4 netif.h, XEN_EXTF_GREF_readonly',
    lines: 'UEK4 netif.h: "flags: flags for the grant reference"' },
  // Not a must: the header names the flag, and says no more.
  { id: 'STAG-10', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The backend maps an entry of a staging pool with the readonly flag for reading only.',
    source: 'UEK4 netif.h, XEN_EXTF_GREF_readonly' },
  // Not a must: the header is silent on such entries.
  { id: 'STAG-11', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The backend writes no packet data through an rx pool entry with the readonly flag.',
    source: 'good practice: UEK4 netif.h, XEN_EXTF_GREF_readonly' },
  { id: 'STAG-12', side: 'backend', level: 'must', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      'An end handles requests with a grant from a pool and requests with any other valid grant by the same ' +
      'protocol, side by side.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": the same protocol',
    lines: 'UEK4 netif.h: "The usage of these grant references"' },
  { id: 'STAG-13', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'A table with an invalid entry leaves no part of its pool mapped.',
    source: 'good practice: UEK netback rolls back every entry' },
  // The header is silent. Known for UEK netback only, so not "every driver".
  { id: 'STAG-14', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The backend unmaps the pools on disconnect.',
    source: 'good practice: UEK netback does so' },
  { id: 'STAG-15', side: 'backend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: "An invalid reference for a table does no harm to the backend's domain.",
    source: 'good practice: the header is silent; UEK netback asserts there' },
  // Not a must: the header names no moment.
  { id: 'STAG-16', side: 'frontend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: 'The frontend writes the pool keys before it goes to Connected.',
    source: 'good practice: UEK netfront writes them with the ring references' },
  { id: 'STAG-17', side: 'frontend', level: 'must', since: 'uek4',
    statement: 'With a backend that lacks feature-staging-grants the frontend works as it does without the extension.',
    source: 'UEK4 netif.h, "Vendor Extensions", "Grant Allocation": backend either advertises support',
    lines: 'UEK4 netif.h: "Backend either advertises"' },
  { id: 'STAG-18', side: 'both', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement: "Staging grants and gref mapping aren't used together on one vif.",
    source: 'good practice: no version of netif.h has both',
    untestable: 'no specification says how the two combine, so a peer uses one at a time' },
  // Not a must: the header names the pools after the rings, and does not say more.
  { id: 'STAG-19', side: 'frontend', level: 'should', since: 'uek4', gate: 'feature-staging-grants',
    statement:
      'The frontend names no page of its tx pool alone in an rx request, and no page of its rx pool alone in a tx ' +
      'request, and flags no page of the rx pool alone as readonly.',
    source: 'good practice: UEK4 netif.h, "Vendor Extensions", "Grant Allocation": tx and rx pool' },
];
