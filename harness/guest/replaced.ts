/** Commands in a target file that replace those of a profile, for a guest without a profile of its own. */
import type { InterfaceConfig, OsProfile, Port, Role, VifConfig, VifNumbers } from './os-profile.js';

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

/** The profile with some of its scripts replaced by commands for a shell with these assignments. */
export function replaced(profile: OsProfile, commands: Commands, assign = profile.assign): OsProfile {
  /** The command, preceded by its variables; the profile's own script if there is no command. */
  const given = <A extends unknown[], Own extends ((...args: A) => string) | undefined>(
    name: keyof Commands,
    own: Own,
    variables: (...args: A) => Readonly<Record<string, string | number>>,
  ): Own | ((...args: A) => string) => {
    const command = commands[name];
    if (command === undefined) return own;
    return (...args) => {
      const set = Object.entries(variables(...args)).map(([key, value]) => assign(key, String(value)));
      return [...set, command].join('\n');
    };
  };
  const ofVif = (_: Role, { frontend, handle }: VifNumbers) => ({ frontend, handle });
  return {
    ...profile,
    configureInterface: given('configure', profile.configureInterface, (config: InterfaceConfig) => ({ ...config })),
    configureVif: given('configure', profile.configureVif, (config: VifConfig) => ({ ...config })),
    bridge: given('bridge', profile.bridge, (ports: readonly Port[]) => ({
      ports: ports.map((port) => ('mac' in port ? port.mac : port.device)).join(' '),
    })),
    unbridge: given('unbridge', profile.unbridge, () => ({})),
    carrier: given('carrier', profile.carrier, (port: Port) => ({ ...port })),
    unbind: given('unbind', profile.unbind, ofVif),
    bind: given('bind', profile.bind, ofVif),
    kernelFacts: given('facts', profile.kernelFacts, (driver: string) => ({ driver })),
  };
}
