import type { Requirement } from '../../harness/run/requirement.js';

/** Hashing, and the steering of packets to queues. */
// prettier-ignore
export const HASH: readonly Requirement[] = [
  { id: 'HASH-01', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'SET_HASH_ALGORITHM gets SUCCESS for an algorithm that the backend supports, INVALID_PARAMETER for any other, ' +
      'and NOT_SUPPORTED if the backend supports no hashing.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM',
    lines: 'netif.h:467-471' },
  { id: 'HASH-02', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A backend with hashing always accepts the algorithm NONE, which turns hashing off.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM: note',
    lines: 'netif.h:473-475' },
  { id: 'HASH-03', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'On a first connection hashing is off until the frontend sets an algorithm.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM: default behaviour',
    lines: 'netif.h:473-475' },
  { id: 'HASH-04', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "GET_HASH_FLAGS doesn't succeed before a hash algorithm was set.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS: note',
    lines: 'netif.h:496-497',
    note: 'The header leaves the status open; Linux responds with NOT_SUPPORTED.' },
  { id: 'HASH-05', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'GET_HASH_FLAGS returns the mask of the hash types that the backend calculates, all of them among the four ' +
      'defined types.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS; "Hash types"',
    lines: 'netif.h:226-228, 241-243, 253-255, 268-270, 494' },
  { id: 'HASH-06', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'SET_HASH_FLAGS with a type that is undefined, or not in the mask of GET_HASH_FLAGS, gets INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS',
    lines: 'netif.h:520-522' },
  { id: 'HASH-07', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "SET_HASH_FLAGS doesn't succeed before a hash algorithm was set.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: note',
    lines: 'netif.h:526-527',
    note: 'The header leaves the status open; Linux responds with INVALID_PARAMETER.' },
  { id: 'HASH-08', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_FLAGS with 0 succeeds and turns hashing off.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: note',
    lines: 'netif.h:528-529' },
  // Not a must: the header says that the maximal type "should always be chosen".
  { id: 'HASH-09', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'If both the address hash and the TCP hash of an IP version are set, a TCP packet gets the TCP hash and any ' +
      'other packet the address hash.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS: maximal type' },
  // Not a must: the header names the types that the backend "should calculate".
  { id: 'HASH-10', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'If only the TCP hash of an IP version is set, packets other than TCP get no hash.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS; "Hash types"' },
  // Not a must: the header names the types that the backend "should calculate".
  { id: 'HASH-11', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'If only the address hash of an IP version is set, TCP packets get the address hash.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS; "Hash types"' },
  { id: 'HASH-12', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A UDP packet never gets a hash over its ports.',
    source: 'netif.h, "Hash types": only ports of TCP headers are hashed',
    lines: 'netif.h:231-237, 258-264',
    note: 'It gets the address hash if that type is set, and otherwise no hash.' },
  { id: 'HASH-13', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY reads as many octets as data[1] says, from the start of the granted page.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY',
    lines: 'netif.h:540-542' },
  { id: 'HASH-14', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY works with a page that is granted read-only.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note',
    lines: 'netif.h:563-564' },
  // Both sides: the same sentence implies that the backend has finished with the page when it responds.
  { id: 'HASH-15', side: 'both', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      "The frontend keeps the key's grant valid until the response, and the backend doesn't use the grant after it.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note',
    lines: 'netif.h:563-564' },
  { id: 'HASH-16', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A new key replaces the whole old key, and octets beyond its size count as zero.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note',
    lines: 'netif.h:556-558' },
  { id: 'HASH-17', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with size 0 clears the key; every hash is then 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note',
    lines: 'netif.h:558-560' },
  { id: 'HASH-18', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'Before a first key is set, every hash is 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: empty by default',
    lines: 'netif.h:556-560' },
  { id: 'HASH-19', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with more octets than the backend supports gets BUFFER_OVERFLOW or INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY',
    lines: 'netif.h:549-552',
    note:
      'The header has both "Key size is invalid" and "larger than the backend supports"; Linux responds with ' +
      'INVALID_PARAMETER.' },
  { id: 'HASH-20', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with more octets than a page holds gets INVALID_PARAMETER or BUFFER_OVERFLOW.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: single grant reference',
    lines: 'netif.h:549-552, 561-562' },
  { id: 'HASH-21', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_KEY with an invalid grant reference gets INVALID_PARAMETER.',
    source: 'good practice: netif.h, XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, lists no status for it',
    note: 'Whether the old key then stays in place is open.' },
  { id: 'HASH-22', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'GET_HASH_MAPPING_SIZE returns the largest number of entries that a mapping table can have, or 0 if the ' +
      'backend has no table.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE',
    lines: 'netif.h:584-587' },
  { id: 'HASH-23', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_MAPPING_SIZE with more entries than GET_HASH_MAPPING_SIZE reported gets INVALID_PARAMETER.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE',
    lines: 'netif.h:584, 609',
    note: 'A backend without a table may respond to every SET_HASH_MAPPING_SIZE with NOT_SUPPORTED.' },
  { id: 'HASH-24', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'Each SET_HASH_MAPPING_SIZE discards the old table, and every entry of the new one is queue 0.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE',
    lines: 'netif.h:595-596' },
  // Not a must: the header says that the mapping "should be done using modular arithmetic".
  { id: 'HASH-25', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'With a mapping size of 0 the backend delivers a packet on the queue whose number is its hash modulo the ' +
      'number of queues.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE: note' },
  // Not a must: the header says that the backend "should" steer packets so.
  { id: 'HASH-26', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      "The backend delivers a packet on the queue in the mapping table's entry whose index is the packet's hash " +
      "modulo the table's size.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING',
    note: 'What an entry means after a reconnect with fewer queues is open; Linux uses it modulo the new number.' },
  { id: 'HASH-27', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_MAPPING writes data[1] entries starting at entry data[2] and leaves all others unchanged.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: sub-tables',
    lines: 'netif.h:630-631, 663-665' },
  { id: 'HASH-28', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "SET_HASH_MAPPING with an entry that names a queue that doesn't exist gets INVALID_PARAMETER.",
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: content is invalid',
    lines: 'netif.h:637-638, 658-660',
    note:
      'The header bounds an entry by multi-queue-num-queues without saying whether that number itself is out of ' +
      'range; Linux treats it as out of range.' },
  { id: 'HASH-29', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'SET_HASH_MAPPING whose offset and size reach beyond the table fails, also if their sum wraps at 32 bits.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING',
    lines: 'netif.h:630-631, 637-641',
    note: 'INVALID_PARAMETER and BUFFER_OVERFLOW both fit the header; Linux responds with the former.' },
  { id: 'HASH-30', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A failed SET_HASH_MAPPING leaves the mapping unchanged.',
    source: 'good practice: netif.h is silent on a partly written table' },
  // Both sides: the frontend keeps the grant valid.
  { id: 'HASH-31', side: 'both', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      "SET_HASH_MAPPING works with a page granted read-only, which stays valid until the response and isn't used " +
      'after it.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: note',
    lines: 'netif.h:666-667' },
  { id: 'HASH-32', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'SET_HASH_MAPPING with more entries than the 1024 that fit in one page fails.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING: single grant reference',
    lines: 'netif.h:628-630, 637-641, 647-650' },
  { id: 'HASH-33', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'The backend reports a hash with its rx packet in an extra of type HASH: the type as a bit number, the ' +
      'algorithm, and the value with the least significant octet first.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH',
    lines: 'netif.h:941-954' },
  { id: 'HASH-34', side: 'frontend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A frontend that turned hashing on accepts packets with a HASH extra.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH',
    lines: 'netif.h:941-942' },
  { id: 'HASH-35', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A backend with Toeplitz hashing accepts tx packets with a HASH extra.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH',
    lines: 'netif.h:939-940',
    note: "What the backend does with the value is left open; Linux ignores types that it doesn't know." },
  { id: 'HASH-36', side: 'backend', level: 'must', since: '15b1e8d864',
    statement: "The backend sends no HASH extra to a frontend that didn't turn hashing on.",
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH: a frontend that enables hashing',
    lines: 'netif.h:941-942' },
  { id: 'HASH-37', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A packet that is both large and hashed has a GSO and a HASH extra in one chain, in either order.',
    source: 'netif.h, "Extra Info": a chain of extras; "Guest receive"',
    lines: 'netif.h:822-826, 877-878' },
  { id: 'HASH-38', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'On a new connection hashing is off again.',
    source: 'good practice: netif.h is silent on what survives a connection',
    note: 'Linux keeps algorithm, types, key and mapping across a reconnect.' },
  { id: 'HASH-39', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'The backend also delivers hash values with a single queue.',
    source: 'netif.h, "Extra Info", XEN_NETIF_EXTRA_TYPE_HASH: not bound to several queues' },
  { id: 'HASH-40', side: 'frontend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'The frontend sets the reserved data words of its hash messages to 0.',
    source: 'netif.h, "Control messages": requests of XEN_NETIF_CTRL_TYPE_*_HASH_*',
    lines: 'netif.h:462-463, 486-488, 513-514, 543, 576-578, 602-603' },
  { id: 'HASH-41', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "A TCP hash covers the packet's real ports, also if IP options or extension headers precede them.",
    source: 'netif.h, "Hash types": a packet without options',
    lines: 'netif.h:212-213, 234-237, 261-264',
    note:
      'The header defines the hash only for packets without options; a fallback to the address hash conforms as ' +
      'well.' },
  { id: 'HASH-42', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: "An IP fragment gets the address hash or no hash, never a hash over bytes that aren't ports.",
    source: 'good practice: netif.h, "Hash types", is silent on fragments' },
  { id: 'HASH-43', side: 'frontend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'The frontend sets an algorithm and hash types that the header defines and the backend reports, and a mapping table ' +
      'of existing queues that the backend has room for.',
    source: 'netif.h, "Control messages": invalid parameters of the hash messages' },
  // Not a must: the header names the types that the backend "should calculate".
  { id: 'HASH-44', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For every combination of hash types, a packet gets a hash of a type that is set, and no hash if none of them ' +
      'applies to it.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS' },
  // Not a must: the header sets no order, and says of a key that it is set if the algorithm requires it.
  { id: 'HASH-45', side: 'backend', level: 'should', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'A key that the backend accepted while the algorithm was NONE counts once an algorithm is set.',
    source: 'good practice: Linux does so; netif.h sets no order of SET_HASH_KEY and SET_HASH_ALGORITHM' },
];
