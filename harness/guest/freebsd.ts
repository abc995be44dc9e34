/** FreeBSD 14: xn and xnb (xnb(4)). Written from the manual pages; never run on a guest. */
import { quotePosix } from '../ssh/posix.js';
import { bsd, carrierOf, NO_LIMIT } from './bsd.js';
import type { OsProfile, VifNumbers } from './os-profile.js';

/** Where `unbind` keeps the name of a device: a device without a driver has no sysctl that leads to its path. */
const nameFile = ({ frontend, handle }: VifNumbers): string =>
  quotePosix(`/var/run/netifspec-vif-${frontend}-${handle}`);

export const freebsd: OsProfile = {
  ...bsd({
    name: 'freebsd',
    vif: 'xnb$frontend.$handle',
    sysctl: 'sysctl',
    // icmp(4), icmp6(4)
    settings: { 'net.inet.icmp.icmplim': 0, 'net.inet6.icmp6.errppslimit': NO_LIMIT },
    // ifconfig(8), "inet6"
    inet6: 'ifconfig "$dev" inet6 -ifdisabled -accept_rtadv auto_linklocal no_dad',
    // if_bridge(4): forwards at once, since no port runs STP by default
    bridge: {
      name: 'netifspec0',
      create: 'ifconfig bridge create name netifspec0',
      tool: 'ifconfig',
      add: 'addm',
      silence: 'ifconfig "$dev" inet6 ifdisabled -auto_linklocal',
    },
    // The tunables of xn: hw.xn.num_queues and the like.
    facts: `sysctl -e "hw.$driver" 2>/dev/null | sed "s/^hw\\.$driver\\./driver./"
`,
  }),
  carrier: carrierOf,
  // devctl(8): unlike "detach", "disable" keeps the name of the device, by which "enable" finds it.
  unbind: (role, vif) => {
    const [driver, path] =
      role === 'frontend' ? ['xn', `device/vif/${vif.handle}`] : ['xnb', `backend/vif/${vif.frontend}/${vif.handle}`];
    return `
dev=$(sysctl dev.${driver} 2>/dev/null | awk -F '[.: ]+' -v path=${quotePosix(path)} '
  $4 == "xenstore_path" && $5 == path { print $2 $3; exit }')
[ -n "$dev" ] && devctl disable -f "$dev" && printf '%s\\n' "$dev" > ${nameFile(vif)}
`;
  },
  bind: (_, vif) => `read -r dev < ${nameFile(vif)} && devctl enable "$dev"`,
};
