import type { Requirement } from './requirement.js';

/** Hashing and the steering of packets to queues. */
// prettier-ignore
export const HASH: readonly Requirement[] = [
  { id: 'HASH-01', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'SET_HASH_ALGORITHM answers SUCCESS for an algorithm that the backend has, INVALID_PARAMETER for another, ' +
      'NOT_SUPPORTED if it knows no hashing.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM' },
  { id: 'HASH-02', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A backend with hashing always accepts the algorithm NONE, which turns hashing off.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM: note' },
  { id: 'HASH-03', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'On a first connection hashing is off until the frontend sets an algorithm.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM: default behaviour' },
  { id: 'HASH-04', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "GET_HASH_FLAGS doesn't succeed before a hash algorithm was set.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS: note',
    note: 'Which failure is left open; Linux answers NOT_SUPPORTED.' },
  { id: 'HASH-05', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'GET_HASH_FLAGS returns the mask of the hash types that the backend calculates, within the four that are ' +
      'defined.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS; "Hash types"' },
  { id: 'HASH-06', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'SET_HASH_FLAGS with a type that is undefined, or not in the mask of GET_HASH_FLAGS, answers ' +
      'INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS' },
  { id: 'HASH-07', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "SET_HASH_FLAGS doesn't succeed before a hash algorithm was set.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: note',
    note: 'Which failure is left open; Linux answers INVALID_PARAMETER.' },
  { id: 'HASH-08', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_FLAGS with 0 succeeds and turns hashing off.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: note' },
  // Not a must: the header says that the maximal type "should always be chosen".
  { id: 'HASH-09', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'With both the address hash and the TCP hash of an IP version set, a TCP packet gets the TCP hash and any ' +
      'other packet the address hash.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: maximal type' },
  { id: 'HASH-10', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'With only the TCP hash of an IP version set, packets other than TCP get no hash.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS; "Hash types"' },
  // Not a must: the header words the types as what the backend "should calculate".
  { id: 'HASH-11', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'With only the address hash of an IP version set, TCP packets get the address hash.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS; "Hash types"' },
  { id: 'HASH-12', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A UDP packet never gets a hash over its ports.',
    source: 'netif.h, "Hash types": ports are hashed of TCP headers only',
    note: 'It gets the address hash where that type is set, and else none.' },
  { id: 'HASH-13', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY takes as many octets as data[1] says, from the start of the granted page.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY' },
  { id: 'HASH-14', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY works with a page that is granted read-only.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note' },
  // Both sides: that the backend is done with the page by its response follows from the same sentence.
  { id: 'HASH-15', side: 'both', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      "The frontend keeps the key's grant valid until it has the response, after which the backend no longer uses " +
      'it.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note' },
  { id: 'HASH-16', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A new key replaces the whole old one, and octets beyond its size count as zero.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note' },
  { id: 'HASH-17', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with size 0 clears the key, after which every hash is 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note' },
  { id: 'HASH-18', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'Before a first key is set every hash is 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: empty by default' },
  { id: 'HASH-19', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with more octets than the backend supports answers BUFFER_OVERFLOW.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY',
    note: 'Linux answers INVALID_PARAMETER, against the text.' },
  { id: 'HASH-20', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with more octets than a page holds answers INVALID_PARAMETER or BUFFER_OVERFLOW.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: single grant reference' },
  { id: 'HASH-21', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with a bad grant reference answers INVALID_PARAMETER.',
    source: 'good practice: netif.h, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, lists no status for it',
    note: 'Whether the old key then stays is open.' },
  { id: 'HASH-22', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'GET_HASH_MAPPING_SIZE returns the most entries that a mapping table can have, or 0 where the backend has no ' +
      'table.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE' },
  { id: 'HASH-23', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_MAPPING_SIZE with more entries than GET_HASH_MAPPING_SIZE told answers INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE' },
  { id: 'HASH-24', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'Each SET_HASH_MAPPING_SIZE drops the old table, and every entry of the new one is queue 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE' },
  // Not a must: the header says that the mapping "should be done using modular arithmetic".
  { id: 'HASH-25', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'With a mapping size of 0 a packet goes to the queue whose number is its hash modulo the number of queues.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE: note' },
  // Not a must: the header words the steering as what the backend "should" do.
  { id: 'HASH-26', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      "A packet goes to the queue in the mapping table's entry whose index is the packet's hash modulo the table's " +
      'size.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING',
    note:
      'What an entry means once the vif has reconnected with fewer queues is open; Linux takes it modulo the new ' +
      'number.' },
  { id: 'HASH-27', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_MAPPING writes data[1] entries from entry data[2] on and leaves all others as they were.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: sub-tables' },
  { id: 'HASH-28', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_MAPPING with an entry that names no existing queue answers INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: content is invalid',
    note:
      'The text bounds an entry by multi-queue-num-queues without saying whether that number itself is out; Linux ' +
      'takes it as out.' },
  { id: 'HASH-29', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'SET_HASH_MAPPING whose offset and size reach beyond the table fails, also where their sum wraps 32 bits.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING',
    note: 'INVALID_PARAMETER and BUFFER_OVERFLOW both fit the text; Linux answers the former.' },
  { id: 'HASH-30', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A SET_HASH_MAPPING that failed leaves the mapping as it was.',
    source: 'good practice: netif.h is silent on a table written in part' },
  // Both sides: the validity of the grant is the frontend's part.
  { id: 'HASH-31', side: 'both', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      "SET_HASH_MAPPING works with a page granted read-only, which stays valid until the response and isn't used " +
      'after it.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: note' },
  { id: 'HASH-32', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_MAPPING with more than the 1024 entries of one page fails.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: single grant reference' },
  { id: 'HASH-33', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'A hash comes with its rx packet in an extra of type HASH: the type as a bit number, the algorithm, and the ' +
      'value least significant octet first.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH' },
  { id: 'HASH-34', side: 'frontend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A frontend that turned hashing on accepts packets with a HASH extra.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH' },
  { id: 'HASH-35', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A backend with Toeplitz hashing accepts tx packets with a HASH extra.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH',
    note: "What it makes of the value is its own affair; Linux ignores types that it doesn't know." },
  { id: 'HASH-36', side: 'backend', level: 'must', since: '15b1e8d864',
    statement: "A frontend that didn't turn hashing on is sent no HASH extra.",
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH: a frontend that enables hashing' },
  { id: 'HASH-37', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A packet that is both large and hashed has a GSO and a HASH extra in one chain, in either order.',
    source: 'netif.h, "Extra Info": a chain of extras; "Guest receive"' },
  { id: 'HASH-38', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'On a new connection hashing is off again.',
    source: 'good practice: netif.h is silent on what outlives a connection',
    note: 'Linux keeps algorithm, types, key and mapping over a reconnect.' },
  { id: 'HASH-39', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'With a single queue hash values are delivered all the same.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH: not bound to several queues' },
  { id: 'HASH-40', side: 'frontend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "The frontend's hash messages have 0 in the data words that the messages give as 0.",
    source: 'netif.h, "Control messages": requests of XEN_NETIF_CTRL_TYPE_*_HASH_*' },
  { id: 'HASH-41', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "A TCP hash covers the packet's real ports, also where IP options or extension headers precede them.",
    source: 'netif.h, "Hash types": a packet without options',
    note:
      'The text defines the hash only for packets without options; falling back to the address hash is right too.' },
  { id: 'HASH-42', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "An IP fragment gets the address hash or none, never one over bytes that aren't ports.",
    source: 'good practice: netif.h, "Hash types", is silent on fragments' },
];
