/** The published vectors of the Toeplitz hash, as packets (the verification suite for receive side scaling). */
import { parseIpv4, parseIpv6 } from '../../harness/packet/address.js';
import { tcpSyn } from '../../harness/packet/build.js';

export interface Vector {
  readonly source: string;
  readonly sport: number;
  readonly destination: string;
  readonly dport: number;
  /** The hash of the addresses under the suite's key. */
  readonly ip: number;
  /** The hash of addresses and ports. */
  readonly tcp: number;
}

const vector = (
  source: string,
  sport: number,
  destination: string,
  dport: number,
  ip: number,
  tcp: number,
): Vector => ({
  source,
  sport,
  destination,
  dport,
  ip,
  tcp,
});

// prettier-ignore
export const VECTORS = {
  v4a: vector('66.9.149.187', 2794, '161.142.100.80', 1766, 0x323e8fc2, 0x51ccc178),
  v4b: vector('199.92.111.2', 14230, '65.69.140.83', 4739, 0xd718262a, 0xc626b0ea),
  v4c: vector('24.19.198.95', 12898, '12.22.207.184', 38024, 0xd2d0a5de, 0x5c2b394a),
  v4d: vector('38.27.205.30', 48228, '209.142.163.6', 2217, 0x82989176, 0xafc7327f),
  v4e: vector('153.39.163.191', 44251, '202.188.127.2', 1303, 0x5d1809c5, 0x10e828a2),
  v6a: vector('3ffe:2501:200:1fff::7', 2794, '3ffe:2501:200:3::1', 1766, 0x2cc18cd5, 0x40207d3d),
  v6b: vector('3ffe:501:8::260:97ff:fe40:efab', 14230, 'ff02::1', 4739, 0x0f0c461c, 0xdde51bbf),
  v6c: vector('3ffe:1900:4545:3:200:f8ff:fe21:67cf', 44251, 'fe80::200:f8ff:fe21:67cf', 38024, 0x4b61e985, 0x02d1feef),
} as const;

/**
 * Packets whose addresses and ports have one bit set, in the first four octets. The zeros after it add nothing to a
 * Toeplitz hash, so each type gives the hash of these octets alone.
 */
export const ONE_BIT = {
  first: vector('128.0.0.0', 0, '0.0.0.0', 0, 0x6d5a56da, 0x6d5a56da),
  last: vector('0.0.0.1', 0, '0.0.0.0', 0, 0x12ad8761, 0x12ad8761),
  firstOfLast: vector('0.0.0.128', 0, '0.0.0.0', 0, 0xda255b0e, 0xda255b0e),
} as const;

/** Whether a vector's packets are IPv6. */
export function isIpv6(vector: Vector): boolean {
  return vector.source.includes(':');
}

/** A SYN from one MAC address to another, with a vector's addresses and ports. */
export function synOf(vector: Vector, from: Uint8Array, to: Uint8Array, seq = 1): Uint8Array {
  return tcpSyn(hostOf(vector.source, from), hostOf(vector.destination, to), {
    sport: vector.sport,
    dport: vector.dport,
    seq,
    ipv6: isIpv6(vector),
  });
}

/**
 * A host with that address; its address of the other IP version is unused. Throws a RangeError if the address isn't
 * valid.
 */
export function hostOf(address: string, mac: Uint8Array): { mac: Uint8Array; ipv4: Uint8Array; ipv6: Uint8Array } {
  const parsed = address.includes(':') ? parseIpv6(address) : parseIpv4(address);
  if (!parsed.ok) throw new RangeError(parsed.reason);
  return { mac, ipv4: parsed.value, ipv6: parsed.value };
}
