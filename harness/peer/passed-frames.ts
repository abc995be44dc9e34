/** The frames that were passed to a driver under test, and that it has not passed on yet. */
import { getNumber } from '../bytes/bytes.js';
import { ADDRESSES, ETHER_TYPE, ETHERNET_HEADER as ETHERNET, VLAN_TAG as TAG } from '../packet/ethernet.js';
import { IP_PROTOCOL } from '../packet/ipv4.js';
import { upperLayer } from '../packet/ipv6.js';
import { ipLength } from './monitor/length.js';

const IPV6_HEADER = 40;
/** The bytes of an Ethernet frame with ARP, without padding. */
const ARP_FRAME = 42;
/** Frames that are remembered; a vif that sent more is not checked any further. */
const LIMIT = 20_000;

export class PassedFrames {
  #counts = new Map<string, number>();
  /** Counts of all frames, passed on or not. */
  readonly #all = new Map<string, number>();
  #total = 0;

  get isEmpty(): boolean {
    return this.#total === 0;
  }

  add(frame: Uint8Array): void {
    if (++this.#total > LIMIT) {
      this.#counts.clear();
      this.#all.clear();
      return;
    }
    this.#expect(keyOf(frame));
    // A driver may strip the tag.
    if (etherType(frame) === ETHER_TYPE.vlan) this.#expect(keyOf(withoutTag(frame)));
  }

  /**
   * Whether a frame that came out was passed and has not come out before; undefined if that is not known: TCP data may be
   * merged or cut on the way.
   */
  take(frame: Uint8Array): boolean | undefined {
    if (this.#total > LIMIT) return undefined;
    const key = keyOf(frame);
    const count = this.#counts.get(key) ?? 0;
    if (count === 0) return hasTcpData(frame) ? undefined : false;
    this.#count(key, -1);
    return true;
  }

  /** The driver may pass on all frames once more. */
  again(): void {
    this.#counts = new Map(this.#all);
  }

  #expect(key: string): void {
    this.#count(key, 1);
    this.#all.set(key, (this.#all.get(key) ?? 0) + 1);
  }

  #count(key: string, change: number): void {
    const count = (this.#counts.get(key) ?? 0) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}

const etherType = (frame: Uint8Array): number => (frame.length < ETHERNET ? 0 : getNumber(frame, 16, ADDRESSES));

function withoutTag(frame: Uint8Array): Uint8Array {
  return Buffer.concat([frame.subarray(0, ADDRESSES), frame.subarray(ADDRESSES + TAG)]);
}

/** What a driver must not change in a frame: its bytes without padding and without a checksum of TCP or UDP. */
function keyOf(frame: Uint8Array): string {
  const bytes = Buffer.from(frame.subarray(0, Math.min(frame.length, ownLength(frame))));
  const sum = checksumAt(bytes);
  if (sum !== undefined && sum + 2 <= bytes.length) bytes.writeUInt16BE(0, sum);
  return bytes.toString('latin1');
}

/** The length by the headers, without the padding of short frames. */
function ownLength(frame: Uint8Array): number {
  if (etherType(frame) === ETHER_TYPE.arp) return ARP_FRAME;
  const length = ipLength(frame);
  return length === undefined ? frame.length : ETHERNET + length;
}

/** Protocol above IP and where its header begins, after the extension headers of IPv6. */
function transport(frame: Uint8Array): { protocol: number; at: number } | undefined {
  const type = etherType(frame);
  if (type === ETHER_TYPE.ipv4) {
    return { protocol: frame[ETHERNET + 9] ?? 0, at: ETHERNET + 4 * ((frame[ETHERNET] ?? 0) & 0xf) };
  }
  if (type !== ETHER_TYPE.ipv6) return undefined;
  const [nextHeader = 0] = frame.subarray(ETHERNET + 6);
  const upper = upperLayer({ nextHeader, payload: frame.subarray(ETHERNET + IPV6_HEADER) });
  return upper && { protocol: upper.protocol, at: frame.length - upper.payload.length };
}

function checksumAt(frame: Uint8Array): number | undefined {
  const { protocol, at } = transport(frame) ?? { protocol: 0, at: 0 };
  if (protocol === IP_PROTOCOL.tcp) return at + 16;
  return protocol === IP_PROTOCOL.udp ? at + 6 : undefined;
}

function hasTcpData(frame: Uint8Array): boolean {
  const { protocol, at } = transport(frame) ?? { protocol: 0, at: 0 };
  return protocol === IP_PROTOCOL.tcp && ownLength(frame) > at + 4 * ((frame[at + 12] ?? 0) >> 4);
}
