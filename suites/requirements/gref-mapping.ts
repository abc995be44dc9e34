import type { Requirement } from './requirement.js';

/** Control messages for grants that the backend keeps mapped; no shipping driver is known to have them. */
// prettier-ignore
export const GREF: readonly Requirement[] = [
  { id: 'GREF-01', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A backend without gref mapping answers its three messages NOT_SUPPORTED.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE and its neighbours' },
  { id: 'GREF-02', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "GET_GREF_MAPPING_SIZE takes a queue's index in data[0], which is 0 for a vif of one queue.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE' },
  { id: 'GREF-03', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "GET_GREF_MAPPING_SIZE with the index of a queue that doesn't exist answers INVALID_PARAMETER.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE' },
  { id: 'GREF-04', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'GET_GREF_MAPPING_SIZE returns the most entries that the table of mapped grants can have, or 0 where there is ' +
      'no table.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE' },
  { id: 'GREF-05', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "What GET_GREF_MAPPING_SIZE returns is the size of the table and doesn't shrink as entries are added.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE: maximum number of entries allowed',
    note: 'The design document speaks of free entries instead: a backend that follows it is noted, not failed.' },
  { id: 'GREF-06', side: 'frontend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The frontend leaves data[1] and data[2] of GET_GREF_MAPPING_SIZE at 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE' },
  { id: 'GREF-07', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'ADD_GREF_MAPPING reads as many entries as data[2] says, from the start of the page that data[1] grants, for ' +
      'the queue in data[0].',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING' },
  { id: 'GREF-08', side: 'frontend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The frontend grants the page with the list for reading and writing, for ADD as for DEL.',
    source:
      'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING and XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING' },
  { id: 'GREF-09', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'An ADD_GREF_MAPPING that fails adds none of its entries.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: note' },
  { id: 'GREF-10', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'Whatever the status fields of the entries hold, ADD_GREF_MAPPING has the same outcome.',
    source: 'netif.h, "Static Grants": status is an output' },
  { id: 'GREF-11', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'ADD_GREF_MAPPING leaves the status fields of the entries untouched.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: status not used' },
  { id: 'GREF-12', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "ADD_GREF_MAPPING with a reference in its list that can't be mapped answers INVALID_PARAMETER.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed' },
  { id: 'GREF-13', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'After a successful ADD_GREF_MAPPING the backend has every entry mapped.',
    source: 'netif.h, "Static Grants"; "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING',
    note: 'A backend that only copies may map nothing; the text speaks of mappings.' },
  { id: 'GREF-14', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'The backend maps an entry with the readonly flag for reading only, and one without for writing too, which ' +
      'fails on a read-only grant.',
    source: 'netif.h, "Static Grants", XEN_NETIF_CTRLF_GREF_readonly' },
  { id: 'GREF-15', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'An entry with undefined flag bits is refused with INVALID_PARAMETER or taken as if they were clear.',
    source: 'good practice: netif.h, "Static Grants", is silent on other bits' },
  { id: 'GREF-16', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'ADD_GREF_MAPPING with more entries than the table has room for answers INVALID_PARAMETER and maps none.',
    source:
      'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE and ' +
      'XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING' },
  { id: 'GREF-17', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'ADD_GREF_MAPPING and DEL_GREF_MAPPING with more than the 512 entries of one page answer INVALID_PARAMETER.',
    source: 'netif.h, "Static Grants": entry format; "Control messages": page containing the mapping list' },
  { id: 'GREF-18', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A list of no entries is answered SUCCESS or INVALID_PARAMETER.',
    source: 'good practice: netif.h is silent on an empty list' },
  { id: 'GREF-19', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "ADD_GREF_MAPPING and DEL_GREF_MAPPING with the index of a queue that doesn't exist answer INVALID_PARAMETER.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed' },
  { id: 'GREF-20', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "DEL_GREF_MAPPING tells in each entry's status whether that entry was removed, and in the response's data how " +
      'many were.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING' },
  { id: 'GREF-21', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'DEL_GREF_MAPPING gives an entry that was never added the status INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING: note' },
  { id: 'GREF-22', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'Of a mixed list DEL_GREF_MAPPING removes the entries that were added and marks the others.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING: note',
    note:
      "The response's own status on a partial success is open; SUCCESS with a smaller count makes most sense of the " +
      'text.' },
  { id: 'GREF-23', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'After DEL_GREF_MAPPING the status of every entry has been written, whatever it held, and is 0 for a removed ' +
      'one.',
    source: 'netif.h, "Static Grants": status; "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING' },
  { id: 'GREF-24', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'Once DEL_GREF_MAPPING told that an entry is removed, the backend no longer has it mapped.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING' },
  { id: 'GREF-25', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "An entry that an outstanding request uses isn't unmapped under it: DEL_GREF_MAPPING waits or marks the entry.",
    source:
      'good practice: the commit message of xen.git 30655e2bf0 restricts removal to mappings not in use, the header ' +
      "doesn't" },
  { id: 'GREF-26', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: "Mapped grants belong to a queue: what was added for one can't be removed through another.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: queue index',
    note: 'That the queue index scopes the entries is implied, not said.' },
  { id: 'GREF-27', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'Requests with a mapped grant and requests with any other valid grant work side by side on one ring.',
    source: 'netif.h, "Static Grants"; netif-staging-grants.pandoc' },
  { id: 'GREF-28', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A mapped grant may be used in any number of requests, one after the other, without being added again.',
    source: 'netif.h, "Static Grants": a fixed set of grant references' },
  // Not a must: the text is silent on disconnecting, where every driver releases what it mapped.
  { id: 'GREF-29', side: 'backend', level: 'de-facto', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'On disconnect the backend unmaps all grants that were added.',
    source: 'every driver: all release their mappings on disconnect' },
  { id: 'GREF-30', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'A reference that stands twice in a list, or is mapped already, is refused or counted once, so that ' +
      "DEL_GREF_MAPPING's count adds up.",
    source: 'good practice: netif.h is silent on duplicates' },
  // Not a must: the text is silent on rx requests with a readonly mapping.
  { id: 'GREF-31', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A readonly mapping serves tx requests, and an rx request that names one gets a negative status.',
    source: 'good practice: netif.h, "Static Grants", XEN_NETIF_CTRLF_GREF_readonly' },
  { id: 'GREF-32', side: 'frontend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'A frontend whose GET_GREF_MAPPING_SIZE fails or returns 0 goes on with ordinary grants.',
    source:
      'netif-staging-grants.pandoc; netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE: zero if ' +
      'not supported' },
  // Not a must: the header says so of hash messages only.
  { id: 'GREF-33', side: 'frontend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'The frontend keeps the list and all its entries granted until the response has come.',
    source: 'good practice: as netif.h asks for hash keys and hash mappings' },
  { id: 'GREF-34', side: 'frontend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      'After a successful DEL_GREF_MAPPING the frontend no longer counts on the backend having the grants mapped.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING',
    untestable: "what a frontend counts on doesn't show: a request with a removed grant is an ordinary one" },
  { id: 'GREF-35', side: 'backend', level: 'must', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement:
      "ADD_GREF_MAPPING with a reference beyond the frontend's grant table answers INVALID_PARAMETER and does no " +
      'harm.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed' },
  { id: 'GREF-36', side: 'backend', level: 'should', since: '30655e2bf0', gate: 'feature-ctrl-ring',
    statement: 'ADD_GREF_MAPPING and DEL_GREF_MAPPING with a bad reference for the list answer INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING: operation failed' },
];
