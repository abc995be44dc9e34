import type { Requirement } from '../../harness/run/requirement.js';

/** The Toeplitz hash; the default key is the 40 octets of the published RSS verification suite. */
// prettier-ignore
export const TOEP: readonly Requirement[] = [
  { id: 'TOEP-01', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 66.9.149.187:2794 to 161.142.100.80:1766 the default key gives the IPv4 hash 323e8fc2 and ' +
      'the TCP hash 51ccc178.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:221-222, 234-237, 287-296',
    note:
      "The header's bounds of the buffers are off by one; the length given to the hash counts: 8, 12, 32 and 36 " +
      'octets.' },
  { id: 'TOEP-02', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 199.92.111.2:14230 to 65.69.140.83:4739 the default key gives the IPv4 hash d718262a and ' +
      'the TCP hash c626b0ea.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:221-222, 234-237, 287-296' },
  { id: 'TOEP-03', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 24.19.198.95:12898 to 12.22.207.184:38024 the default key gives the IPv4 hash d2d0a5de and ' +
      'the TCP hash 5c2b394a.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:221-222, 234-237, 287-296' },
  { id: 'TOEP-04', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 38.27.205.30:48228 to 209.142.163.6:2217 the default key gives the IPv4 hash 82989176 and ' +
      'the TCP hash afc7327f.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:221-222, 234-237, 287-296' },
  { id: 'TOEP-05', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 153.39.163.191:44251 to 202.188.127.2:1303 the default key gives the IPv4 hash 5d1809c5 and ' +
      'the TCP hash 10e828a2.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:221-222, 234-237, 287-296' },
  { id: 'TOEP-06', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 3ffe:2501:200:1fff::7 port 2794 to 3ffe:2501:200:3::1 port 1766 the default key gives the ' +
      'IPv6 hash 2cc18cd5 and the TCP hash 40207d3d.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:248-249, 261-264, 287-296' },
  { id: 'TOEP-07', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 3ffe:501:8::260:97ff:fe40:efab port 14230 to ff02::1 port 4739 the default key gives the ' +
      'IPv6 hash 0f0c461c and the TCP hash dde51bbf.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:248-249, 261-264, 287-296' },
  { id: 'TOEP-08', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'For a packet from 3ffe:1900:4545:3:200:f8ff:fe21:67cf port 44251 to fe80::200:f8ff:fe21:67cf port 38024 the ' +
      'default key gives the IPv6 hash 4b61e985 and the TCP hash 02d1feef.',
    source: 'netif.h, "Hash algorithms" and "Hash types"; RSS verification suite',
    lines: 'netif.h:248-249, 261-264, 287-296' },
  { id: 'TOEP-09', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'An empty key gives the hash 0 for every packet.',
    source: 'netif.h, "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: always be zero',
    lines: 'netif.h:558-560' },
  { id: 'TOEP-10', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'The default key hashes the octets 80 00 00 00 to its own first 32 bits, 6d5a56da.',
    source: 'netif.h, "Hash algorithms": left-most 32 bits of the key',
    lines: 'netif.h:287-296',
    note: 'Zeros after these octets add nothing, so a packet whose other addresses and ports are 0 has this hash.' },
  { id: 'TOEP-11', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'The default key hashes the octets 00 00 00 01 to its 32 bits that start at bit 31, 12ad8761.',
    source: 'netif.h, "Hash algorithms": shift of the key',
    lines: 'netif.h:287-296',
    note: 'Zeros after these octets add nothing, so a packet whose other addresses and ports are 0 has this hash.' },
  { id: 'TOEP-12', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement: 'The default key hashes the octets 00 00 00 80 to its 32 bits that start at bit 24, da255b0e.',
    source: 'netif.h, "Hash algorithms": shift of the key',
    lines: 'netif.h:287-296',
    note: 'Zeros after these octets add nothing, so a packet whose other addresses and ports are 0 has this hash.' },
  { id: 'TOEP-13', side: 'backend', level: 'must', since: '15b1e8d864', gate: 'feature-ctrl-ring',
    statement:
      'A key cut to 16 octets still gives the full IPv4 TCP hash; a key cut to 12 octets gives the full IPv4 hash ' +
      'but another TCP hash.',
    source: 'netif.h, "Hash algorithms"; "Control messages", XEN_NETIF_CTRL_TYPE_SET_HASH_KEY: note',
    lines: 'netif.h:291-296, 556-557' },
];
