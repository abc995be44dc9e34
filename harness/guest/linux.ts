/** Linux: sysfs, procfs and iproute2. */
import { quotePosix } from '../ssh/posix.js';
import { assignPosix, checkedAddress, checkedDevice, checkedDriver, checkedMac } from './arguments.js';
import { NO_INTERFACE, type OsProfile, type Port, type VifNumbers } from './os-profile.js';

// The settings precede "up": later ones could not stop the packets of the first second. The link-local address is
// derived from the MAC and valid at once, so that neighbour solicitations get a reply. The rate limits of ICMP are
// lifted because tests count replies.
const SET_UP = `
put() { [ ! -w "$1" ] || echo "$2" 2>/dev/null > "$1" || :; }
six="/proc/sys/net/ipv6/conf/$dev" four="/proc/sys/net/ipv4/conf/$dev"
put "$six/disable_ipv6" 0
put "$six/accept_ra" 0
put "$six/autoconf" 0
put "$six/accept_dad" 0
put "$six/dad_transmits" 0
put "$six/router_solicitations" 0
put "$six/addr_gen_mode" 0
put "$four/rp_filter" 2
put "$four/arp_ignore" 0
put "$four/arp_filter" 0
put /proc/sys/net/ipv4/icmp_echo_ignore_all 0
put /proc/sys/net/ipv4/icmp_ratelimit 0
put /proc/sys/net/ipv6/icmp/echo_ignore_all 0
put /proc/sys/net/ipv6/icmp/ratelimit 0
ip -batch - << END &&
addr replace $address dev $dev
link set dev $dev arp on up
END
printf '%s\\n' "$dev"
`;

/** Sets `dev`, or exits. A bridge or VLAN on top has the same MAC: only the network device of a bus has "device". */
function find(port: Port): string {
  if ('device' in port) {
    return `
dev=${quotePosix(checkedDevice(port.device))}
[ -e "/sys/class/net/$dev" ] || exit ${NO_INTERFACE}
`;
  }
  return `
mac=${quotePosix(checkedMac(port.mac))} dev=
for net in /sys/class/net/*; do
  [ -e "$net/device" ] && read -r seen 2>/dev/null < "$net/address" && [ "$seen" = "$mac" ] && dev=\${net##*/} && break
done
[ -n "$dev" ] || exit ${NO_INTERFACE}
`;
}

/** Reads the first line of a file without a process. */
const LINE = 'line() { text=; [ ! -r "$1" ] || read -r text 2>/dev/null < "$1" || :; }';

// A bridge without learning delay, multicast snooping or packets of its own. A port forwards once the kernel has
// detected its carrier.
const BRIDGE = `
${LINE}
put() { [ ! -w "$1" ] || echo "$2" 2>/dev/null > "$1" || :; }
[ -e /sys/class/net/netifspec0 ] ||
  ip link add netifspec0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0 || exit 1
new=
for dev in $ports; do [ -e "/sys/class/net/$dev/brport" ] || new="$new $dev"; done
[ -z "$new" ] || {
  for dev in netifspec0 $new; do put "/proc/sys/net/ipv6/conf/$dev/disable_ipv6" 1; done
  {
    echo link set dev netifspec0 up
    for dev in $new; do echo "link set dev $dev master netifspec0 up"; done
  } | ip -batch - || exit 1
}
for dev in $ports; do
  line "/sys/class/net/$dev/brport/state"
  [ "$text" = 3 ] || exit ${NO_INTERFACE}
done
`;

function binding(what: 'bind' | 'unbind', role: 'frontend' | 'backend', vif: VifNumbers): string {
  const bus = role === 'frontend' ? 'xen' : 'xen-backend';
  const device = role === 'frontend' ? `vif-${vif.handle}` : `vif-${vif.frontend}-${vif.handle}`;
  return `echo ${quotePosix(device)} > /sys/bus/${bus}/drivers/vif/${what}`;
}

export const linux = {
  name: 'linux',
  assign: assignPosix,
  configureInterface: ({ mac, ipv4, prefix }) => `
${find({ mac })}
address=${quotePosix(checkedAddress(ipv4, prefix))}
${SET_UP}`,
  configureVif: ({ device, ipv4, prefix }) => `
${find({ device })}
address=${quotePosix(checkedAddress(ipv4, prefix))}
${SET_UP}`,
  bridge: (ports) => `ports=
${ports.map((port) => `${find(port)}ports="$ports $dev"`).join('')}
${BRIDGE}`,
  carrier: (port) => `${find(port)}
${LINE}
line "/sys/class/net/$dev/carrier"
printf '%s\\n' "\${text:-0}"
`,
  unbridge: () => '[ ! -e /sys/class/net/netifspec0 ] || ip link del netifspec0',
  unbind: (role, vif) => binding('unbind', role, vif),
  bind: (role, vif) => binding('bind', role, vif),
  // sysfs has the names of modules with _ in place of -.
  kernelFacts: (driver) => `
driver=${quotePosix(checkedDriver(driver).replaceAll('-', '_'))}
fact() { printf '%s=%s\\n' "$1" "$2"; }
${LINE}
fact kernel "$(uname -r)"
fact machine "$(uname -m)"
line /sys/hypervisor/version/major; xen=$text
line /sys/hypervisor/version/minor; xen=$xen.$text
line /sys/hypervisor/version/extra
[ "$xen" = . ] || fact xen "$xen$text"
fact driver "$driver"
module=/sys/module/$driver
for name in version srcversion; do
  line "$module/$name"
  [ -z "$text" ] || fact "driver.$name" "$text"
done
for parameter in "$module"/parameters/*; do
  [ -r "$parameter" ] || continue
  line "$parameter"
  fact "driver.\${parameter##*/}" "$text"
done
`,
} satisfies OsProfile;
