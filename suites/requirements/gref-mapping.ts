import type { Requirement } from '../../harness/run/requirement.js';

/** Control messages for grants that the backend keeps mapped; no shipping driver is known to support them. */
// prettier-ignore
export const GREF: readonly Requirement[] = [
  { id: 'GREF-01', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A backend without gref mapping responds to the three gref messages with NOT_SUPPORTED.',
    source:
      'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_{GET_GREF_MAPPING_SIZE,ADD_GREF_MAPPING,DEL_GREF_MAPPING}',
    lines: 'netif.h:684-685, 708-709, 736-737' },
  { id: 'GREF-02', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "GET_GREF_MAPPING_SIZE reads a queue's index from data[0]; the index is 0 for a vif with one queue.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE',
    lines: 'netif.h:678' },
  { id: 'GREF-03', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "GET_GREF_MAPPING_SIZE with the index of a queue that doesn't exist gets INVALID_PARAMETER.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE',
    lines: 'netif.h:686-687' },
  { id: 'GREF-04', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'GET_GREF_MAPPING_SIZE returns the largest number of entries that the table of mapped grants can have, or 0 if ' +
      'there is no table.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE',
    lines: 'netif.h:689-690' },
  { id: 'GREF-05', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "The size that GET_GREF_MAPPING_SIZE returns is that of the table and doesn't shrink as entries are added.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE: maximum number of entries allowed',
    lines: 'netif.h:418, 689-690',
    note: 'The design document speaks of free entries instead: a backend that follows it gets a note, not a failure.' },
  { id: 'GREF-06', side: 'frontend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The frontend sets data[1] and data[2] of GET_GREF_MAPPING_SIZE to 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE',
    lines: 'netif.h:679-680' },
  { id: 'GREF-07', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'ADD_GREF_MAPPING reads as many entries as data[2] says, from the start of the page that data[1] grants, for ' +
      'the queue in data[0].',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING',
    lines: 'netif.h:701-704' },
  { id: 'GREF-08', side: 'frontend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The frontend grants the page with the list for reading and writing, both for ADD and for DEL.',
    source:
      'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING and XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING',
    lines: 'netif.h:702-703, 730-731' },
  { id: 'GREF-09', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A failed ADD_GREF_MAPPING adds none of its entries.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: note',
    lines: 'netif.h:717-718' },
  { id: 'GREF-10', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "The outcome of ADD_GREF_MAPPING doesn't depend on the status fields of the entries.",
    source: 'netif.h, "Static Grants": status is an output',
    lines: 'netif.h:435-436, 715-717' },
  { id: 'GREF-11', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'ADD_GREF_MAPPING leaves the status fields of the entries unchanged.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: status not used' },
  { id: 'GREF-12', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "ADD_GREF_MAPPING with a reference in its list that can't be mapped gets INVALID_PARAMETER.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed',
    lines: 'netif.h:710, 716-718' },
  { id: 'GREF-13', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'After a successful ADD_GREF_MAPPING the backend has every entry mapped.',
    source: 'netif.h, "Static Grants"; "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING',
    lines: 'netif.h:695-696, 711, 716-717',
    note: 'A backend that only copies may map nothing; the header speaks of mappings.' },
  { id: 'GREF-14', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'ADD_GREF_MAPPING maps a grant for reading if its entry has the readonly flag.',
    source: 'netif.h, "Static Grants", XEN_NETIF_CTRLF_GREF_readonly',
    lines: 'netif.h:432, 443-444' },
  { id: 'GREF-15', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'The backend refuses an entry with undefined flag bits with INVALID_PARAMETER or treats the bits as clear.',
    source: 'good practice: netif.h, "Static Grants", is silent on other bits' },
  { id: 'GREF-16', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'ADD_GREF_MAPPING with more entries than the table has room for gets INVALID_PARAMETER and maps nothing.',
    source:
      'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE and ' +
      'XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING',
    lines: 'netif.h:689-690, 710, 717-718' },
  { id: 'GREF-17', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'ADD_GREF_MAPPING and DEL_GREF_MAPPING with more than the 512 entries of one page get INVALID_PARAMETER.',
    source: 'netif.h, "Static Grants": entry format; "Control messages": page containing the mapping list',
    lines: 'netif.h:426-429, 702-704, 710, 730-732, 738' },
  { id: 'GREF-18', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The backend responds to an empty list with SUCCESS or INVALID_PARAMETER.',
    source: 'good practice: netif.h is silent on an empty list' },
  { id: 'GREF-19', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "ADD_GREF_MAPPING and DEL_GREF_MAPPING with the index of a queue that doesn't exist get INVALID_PARAMETER.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed',
    lines: 'netif.h:701, 710, 729, 738' },
  { id: 'GREF-20', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "DEL_GREF_MAPPING reports in each entry's status whether that entry was removed, and in the response's data " +
      'how many were.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING',
    lines: 'netif.h:740, 744-745' },
  { id: 'GREF-21', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'DEL_GREF_MAPPING gives an entry that was never added the status INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING: note',
    lines: 'netif.h:746-749' },
  { id: 'GREF-22', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'From a mixed list DEL_GREF_MAPPING removes the entries that were added and marks the others.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING: note',
    lines: 'netif.h:744-749',
    note:
      "The response's own status on a partial success is open; SUCCESS with a smaller count fits the header best." },
  { id: 'GREF-23', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'DEL_GREF_MAPPING writes the status of every entry, whatever it held, and writes 0 for a removed one.',
    source: 'netif.h, "Static Grants": status; "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING',
    lines: 'netif.h:433-436, 744-749' },
  { id: 'GREF-24', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'Once DEL_GREF_MAPPING has reported an entry as removed, the backend no longer has it mapped.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING',
    lines: 'netif.h:723-724, 744-745' },
  { id: 'GREF-25', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "The backend doesn't unmap an entry that an outstanding request uses: DEL_GREF_MAPPING waits or marks the entry.",
    source:
      'good practice: the commit message of xen.git 30655e2bf0 restricts removal to mappings not in use, the header ' +
      "doesn't" },
  // Not a must: implied by the queue index, not said.
  { id: 'GREF-26', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "Mapped grants belong to a queue: an entry that was added for one queue can't be removed through another.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: queue index' },
  { id: 'GREF-27', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'The backend serves requests with a mapped grant and requests with any other valid grant side by side on one ' +
      'ring.',
    source: 'netif.h, "Static Grants"; netif-staging-grants.pandoc',
    lines: 'netif.h:415-418, 796, 852' },
  { id: 'GREF-28', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A mapped grant may be used in any number of requests, one after the other, without being added again.',
    source: 'netif.h, "Static Grants": a fixed set of grant references',
    lines: 'netif.h:415-418' },
  // Not a must: the header is silent on disconnecting, but every driver then releases what it mapped.
  // Not de-facto: no shipping driver has gref mapping.
  { id: 'GREF-29', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'On disconnect the backend unmaps all grants that were added.',
    source: 'good practice: Linux, FreeBSD and NetBSD release all their mappings on disconnect' },
  { id: 'GREF-30', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'The backend refuses a reference that is twice in a list, or already mapped, or counts it once, so that the ' +
      'count of DEL_GREF_MAPPING is consistent.',
    source: 'good practice: netif.h is silent on duplicates' },
  // Not a must: the header is silent on rx requests with a readonly mapping.
  { id: 'GREF-31', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A readonly mapping serves tx requests, and an rx request that names it gets a negative status.',
    source: 'good practice: netif.h, "Static Grants", XEN_NETIF_CTRLF_GREF_readonly' },
  { id: 'GREF-32', side: 'frontend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A frontend whose GET_GREF_MAPPING_SIZE fails or returns 0 continues with ordinary grants.',
    source:
      'netif-staging-grants.pandoc; netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE: zero if ' +
      'not supported' },
  // Not a must: the header says so for hash messages only.
  { id: 'GREF-33', side: 'frontend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The frontend keeps the list and all its entries granted until the response has arrived.',
    source: 'good practice: as netif.h asks for hash keys and hash mappings' },
  // Not a must: the header says what the backend does with the list, not what the frontend may rely on.
  { id: 'GREF-34', side: 'frontend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'After a successful DEL_GREF_MAPPING the frontend no longer relies on the backend having the grants mapped.',
    source: 'good practice: netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING, unmaps the grants',
    untestable: "what a frontend relies on can't be seen: a request with a removed grant is an ordinary one" },
  { id: 'GREF-35', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "ADD_GREF_MAPPING with a reference beyond the frontend's grant table gets INVALID_PARAMETER and does no harm.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed',
    lines: 'netif.h:710, 716-718' },
  { id: 'GREF-36', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'ADD_GREF_MAPPING and DEL_GREF_MAPPING with an invalid grant reference for the list get INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed' },
  // Not a must: the header calls the flag "readonly" and says no more.
  { id: 'GREF-37', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'ADD_GREF_MAPPING of a read-only grant without the readonly flag gets INVALID_PARAMETER.',
    source: 'good practice: netif.h, "Static Grants", XEN_NETIF_CTRLF_GREF_readonly' },
  // Not a must, for the same reason.
  { id: 'GREF-38', side: 'frontend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'The frontend sets the readonly flag of each entry of ADD_GREF_MAPPING that it grants read-only, and of none ' +
      'that it posts as an rx buffer.',
    source: 'good practice: netif.h, "Static Grants", XEN_NETIF_CTRLF_GREF_readonly' },
  // Not a must, for the same reason.
  { id: 'GREF-39', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The backend maps an entry with the readonly flag for reading only, also where its grant permits writing.',
    source: 'good practice: netif.h, "Static Grants", XEN_NETIF_CTRLF_GREF_readonly' },
];
