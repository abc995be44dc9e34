import { isIPv4, isIPv6 } from 'node:net';
import { decoded, malformed } from '../bytes/codec.js';
import type { Decoded } from '../bytes/codec.js';
import { concat, getNumber } from '../bytes/bytes.js';

export const MAC_LENGTH = 6;
export const IPV4_LENGTH = 4;
export const IPV6_LENGTH = 16;

export const BROADCAST_MAC = new Uint8Array(MAC_LENGTH).fill(0xff);

/** ff02::1, all nodes of the link (RFC 4291, 2.7.1). */
export const ALL_NODES = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** fe80::/64 with the interface identifier that is derived from the MAC (RFC 4291, appendix A). */
export function linkLocal(mac: Uint8Array): Uint8Array {
  const [first = 0, ...rest] = mac;
  const prefix = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0);
  return concat(prefix, Uint8Array.of(first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)));
}

/** The multicast group on which the owner of `ipv6` receives solicitations (RFC 4291, 2.7.1). */
export function solicitedNode(ipv6: Uint8Array): Uint8Array {
  const prefix = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff);
  return concat(prefix, ipv6.subarray(13));
}

/** The Ethernet group of an IPv6 multicast address (RFC 2464, 7). */
export function multicastMac(ipv6: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0x33, 0x33), ipv6.subarray(12));
}

export function isGroupMac(mac: Uint8Array): boolean {
  return ((mac[0] ?? 0) & 1) === 1;
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Six hexadecimal bytes separated by colons, as in xenstore's `mac`. */
export function parseMac(text: string): Decoded<Uint8Array> {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return malformed(`"${text}" is not a valid MAC address`);
  return decoded(Uint8Array.from(text.split(':'), (byte) => parseInt(byte, 16)));
}

export function formatIpv4(address: Uint8Array): string {
  return address.join('.');
}

export function parseIpv4(text: string): Decoded<Uint8Array> {
  if (!isIPv4(text)) return malformed(`"${text}" is not a valid IPv4 address`);
  return decoded(Uint8Array.from(text.split('.'), Number));
}

/** Groups of hexadecimal digits, with `::` for a run of zeros; no dotted quad. */
export function parseIpv6(text: string): Decoded<Uint8Array> {
  if (!isIPv6(text) || /[.%]/.test(text)) return malformed(`"${text}" is not a valid IPv6 address`);
  const [head = [], tail = []] = text.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = text.includes('::') ? new Array<string>(8 - head.length - tail.length).fill('0') : [];
  const groups = [...head, ...zeros, ...tail].map((group) => parseInt(group, 16));
  return decoded(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
}

/** The short form of RFC 5952: the first of the longest runs of two or more zero groups becomes `::`. */
export function formatIpv6(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => getNumber(address, 16, 2 * i).toString(16));
  const runs = groups.map((_, start) => {
    const end = groups.findIndex((group, i) => i >= start && group !== '0');
    return { start, length: (end < 0 ? 8 : end) - start };
  });
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best));
  if (longest.length < 2) return groups.join(':');
  return `${groups.slice(0, longest.start).join(':')}::${groups.slice(longest.start + longest.length).join(':')}`;
}
