/** Configures the network interfaces of vifs with commands in the guest. */
import { NO_INTERFACE, type OsProfile } from '../guest/os-profile.js';
import type { Commands } from '../guest/replaced.js';
import { formatIpv4, formatMac } from '../packet/address.js';
import { type Link, PREFIX } from '../peer/link.js';
import type { VifAddress } from '../peer/vif.js';
import { Expired, type Patience } from '../xen/wait.js';
import { EnvironmentError } from './environment.js';
import type { GuestShell } from './guest-shell.js';
import type { LinkedVif } from './iut.js';
import type { Role } from './record.js';

/** Time until the network interface of a vif exists in the guest, in milliseconds before scaling. */
const INTERFACE_MS = 5000;

/** The methods are described in {@link Iut}. */
export class GuestInterfaces {
  #bridged = false;

  constructor(
    private readonly target: { readonly role: Role; readonly interface?: string },
    private readonly profile: OsProfile,
    private readonly run: GuestShell['run'],
    private readonly patience: Patience,
  ) {}

  /** Whether a script can do this: the profile has it, or the target file. */
  can(name: Exclude<keyof Commands, 'facts'>): boolean {
    const { configureInterface, configureVif } = this.profile;
    const configure = this.target.role === 'frontend' ? configureInterface : configureVif;
    return { ...this.profile, configure }[name] !== undefined;
  }

  async configure(vif: VifAddress, link: Link): Promise<void> {
    const address = { ipv4: formatIpv4(link.iut.ipv4), prefix: PREFIX };
    await this.#repeat(
      'network interface of the vif in the guest',
      vif.peer === 'frontend'
        ? possible(this.profile.configureVif)({ device: this.#deviceOf(vif), ...address })
        : this.profile.configureInterface({ mac: formatMac(link.iut.mac), ...address }),
    );
  }

  async bridge(vifs: readonly LinkedVif[]): Promise<void> {
    await this.#repeat(
      'network interfaces of the vifs in the guest',
      possible(this.profile.bridge)(vifs.map((vif) => this.#interfaceOf(vif))),
    );
    this.#bridged = true;
  }

  /** Removes the bridge, if one was created. */
  async unbridge(): Promise<void> {
    if (this.#bridged && this.profile.unbridge) await this.run(this.profile.unbridge());
  }

  async carrier(vif: LinkedVif): Promise<boolean> {
    const { code, stdout, stderr } = await this.run(possible(this.profile.carrier)(this.#interfaceOf(vif)));
    if (code === NO_INTERFACE) return false;
    if (code !== 0)
      throw new EnvironmentError(
        `cannot read the carrier of the interface in the guest (status ${code}): ${stderr.trim()}; check "os" and "commands" in the target file`,
      );
    return stdout.trim() === '1';
  }

  /** Returns false if the driver has no such device. */
  async unbind(vif: VifAddress): Promise<boolean> {
    return (await this.run(possible(this.profile.unbind)(this.target.role, vif))).code === 0;
  }

  async bind(vif: VifAddress): Promise<void> {
    const { code, stderr } = await this.run(possible(this.profile.bind)(this.target.role, vif));
    if (code !== 0)
      throw new EnvironmentError(
        `cannot bind the driver to its vif (status ${code}): ${stderr.trim()}; check "os" and "commands" in the target file`,
      );
  }

  /** Runs a script until its interface exists; any other failure is an EnvironmentError. */
  async #repeat(what: string, script: string): Promise<void> {
    const isDone = async (): Promise<boolean> => {
      const { code, stderr } = await this.run(script);
      if (code === 0) return true;
      if (code === NO_INTERFACE) return false;
      throw new EnvironmentError(
        `cannot configure the interface in the guest (status ${code}): ${stderr.trim()}; check "os" and "commands" in the target file`,
      );
    };
    try {
      await this.patience.until(what, isDone, { ms: INTERFACE_MS });
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      // The driver is connected: whether its interface has a name, and which, is a matter of the guest's OS.
      throw new EnvironmentError(`${error.message}; look there for interfaces that are renamed or held back`, {
        hint: 'configure the guest by "commands" in the target file, if its interfaces are not found',
      });
    }
  }

  /** The name of a backend's network interface. */
  #deviceOf({ frontend, handle }: VifAddress): string {
    const { interface: name = this.profile.vif ?? 'vif$frontend.$handle' } = this.target;
    return name.replaceAll('$frontend', String(frontend)).replaceAll('$handle', String(handle));
  }

  /** How the profile identifies an interface: by device name or by MAC. */
  #interfaceOf({ vif, link }: LinkedVif): { device: string } | { mac: string } {
    return vif.peer === 'frontend' ? { device: this.#deviceOf(vif) } : { mac: formatMac(link.iut.mac) };
  }
}

/** A script of the profile, which {@link GuestInterfaces.can} has confirmed. */
function possible<T>(script: T | undefined): T {
  if (script === undefined) throw new Error('netifspec bug: the guest cannot do this');
  return script;
}
