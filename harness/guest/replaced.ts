/** Commands in a target file that replace those of a profile, for a guest without a profile of its own. */
import type { OsProfile } from './profile.js';

/** The shell variables of each command; it must do what the profile's command does. */
export const COMMANDS = {
  configure: {
    does: 'gives the interface with $mac (of a frontend) or $device (of a backend) the address $ipv4/$prefix',
    example: '/root/configure $mac $ipv4/$prefix',
  },
  bridge: {
    does: 'joins $ports, each a MAC address or a device, in one bridge',
    example: '/root/bridge $ports',
  },
  unbridge: { does: 'removes that bridge', example: '/root/unbridge' },
  carrier: {
    does: 'prints 1 if the interface with $mac or $device has a carrier, and 0 if not',
    example: '/root/carrier $mac',
  },
  unbind: {
    does: 'detaches the driver from vif $handle of the frontend in domain $frontend',
    example: '/root/off $handle',
  },
  bind: { does: 'attaches the driver to that vif again', example: '/root/on $handle' },
  facts: {
    does: 'prints kernel=…, driver.version=… and the like, of the module $driver',
    example: 'echo kernel=$(uname -r)',
  },
} as const;

/** The commands that only the test host can run, with their variables. */
export const HOST_COMMANDS = {
  ...COMMANDS,
  start: {
    does: 'starts the driver: once before the run, and again after a test that took it down',
    example: 'systemctl restart my-netback',
  },
} as const;

export type Commands = { readonly [name in keyof typeof COMMANDS]?: string };

/** The profile with some of its scripts replaced. */
export function replaced(profile: OsProfile, commands: Commands): OsProfile {
  /** The command, preceded by its variables; undefined if the profile's own is used. */
  const given = (name: keyof Commands, variables: Readonly<Record<string, string | number>>): string | undefined => {
    const command = commands[name];
    if (command === undefined) return undefined;
    const set = Object.entries(variables).map(([key, value]) => `${key}=${profile.quote(String(value))}`);
    return [...set, command].join('\n');
  };
  return {
    ...profile,
    configureInterface: (config) => given('configure', { ...config }) ?? profile.configureInterface(config),
    configureVif: (config) => given('configure', { ...config }) ?? profile.configureVif(config),
    bridge: (ports) =>
      given('bridge', { ports: ports.map((port) => ('mac' in port ? port.mac : port.device)).join(' ') }) ??
      profile.bridge(ports),
    unbridge: () => given('unbridge', {}) ?? profile.unbridge(),
    carrier: (port) => given('carrier', { ...port }) ?? profile.carrier(port),
    unbind: (role, { frontend, handle }) =>
      given('unbind', { frontend, handle }) ?? profile.unbind(role, { frontend, handle }),
    bind: (role, { frontend, handle }) =>
      given('bind', { frontend, handle }) ?? profile.bind(role, { frontend, handle }),
    kernelFacts: (driver) => given('facts', { driver }) ?? profile.kernelFacts(driver),
  };
}
