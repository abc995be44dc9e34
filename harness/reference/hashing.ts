/**
 * The hash settings of one vif of the reference backend, and the resulting hashes and queues (netif.h, "Hash types").
 */
import { decodeFrame } from '../packet/frame.js';
import { HASH_ALGORITHM, HASH_FLAG, HASH_TYPE } from '../protocol/netif.js';
import { hashInput, toeplitz } from '../protocol/toeplitz.js';

/** Maximum length of a key in bytes: enough for the longest input. */
export const MAX_KEY = 40;
/** Maximum number of entries of a mapping table: more than one page holds. */
export const MAX_MAPPING = 2048;
/** The supported hash types. */
export const HASH_FLAGS = HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp | HASH_FLAG.ipv6 | HASH_FLAG.ipv6Tcp;

export interface PacketHash {
  /** One of {@link HASH_TYPE}. */
  readonly type: number;
  readonly value: number;
}

/** The hash settings of one vif. */
export class Hashing {
  algorithm: number = HASH_ALGORITHM.none;
  /** Bits of {@link HASH_FLAG}. */
  flags = 0;
  key = new Uint8Array();
  /** Queue numbers. If empty, the queue is the hash modulo the number of queues. */
  mapping: number[] = [];

  reset(): void {
    this.algorithm = HASH_ALGORITHM.none;
    this.flags = 0;
    this.key = new Uint8Array();
    this.mapping = [];
  }

  /** The hash of the most specific type that is set and applies to the frame; undefined if no type does. */
  of(frame: Uint8Array): PacketHash | undefined {
    const it = this.algorithm === HASH_ALGORITHM.none ? undefined : decodeFrame(frame);
    if (!it?.ok || !('ip' in it.value)) return undefined;
    const { ip } = it.value;
    const addresses = { src: ip.source, dst: ip.destination };
    const [plain, tcp] = ip.version === 4 ? [HASH_TYPE.ipv4, HASH_TYPE.ipv4Tcp] : [HASH_TYPE.ipv6, HASH_TYPE.ipv6Tcp];
    if (it.value.kind === 'tcp' && this.#has(tcp)) {
      const { sport, dport } = it.value.tcp;
      return { type: tcp, value: toeplitz(this.key, hashInput({ ...addresses, sport, dport })) };
    }
    return this.#has(plain) ? { type: plain, value: toeplitz(this.key, hashInput(addresses)) } : undefined;
  }

  /** The queue for a packet with this hash, or without a hash, out of `queues`. */
  queueFor(hash: PacketHash | undefined, queues: number): number {
    const value = hash?.value ?? 0;
    return this.mapping.length > 0 ? (this.mapping[value % this.mapping.length] ?? 0) : value % queues;
  }

  #has(type: number): boolean {
    return (this.flags & (1 << type)) !== 0;
  }
}
