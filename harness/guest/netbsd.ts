/**
 * NetBSD 10: xennet(4) and xvif. Written from the manual pages; never run on a guest.
 *
 * No carrier: xennet has no medium, so ifconfig shows no status. No rebinding: drvctl(8) detaches xennet, but xenbus
 * has no rescan that attaches it again.
 */
import { bsd, NO_LIMIT } from './bsd.js';
import type { OsProfile } from './os-profile.js';

export const netbsd: OsProfile = bsd({
  name: 'netbsd',
  vif: 'xvif$frontendi$handle',
  sysctl: 'sysctl -w',
  // sysctl(7): the limits of errors and resets, and no detection of duplicate addresses
  settings: {
    'net.inet.icmp.errppslimit': NO_LIMIT,
    'net.inet6.icmp6.errppslimit': NO_LIMIT,
    'net.inet.tcp.rstppslimit': NO_LIMIT,
    'net.inet.ip.dad_count': 0,
    'net.inet6.ip6.dad_count': 0,
  },
  // ndp(8), "-i"
  inet6: 'ndp -i "$dev" auto_linklocal > /dev/null 2>&1',
  // bridge(4), brconfig(8): the unit 99 is netifspec's; no port runs STP by default
  bridge: {
    name: 'bridge99',
    create: 'ifconfig bridge99 create',
    tool: 'brconfig',
    add: 'add',
    silence: 'ndp -i "$dev" -- -auto_linklocal > /dev/null 2>&1',
  },
});
