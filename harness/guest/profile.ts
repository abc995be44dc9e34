/** Differences between guest operating systems: quoting, configuration of interfaces, facts. */
import { isIPv4 } from 'node:net';
import { quotePosix } from '../ssh/posix.js';

/** The interface of a frontend under test, found by the MAC address that its backend assigned. */
export interface InterfaceConfig {
  readonly mac: string;
  readonly ipv4: string;
  /** Prefix length in bits, 0 to 32. */
  readonly prefix: number;
}

/** The interface of a backend under test: `vif<frontend's domid>.<handle>` on Linux. */
export interface VifConfig {
  readonly device: string;
  readonly ipv4: string;
  readonly prefix: number;
}

/** The numbers that identify a vif. */
export interface VifNumbers {
  /** The domain of the frontend. */
  readonly frontend: number;
  readonly handle: number;
}

/** Exit status of a configuration script whose interface does not exist or is not ready yet: retry until a deadline. */
export const NO_INTERFACE = 3;

/**
 * Scripts for the guest's shell. All arguments are validated (a RangeError names an invalid one) and quoted.
 *
 * The configuration scripts print the name of the interface and bring it up with the address. It replies to ARP,
 * neighbour solicitations and pings, and sends as little as possible by itself. They may run repeatedly.
 */
export interface OsProfile {
  readonly name: string;
  /** Quotes `arg` as one word of a command line. */
  quote(arg: string): string;
  configureInterface(config: InterfaceConfig): string;
  configureVif(config: VifConfig): string;
  /**
   * Adds interfaces, found as above, to a bridge without learning of groups and without packets of its own. An
   * interface leaves the bridge when it is removed.
   */
  bridge(ports: readonly ({ readonly mac: string } | { readonly device: string })[]): string;
  /** Prints 1 if an interface, found as above, has a carrier, and 0 if it has none or is down. */
  carrier(port: { readonly mac: string } | { readonly device: string }): string;
  /** Removes the bridge, if it exists. */
  unbridge(): string;
  /** Unbinds the driver of a role from its end of a vif; `bind` binds it again. */
  unbind(role: 'frontend' | 'backend', vif: VifNumbers): string;
  bind(role: 'frontend' | 'backend', vif: VifNumbers): string;
  /**
   * A script that prints the kernel release, and version and parameters of the driver, in the format of `parseFacts`.
   */
  kernelFacts(driver: string): string;
}

// The settings precede "up": later ones could not stop the packets of the first second. The link-local address is
// derived from the MAC and valid at once, so that neighbour solicitations get a reply. The rate limits of ICMP are
// lifted because tests count replies.
const LINUX_SET_UP = `
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
function linuxFind(port: { readonly mac: string } | { readonly device: string }): string {
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
const LINUX_BRIDGE = `
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

function linuxBinding(what: 'bind' | 'unbind', role: 'frontend' | 'backend', vif: VifNumbers): string {
  const bus = role === 'frontend' ? 'xen' : 'xen-backend';
  const device = role === 'frontend' ? `vif-${vif.handle}` : `vif-${vif.frontend}-${vif.handle}`;
  return `echo ${quotePosix(device)} > /sys/bus/${bus}/drivers/vif/${what}`;
}

const linux: OsProfile = {
  name: 'linux',
  quote: quotePosix,
  configureInterface: ({ mac, ipv4, prefix }) => `
${linuxFind({ mac })}
address=${quotePosix(checkedAddress(ipv4, prefix))}
${LINUX_SET_UP}`,
  configureVif: ({ device, ipv4, prefix }) => `
${linuxFind({ device })}
address=${quotePosix(checkedAddress(ipv4, prefix))}
${LINUX_SET_UP}`,
  bridge: (ports) => `ports=
${ports.map((port) => `${linuxFind(port)}ports="$ports $dev"`).join('')}
${LINUX_BRIDGE}`,
  carrier: (port) => `${linuxFind(port)}
${LINE}
line "/sys/class/net/$dev/carrier"
printf '%s\\n' "\${text:-0}"
`,
  unbridge: () => '[ ! -e /sys/class/net/netifspec0 ] || ip link del netifspec0',
  unbind: (role, vif) => linuxBinding('unbind', role, vif),
  bind: (role, vif) => linuxBinding('bind', role, vif),
  kernelFacts: (driver) => `
driver=${quotePosix(checkedDriver(driver))}
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
};

/** The supported guest operating systems. */
export const PROFILES: Readonly<Record<string, OsProfile>> = { linux };

/** The profile of this name. Throws a RangeError that lists the known ones. */
export function profileNamed(name: string): OsProfile {
  const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  if (profile) return profile;
  throw new RangeError(`unknown OS profile ${JSON.stringify(name)}; known: ${Object.keys(PROFILES).join(', ')}`);
}

function checkedMac(mac: string): string {
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) return mac.toLowerCase();
  throw new RangeError(`not a MAC address: ${JSON.stringify(mac)}`);
}

function checkedAddress(ipv4: string, prefix: number): string {
  if (!isIPv4(ipv4)) throw new RangeError(`not an IPv4 address: ${JSON.stringify(ipv4)}`);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > 32) throw new RangeError(`not a prefix length: ${prefix}`);
  return `${ipv4}/${prefix}`;
}

function checkedDevice(device: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,14}$/.test(device)) return device;
  throw new RangeError(`not a network device: ${JSON.stringify(device)}`);
}

/** Validates a module's name as sysfs has it: modprobe treats - and _ as equal. */
function checkedDriver(driver: string): string {
  if (/^[A-Za-z0-9][\w-]{0,62}$/.test(driver)) return driver.replaceAll('-', '_');
  throw new RangeError(`not a kernel module: ${JSON.stringify(driver)}`);
}
