import type { Requirement } from '../../harness/run/requirement.js';

/** Grants as netif uses them. */
// prettier-ignore
export const GNT: readonly Requirement[] = [
  { id: 'GNT-01', side: 'frontend', level: 'must', since: 'always',
    statement: "A published grant is a complete entry: the backend's domain, the frame, and the type permit_access.",
    source: 'grant_table.h, "GRANT TABLE REPRESENTATION": introducing a valid entry',
    lines: 'grant_table.h:51-58, 118-121, 140',
    note: "The order in which the parts are written can't be seen from outside; the finished entry can." },
  { id: 'GNT-02', side: 'frontend', level: 'must', since: 'always',
    statement:
      'The frontend invalidates a grant only while the backend has it mapped neither for reading nor for writing.',
    source: 'grant_table.h, "GRANT TABLE REPRESENTATION": invalidating an unused entry',
    lines: 'grant_table.h:60-63, 67-68',
    untestable:
      "the entry is the frontend's own: a peer that has it mapped keeps the mapping whatever happens to the entry" },
  // Not a must: the header is about the grant's entry, and silent on what its page is used for.
  { id: 'GNT-03', side: 'frontend', level: 'should', since: 'always',
    statement: "The frontend doesn't use a page for anything else while the backend has it mapped.",
    source: 'good practice: grant_table.h, "GRANT TABLE REPRESENTATION", has no way to end a grant that is in use',
    note: 'Another use of a page shows only once the guest writes to it.' },
  // A must: the backend can't use a grant for another domain.
  { id: 'GNT-04', side: 'frontend', level: 'must', since: 'always',
    statement: 'The frontend grants its pages to the domain that backend-id names.',
    source: 'grant_table.h, struct grant_entry_v1: domid',
    lines: 'grant_table.h:118-119' },
  { id: 'GNT-05', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend grants tx data read-only.',
    source: 'good practice: grant_table.h, GTF_readonly; Linux, Windows and mini-os do so' },
  // Not a must: the header only says that these entries are kept and may be filled by tools.
  { id: 'GNT-06', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend uses none of the eight reserved grant references.',
    source: 'grant_table.h, GNTTAB_NR_RESERVED_ENTRIES' },
  { id: 'GNT-07', side: 'backend', level: 'must', since: 'always',
    statement: 'The backend works whichever version of the grant table its frontend uses.',
    source: 'grant_table.h, "GRANT TABLE REPRESENTATION": version 2 entries',
    lines: 'grant_table.h:200-201',
    untestable:
      'gntalloc grants by the version that its kernel uses: this needs a test host that is booted with version 2' },
  // Not a must: grant_table.h leaves the duration of a mapping to its users.
  { id: 'GNT-08', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      "The backend keeps no mapping of a packet's page after its response, and no mapping at all after the disconnect.",
    source: 'drivers: Linux, FreeBSD, NetBSD' },
  { id: 'GNT-09', side: 'backend', level: 'should', since: 'always',
    statement: 'A packet in a grant that can only be copied (sub-page or transitive) is delivered or gets ERROR.',
    source: 'grant_table.h, GTF_sub_page and GTF_transitive: no mappings',
    untestable: 'user space makes grants through gntalloc, which has neither sub-page nor transitive grants' },
  // Not a must: grant_table.h lists the failures, not what a backend does about them. Not de-facto: FreeBSD ignores
  // them on tx, and mirage gives up the vif.
  { id: 'GNT-10', side: 'backend', level: 'should', since: 'always',
    statement: "A grant that can't be used, for whatever reason, causes an error response and no endless retry.",
    source: 'good practice: Linux, NetBSD and QEMU do so; grant_table.h, GNTST_*' },
  { id: 'GNT-11', side: 'frontend', level: 'should', since: '54d8f27d04',
    statement: 'With trusted = 0 a granted page holds no data of the guest except the packet itself.',
    source: 'netif.h, "trusted"' },
  // Not a must: the header says what the flags are for, and nothing of the data in the page.
  { id: 'GNT-12', side: 'backend', level: 'should', since: 'always',
    statement: "Cache attributes in a grant's flags make no difference to a packet.",
    source: 'good practice: grant_table.h, GTF_PAT, GTF_PWT and GTF_PCD, has the flags for mappings only',
    untestable: 'user space makes grants through gntalloc, which sets no cache attributes' },
  { id: 'GNT-13', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend does not hold more grants as it passes more packets.',
    source: 'good practice: Linux, FreeBSD and Windows end the grant of a buffer or use it again' },
];
