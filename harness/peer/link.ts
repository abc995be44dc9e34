import { linkLocal, type Host } from '../packet/build.js';

/** The addresses at the two ends of one vif. */
export interface Link {
  readonly peer: Host;
  /** What the stack behind the implementation under test answers at. Its MAC is what ARP taught, once it did. */
  iut: Host;
}

/** Bits of the network's part of {@link Host.ipv4}. */
export const PREFIX = 24;

/**
 * The addresses of vif number `handle`. Each vif has a network of its own (out of 198.18.0.0/15, which RFC 2544 keeps
 * for tests), since a guest that has several in one network may answer on any of them.
 */
export function linkOf(handle: number): Link {
  const end = (last: number): Host => {
    const mac = Uint8Array.of(0x00, 0x16, 0x3e, 0x6e, (handle & 0x7f) | 0x80, last);
    return { mac, ipv4: Uint8Array.of(198, 18, handle & 0xff, last), ipv6: linkLocal(mac) };
  };
  return { peer: end(1), iut: end(2) };
}
