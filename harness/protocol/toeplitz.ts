/** The Toeplitz hash (netif.h, "XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ"). */

/** The 40-octet key of the published verification suite for receive side scaling. */
export const VERIFICATION_KEY = Uint8Array.from(
  '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa'.match(/../g) ?? [],
  (octet) => parseInt(octet, 16),
);

/** The input of a packet's hash. Addresses are 4 bytes (IPv4) or 16 (IPv6), in network byte order. */
export interface HashTuple {
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  /** TCP ports, for the 4-tuple types; both or neither. */
  readonly sport?: number;
  readonly dport?: number;
}

/**
 * The hash as a u32: for each set bit of `input`, the 32 bits of `key` that begin at the same position, all XORed.
 * Missing bits of a short key are zero; an empty key gives 0.
 */
export function toeplitz(key: Uint8Array, input: Uint8Array): number {
  const keyByte = (index: number): number => key[index] ?? 0;
  let window = (keyByte(0) << 24) | (keyByte(1) << 16) | (keyByte(2) << 8) | keyByte(3);
  let hash = 0;
  input.forEach((byte, index) => {
    for (let bit = 7; bit >= 0; bit--) {
      if ((byte >> bit) & 1) hash ^= window;
      window = (window << 1) | ((keyByte(index + 4) >> bit) & 1);
    }
  });
  return hash >>> 0;
}

/** The bytes that are hashed: source, destination, then the ports if given. Throws a RangeError on any other shape. */
export function hashInput({ src, dst, sport, dport }: HashTuple): Uint8Array {
  if (src.length !== dst.length || (src.length !== 4 && src.length !== 16)) {
    throw new RangeError(`addresses of ${src.length} and ${dst.length} bytes`);
  }
  if (sport === undefined && dport === undefined) return Uint8Array.from([...src, ...dst]);
  return Uint8Array.from([...src, ...dst, ...portBytes(sport), ...portBytes(dport)]);
}

function portBytes(port: number | undefined): [number, number] {
  if (port === undefined) throw new RangeError('one port without the other');
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new RangeError(`${port} is not a valid port`);
  return [port >> 8, port & 0xff];
}
