/** What differs between guest operating systems: how a shell quotes, how an interface is set up, where facts are. */
import { isIPv4 } from 'node:net';
import { printable } from './text.js';

/** An interface of a frontend IUT, found by the MAC address that its backend gave it. */
export interface InterfaceConfig {
  readonly mac: string;
  readonly ipv4: string;
  /** Bits of the network's part, 0 to 32. */
  readonly prefix: number;
}

/** An interface of a backend IUT: `vif<frontend's domid>.<handle>` on Linux. */
export interface VifConfig {
  readonly device: string;
  readonly ipv4: string;
  readonly prefix: number;
}

/** What names a vif. */
export interface VifNumbers {
  /** The frontend's domain. */
  readonly frontend: number;
  readonly handle: number;
}

/** Exit status of a set-up script whose interface isn't there, or isn't ready (yet): try again until a deadline. */
export const NO_INTERFACE = 3;

/**
 * Scripts for the guest's shell. All arguments are checked (a RangeError names what is wrong) and quoted.
 *
 * The set-up scripts print the interface's name and bring it up with the address, answering ARP, neighbour
 * solicitation and echo, and as quiet as the system allows on its own. They may run again and again.
 */
export interface OsProfile {
  readonly name: string;
  /** `arg` as one word of a command line. */
  quote(arg: string): string;
  configureInterface(config: InterfaceConfig): string;
  configureVif(config: VifConfig): string;
  /**
   * Makes ports of one bridge out of interfaces, found as the two above find theirs, and leaves everything else to
   * them: it neither learns groups nor says anything of its own. They go out of it when they go away.
   */
  bridge(ports: readonly ({ readonly mac: string } | { readonly device: string })[]): string;
  /** Prints 1 if an interface, found likewise, has a carrier, and 0 if it has none or isn't up. */
  carrier(port: { readonly mac: string } | { readonly device: string }): string;
  /** Removes that bridge, if it's there. */
  unbridge(): string;
  /** Takes the driver of a role off its end of a vif; `bind` puts it there again. */
  unbind(role: 'frontend' | 'backend', vif: VifNumbers): string;
  bind(role: 'frontend' | 'backend', vif: VifNumbers): string;
  /** A script that prints what {@link parseFacts} reads: kernel release, version and parameters of the driver. */
  kernelFacts(driver: string): string;
}

/** `arg` as one word for a POSIX shell. */
export function quotePosix(arg: string): string {
  if (arg.includes('\0')) throw new RangeError('a NUL cannot stand in a command line');
  return `'${arg.replaceAll("'", `'\\''`)}'`;
}

// Quiet before it goes up: what is set later can't stop what the first second sends. The link-local address follows
// from the MAC and is usable at once, so that neighbour solicitations for it are answered. The limits on ICMP are
// lifted because the tests count answers.
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

/** Sets `dev`, or leaves. A bridge or a VLAN on top shows the same MAC: only a network device of a bus has "device". */
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

/** The first line of a file, without a process for it. */
const LINE = 'line() { text=; [ ! -r "$1" ] || read -r text 2>/dev/null < "$1" || :; }';

// Neither waits nor listens nor speaks before it forwards. A port forwards once the kernel has noticed its carrier.
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

/** The guests that netifspec can drive. */
export const PROFILES: Readonly<Record<string, OsProfile>> = { linux };

/** The profile of that name. Throws a RangeError that lists the known ones. */
export function profileNamed(name: string): OsProfile {
  const profile = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined;
  if (profile) return profile;
  throw new RangeError(`unknown OS profile ${JSON.stringify(name)}; known: ${Object.keys(PROFILES).join(', ')}`);
}

/** Reads KEY=VALUE lines as the facts script prints them. Whatever doesn't look like one is passed over. */
export function parseFacts(text: string): Record<string, string> {
  const facts = text
    .split('\n', 500)
    .map((line) => /^([a-z][\w.-]{0,63})=(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, key = '', value = '']): [string, string] => [key, printable(value, 200).trim()]);
  return Object.fromEntries(facts);
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

/** A module's name as sysfs has it: modprobe takes - and _ for the same. */
function checkedDriver(driver: string): string {
  if (/^[A-Za-z0-9][\w-]{0,62}$/.test(driver)) return driver.replaceAll('-', '_');
  throw new RangeError(`not a kernel module: ${JSON.stringify(driver)}`);
}
