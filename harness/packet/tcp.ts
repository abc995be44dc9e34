import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { checkOptions, getNumber, putNumber } from '../bytes/bytes.js';
import { checksumAt, pseudoHeaderSum, putChecksum } from './checksum.js';
import type { Addresses, Checksum } from './checksum.js';
import { IP_PROTOCOL } from './ipv4.js';

/** RFC 9293, 3.1. */
const LAYOUT = {
  sport: 0,
  dport: 2,
  seq: 4,
  ack: 8,
  offsetAndFlags: 12,
  window: 14,
  checksum: 16,
  urgent: 18,
  options: 20,
} as const;

/** Bits of {@link Tcp.flags}. */
export const TCP_FLAG = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

export interface Tcp {
  readonly sport: number;
  readonly dport: number;
  readonly seq: number;
  readonly ack: number;
  /** The 12 bits after the data offset: {@link TCP_FLAG} and the four reserved bits above. */
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly checksum: Checksum;
  /** Raw, a multiple of 4 bytes. */
  readonly options: Uint8Array;
  readonly payload: Uint8Array;
}

/** `bytes` is the whole payload of the IP packet: TCP has no length of its own. */
export function decodeTcp(bytes: Uint8Array, addresses: Addresses): Decoded<Tcp> {
  if (bytes.length < LAYOUT.options) return malformed(`TCP: ${bytes.length} bytes are no header`);
  const offsetAndFlags = getNumber(bytes, 16, LAYOUT.offsetAndFlags);
  const headerLength = (offsetAndFlags >> 12) * 4;
  if (headerLength < LAYOUT.options) return malformed(`TCP: header of ${headerLength} bytes`);
  if (headerLength > bytes.length) return malformed(`TCP: header of ${headerLength} in ${bytes.length} bytes`);
  return decoded({
    sport: getNumber(bytes, 16, LAYOUT.sport),
    dport: getNumber(bytes, 16, LAYOUT.dport),
    seq: getNumber(bytes, 32, LAYOUT.seq),
    ack: getNumber(bytes, 32, LAYOUT.ack),
    flags: offsetAndFlags & 0xfff,
    window: getNumber(bytes, 16, LAYOUT.window),
    urgent: getNumber(bytes, 16, LAYOUT.urgent),
    // Computed on use: a large frame is decoded several times for its ports and its payload alone.
    get checksum() {
      return checksumAt(bytes, LAYOUT.checksum, pseudoHeaderSum(addresses, IP_PROTOCOL.tcp, bytes.length));
    },
    options: bytes.subarray(LAYOUT.options, headerLength),
    payload: bytes.subarray(headerLength),
  });
}

/** Throws a RangeError if the options don't fit the header. */
export function encodeTcp(tcp: Tcp, addresses: Addresses): Uint8Array {
  const headerLength = LAYOUT.options + tcp.options.length;
  checkOptions(tcp.options);
  const bytes = new Uint8Array(headerLength + tcp.payload.length);
  putNumber(bytes, 16, LAYOUT.sport, tcp.sport);
  putNumber(bytes, 16, LAYOUT.dport, tcp.dport);
  putNumber(bytes, 32, LAYOUT.seq, tcp.seq);
  putNumber(bytes, 32, LAYOUT.ack, tcp.ack);
  putNumber(bytes, 16, LAYOUT.offsetAndFlags, (headerLength / 4) * 0x1000 + tcp.flags);
  putNumber(bytes, 16, LAYOUT.window, tcp.window);
  putNumber(bytes, 16, LAYOUT.urgent, tcp.urgent);
  bytes.set(tcp.options, LAYOUT.options);
  bytes.set(tcp.payload, headerLength);
  putChecksum(bytes, LAYOUT.checksum, tcp.checksum, pseudoHeaderSum(addresses, IP_PROTOCOL.tcp, bytes.length));
  return bytes;
}
