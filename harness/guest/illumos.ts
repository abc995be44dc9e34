/**
 * illumos: xnf. Written from the manual pages; never run on a guest.
 *
 * No netback: illumos no longer runs as a Xen host. No rebinding: no command detaches a driver from one device.
 */
import { quotePosix } from '../ssh/posix.js';
import { assignPosix, checkedAddress, checkedDevice, checkedDriver, checkedMac } from './arguments.js';
import { NO_INTERFACE, type OsProfile, type Port } from './os-profile.js';

/** Sets `dev`, or exits. dladm(8), "show-phys -m", prints the bytes of a MAC address without leading zeros. */
function find(port: Port): string {
  if ('device' in port) return `dev=${quotePosix(checkedDevice(port.device))}\n`;
  const mac = checkedMac(port.mac).replaceAll(/\b0(?=[0-9a-f])/g, '');
  return `
dev=$(dladm show-phys -m -o link,address | awk '$2 == "${mac}" { print $1; exit }')
[ -n "$dev" ] || exit ${NO_INTERFACE}
`;
}

export const illumos: OsProfile = {
  name: 'illumos',
  assign: assignPosix,
  // ipadm(8); -t: until the next boot. The two limits are private properties, hence their underscores.
  configureInterface: ({ mac, ipv4, prefix }) => `${find({ mac })}
ipadm set-prop -t -p _icmp_err_interval=0 ip 2>/dev/null
ipadm set-prop -t -p _rst_sent_rate_enabled=0 tcp 2>/dev/null
has() { ipadm "$@" > /dev/null 2>&1; }
{ has show-if "$dev" || ipadm create-if -t "$dev"; } &&
{ has show-addr "$dev/spec6" || ipadm create-addr -t -T addrconf -p stateless=no,stateful=no "$dev/spec6"; } &&
{ has show-addr "$dev/spec4" ||
  ipadm create-addr -t -T static -a local=${quotePosix(checkedAddress(ipv4, prefix))} "$dev/spec4"; } &&
printf '%s\\n' "$dev"
`,
  // dladm(8): with stp=0 a port forwards without the delay of STP. The name of a bridge must not end in a digit.
  bridge: (ports) => `ports=
${ports.map((port) => `${find(port)}ports="$ports $dev"`).join('')}
dladm show-bridge netifspec > /dev/null 2>&1 || dladm create-bridge netifspec || exit 1
state() { dladm show-bridge -l -o link,state netifspec | awk '$1 == "'"$1"'" { print $2 }'; }
for dev in $ports; do
  [ -n "$(state "$dev")" ] && continue
  dladm set-linkprop -t -p stp=0 "$dev" && dladm add-bridge -l "$dev" netifspec || exit 1
done
for dev in $ports; do [ "$(state "$dev")" = forwarding ] || exit ${NO_INTERFACE}; done
`,
  // dladm(8): a bridge that has links cannot be deleted.
  unbridge: () => `
dladm show-bridge netifspec > /dev/null 2>&1 || exit 0
for dev in $(dladm show-bridge -l -o link netifspec | sed 1d); do dladm remove-bridge -l "$dev" netifspec; done
dladm delete-bridge netifspec
`,
  carrier: (port) => `${find(port)}
[ "$(dladm show-phys -p -o state "$dev")" = up ] && echo 1 || echo 0
`,
  kernelFacts: (driver) =>
    `printf '%s=%s\\n' kernel "$(uname -v)" machine "$(uname -m)" driver ${quotePosix(checkedDriver(driver))}`,
};
