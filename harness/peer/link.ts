import { linkLocal, type Host } from '../packet/build.js';

/** The addresses of the two ends of one vif. */
export interface Link {
  readonly peer: Host;
  /** The addresses of the stack of the driver under test. The MAC is set once ARP has resolved it. */
  iut: Host;
}

/** Prefix length of the network of {@link Host.ipv4}, in bits. */
export const PREFIX = 24;

/**
 * The addresses for vif number `handle`. Each vif has a network of its own, since a guest with several interfaces in
 * one network may reply on any of them. The networks are in 198.18.0.0/15, which RFC 2544 reserves for tests.
 */
export function linkOf(handle: number): Link {
  const end = (last: number): Host => {
    const mac = Uint8Array.of(0x00, 0x16, 0x3e, 0x6e, (handle & 0x7f) | 0x80, last);
    return { mac, ipv4: Uint8Array.of(198, 18, handle & 0xff, last), ipv6: linkLocal(mac) };
  };
  return { peer: end(1), iut: end(2) };
}
