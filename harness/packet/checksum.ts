import { getNumber, putNumber } from '../bytes/bytes.js';

/**
 * The state of a checksum field. `blank` is the sum of the pseudo-header alone, which a sender leaves in TCP and UDP
 * where the checksum is to be completed later (netif.h, "NETTXF_csum_blank").
 */
export type Checksum = 'complete' | 'blank' | 'corrupt';

/** Source and destination of an IP packet, 4 or 16 bytes each; a decoded IP packet has both. */
export interface Addresses {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** The sum of big-endian 16-bit words, not folded; an odd last byte counts as the upper half of a word. */
export function wordSum(bytes: Uint8Array): number {
  let total = 0;
  const even = bytes.length & ~1;
  for (let i = 0; i < even; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return even < bytes.length ? total + ((bytes[even] ?? 0) << 8) : total;
}

/** Folds a sum into 16 bits with end-around carry (RFC 1071). Zero only if all words are zero. */
function fold(total: number): number {
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return total;
}

/** The one's-complement sum of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1), folded and not complemented. */
export function pseudoHeaderSum(addresses: Addresses, protocol: number, length: number): number {
  return fold(wordSum(addresses.source) + wordSum(addresses.destination) + protocol + length);
}

/** The Internet checksum of `bytes` (RFC 1071), continuing from the sum of a pseudo-header if one is given. */
export function internetChecksum(bytes: Uint8Array, pseudo = 0): number {
  return ~fold(pseudo + wordSum(bytes)) & 0xffff;
}

/** The state of the checksum at `offset` of `bytes`. Without a pseudo-header (`pseudo` is 0) it is never blank. */
export function checksumAt(bytes: Uint8Array, offset: number, pseudo = 0): Checksum {
  if (internetChecksum(bytes, pseudo) === 0) return 'complete';
  return pseudo !== 0 && getNumber(bytes, 16, offset) === pseudo ? 'blank' : 'corrupt';
}

/** Fills the field at `offset` so that {@link checksumAt} returns `checksum`. Blank needs a pseudo-header. */
export function putChecksum(bytes: Uint8Array, offset: number, checksum: Checksum, pseudo = 0): void {
  putNumber(bytes, 16, offset, 0);
  const complete = internetChecksum(bytes, pseudo);
  if (checksum === 'complete') {
    putNumber(bytes, 16, offset, complete);
  } else if (checksum === 'blank') {
    if (pseudo === 0) throw new RangeError('a checksum without a pseudo-header is never blank');
    putNumber(bytes, 16, offset, pseudo);
  } else {
    // Zero would mean "no checksum" in UDP.
    let wrong = complete ^ 0x5a5a;
    do {
      wrong = (wrong + 1) & 0xffff;
      putNumber(bytes, 16, offset, wrong);
    } while (wrong === 0 || checksumAt(bytes, offset, pseudo) !== 'corrupt');
  }
}
