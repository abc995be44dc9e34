/** What the profiles of the BSDs share: ifconfig(8), sysctl(8), awk(1) and sh(1). */
import { quotePosix } from '../ssh/posix.js';
import { assignPosix, checkedAddress, checkedDevice, checkedDriver, checkedMac } from './arguments.js';
import { NO_INTERFACE, type OsProfile, type Port } from './os-profile.js';

/** A limit that no test reaches: not each of the BSDs accepts -1 for "no limit" (sysctl(2), OpenBSD 7). */
export const NO_LIMIT = 1_000_000;

/** Sets `dev`, or exits. A VLAN has the MAC of the interface that it was created on, which precedes it in the list. */
function find(port: Port): string {
  if ('device' in port) {
    return `
dev=${quotePosix(checkedDevice(port.device))}
ifconfig "$dev" > /dev/null 2>&1 || exit ${NO_INTERFACE}
`;
  }
  return `
dev=$(ifconfig -a | awk -v mac=${quotePosix(checkedMac(port.mac))} '
  /^[^ \\t]/ { name = $1; sub(/:$/, "", name) }
  $1 ~ /^(ether|address:|lladdr)$/ && $2 == mac { print name; exit }')
[ -n "$dev" ] || exit ${NO_INTERFACE}
`;
}

interface Bsd {
  readonly name: string;
  readonly vif?: string;
  /** The command that sets a variable of the kernel, and the variables. An unknown one is skipped. */
  readonly sysctl: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Commands that prepare `$dev` for a link-local address; they precede the address, which brings `$dev` up. */
  readonly inet6: string;
  readonly bridge: {
    readonly name: string;
    readonly create: string;
    /** The command that shows and changes a bridge, and its keyword for another port. */
    readonly tool: string;
    readonly add: string;
    /** A command that keeps the IPv6 of a port silent. */
    readonly silence: string;
  };
  /** Further lines of the facts. */
  readonly facts?: string;
}

export function bsd({ name, vif, sysctl, settings, inet6, bridge, facts = '' }: Bsd): OsProfile {
  const set = Object.entries(settings).map(([key, value]) => `${sysctl} ${key}=${value} > /dev/null 2>&1`);
  const configure = (port: Port, ipv4: string, prefix: number): string => `${find(port)}
${set.join('\n')}
${inet6}
ifconfig "$dev" inet ${quotePosix(checkedAddress(ipv4, prefix))} up &&
printf '%s\\n' "$dev"
`;
  return {
    name,
    vif,
    assign: assignPosix,
    configureInterface: ({ mac, ipv4, prefix }) => configure({ mac }, ipv4, prefix),
    configureVif: vif === undefined ? undefined : ({ device, ipv4, prefix }) => configure({ device }, ipv4, prefix),
    bridge: (ports) => `ports=
${ports.map((port) => `${find(port)}ports="$ports $dev"`).join('')}
ifconfig ${bridge.name} > /dev/null 2>&1 || ${bridge.create} > /dev/null || exit 1
for dev in $ports; do
  ${bridge.tool} ${bridge.name} | grep -q "[[:space:]]$dev flags=" && continue
  ${bridge.silence}
  ${bridge.tool} ${bridge.name} ${bridge.add} "$dev" && ifconfig "$dev" up || exit 1
done
ifconfig ${bridge.name} up
`,
    unbridge: () => `! ifconfig ${bridge.name} > /dev/null 2>&1 || ifconfig ${bridge.name} destroy`,
    kernelFacts: (driver) => `
driver=${quotePosix(checkedDriver(driver))}
printf '%s=%s\\n' kernel "$(uname -r)" machine "$(uname -m)" driver "$driver"
${facts}`,
  };
}

/** The method `carrier`, for a system whose ifconfig shows the status of the driver's medium. */
export function carrierOf(port: Port): string {
  return `${find(port)}
ifconfig "$dev" | awk '
  /^[^ \\t]/ { up = /[<,]UP[,>]/ }
  $1 == "status:" { active = $2 == "active" }
  END { print (up && active) ? 1 : 0 }'
`;
}
