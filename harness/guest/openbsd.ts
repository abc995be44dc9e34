/**
 * OpenBSD 7: xnf(4); the system has no netback. Written from the manual pages; never run on a guest.
 *
 * No rebinding: no command detaches a driver.
 */
import { bsd, carrierOf, NO_LIMIT } from './bsd.js';
import type { OsProfile } from './os-profile.js';

export const openbsd: OsProfile = {
  ...bsd({
    name: 'openbsd',
    sysctl: 'sysctl',
    // sysctl(2): the limits of errors and resets, and no detection of duplicate addresses
    settings: {
      'net.inet.icmp.errppslimit': NO_LIMIT,
      'net.inet6.icmp6.errppslimit': NO_LIMIT,
      'net.inet.tcp.rstppslimit': NO_LIMIT,
      'net.inet6.ip6.dad_count': 0,
    },
    // ifconfig(8), "inet6": an address that is derived from the MAC, and not from a secret (-soii)
    inet6: 'ifconfig "$dev" inet6 -soii; ifconfig "$dev" inet6 eui64',
    // bridge(4), ifconfig(8): the unit 99 is netifspec's; an interface has no IPv6 until it is configured
    bridge: { name: 'bridge99', create: 'ifconfig bridge99 create', tool: 'ifconfig', add: 'add', silence: ':' },
  }),
  carrier: carrierOf,
};
