/** Packets whose checksums or segments the receiver may have to make, for the steps of both roles. */
import { expect } from 'chai';
import fc from 'fast-check';
import { tcpChecksum, udpChecksum } from '../../packet/match.js';
import { type End, throughSyn, throughUdp } from '../../../suites/support/checksums.js';
import type { Offer } from './choice.js';
import { END, type EndIndex } from './ends.js';

/** A packet with a blank or a complete checksum. */
export interface Summed {
  readonly from: EndIndex;
  readonly protocol: 'tcp' | 'udp';
  readonly ipv6: boolean;
  readonly blank: boolean;
}

export const SUMMED: fc.Arbitrary<Summed> = fc.record({
  from: END,
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  ipv6: fc.boolean(),
  blank: fc.boolean(),
});

/** The requirements that {@link brokenBySum} has. */
export const SUM_CHECKS = ['CSUM-01', 'CSUM-05', 'CSUM-06', 'CSUM-10'];

/** The requirements that a receiver breaks if it does not pass on such a packet with a good checksum. */
export function brokenBySum({ ipv6, blank }: Summed): string[] {
  return blank ? [ipv6 ? 'CSUM-05' : 'CSUM-01', 'CSUM-06'] : ['CSUM-10'];
}

/** Whether such a packet may be sent to a receiver. */
export function takesSum({ csum, csum6 }: Offer, { protocol, ipv6, blank }: Summed): boolean {
  return blank ? (ipv6 ? csum6 : csum) : protocol === 'tcp' || !ipv6;
}

/** Whether a large packet may be sent to a receiver, which then accepts several slots as well. */
export function takesLarge({ sg, gso4, gso6, csum, csum6 }: Offer, ipv6: boolean): boolean {
  return sg && (ipv6 ? gso6 && csum6 : gso4 && csum);
}

/**
 * Sends a packet into a bridge, and asserts that it comes out with a complete checksum or with one that is said to be
 * blank. Over IPv4, UDP needs no checksum (RFC 768).
 *
 * @param flags the checksum flags of a blank one
 */
export async function passesSum<P extends { readonly frame: Uint8Array }, S>(
  ends: readonly [End<P, S | { readonly flags: number }>, End<P, S | { readonly flags: number }>],
  { protocol, ipv6, blank }: Summed,
  flags: number,
  saysBlank: (packet: P) => boolean,
): Promise<void> {
  const kind = blank ? 'blank' : 'complete';
  const shape = { flags: blank ? flags : 0 };
  if (protocol === 'tcp') {
    const packet = await throughSyn(ends, kind, shape, ipv6);
    if (!saysBlank(packet)) expect(tcpChecksum(packet.frame), 'checksum').to.equal('complete');
    return;
  }
  const packet = await throughUdp(ends, { version: ipv6 ? 6 : 4, checksum: ipv6 ? 'blank' : kind }, shape);
  const allowed = ipv6 ? ['complete'] : ['complete', 'none'];
  if (!saysBlank(packet)) expect(udpChecksum(packet.frame), 'checksum').to.be.oneOf(allowed);
}
