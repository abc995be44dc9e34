/** A driver in a domain of this Xen host, reached as its target file specifies. */
import { Closers } from '../base/closers.js';
import { consoleLog, dmesgLog, type KernelLog } from '../guest/kernel-log.js';
import { assignPosix } from '../guest/arguments.js';
import type { OsProfile } from '../guest/os-profile.js';
import { profileNamed } from '../guest/profile.js';
import { type Commands, replaced } from '../guest/replaced.js';
import { parseFacts } from '../ssh/posix.js';
import type { Domain, DomId, Holdings } from '../xen/domain.js';
import { nativeHoldings, openNativeDomain } from '../xen/native/index.js';
import { Patience } from '../xen/wait.js';
import { EnvironmentError, GuestCrashed, GuestGone } from './environment.js';
import { findDomain } from './find-domain.js';
import { GuestInterfaces } from './guest-interfaces.js';
import { lock, lockOf } from './lock.js';
import { GuestPower } from './guest-power.js';
import { COMMAND_MS, type GuestShell, openGuestShell, runLocally } from './guest-shell.js';
import type { Iut } from './iut.js';
import { REFLECTORS, type Reflector } from '../peer/context.js';
import type { DeviceTypes } from '../peer/vif.js';
import type { Target } from './target.js';

/** Throws an EnvironmentError, XenError or SshError if the driver's domain cannot be reached. */
export async function openNativeIut(target: Target, log: (line: string) => void): Promise<Iut> {
  const closers = new Closers();
  try {
    const start = startOf(target);
    await start?.();
    const harness = await openNativeDomain();
    closers.add(() => harness.close());
    const patience = new Patience(harness.clock, target.timeScale);
    const domain = await findDomain(harness, target.domain);
    closers.add(await lock(lockOf(target.role, domain)));
    const shell = await openGuestShell(target);
    if (shell) closers.add(() => shell.close());
    const power = await GuestPower.open(domain, { harness, target, patience, shell, start });
    const dead = await power.causeOfDeath();
    if (dead !== undefined)
      throw new EnvironmentError(`${dead} before the run`, { hint: 're-create the guest, then run again' });
    const kernelLog = await kernelLogOf(target, shell, log);
    return new NativeIut({ target, harness, patience, shell, power, kernelLog, closers });
  } catch (error) {
    await closers.close();
    throw error;
  }
}

interface Parts {
  readonly target: Target;
  readonly harness: Domain;
  readonly patience: Patience;
  readonly shell: GuestShell | undefined;
  readonly power: GuestPower;
  readonly kernelLog: KernelLog | undefined;
  readonly closers: Closers;
}

class NativeIut implements Iut {
  readonly adapter = 'native';
  readonly deviceTypes: DeviceTypes;
  readonly harness: Domain;
  readonly kernelLog?: KernelLog;
  readonly promised: ReadonlySet<Reflector>;
  readonly configure?: Iut['configure'];
  readonly bridge?: Iut['bridge'];
  readonly carrier?: Iut['carrier'];
  readonly rebind?: NonNullable<Iut['rebind']>;
  readonly recreate?: NonNullable<Iut['recreate']>;
  readonly restore?: Iut['restore'];
  readonly checkpoint?: Iut['checkpoint'];
  private readonly profile: OsProfile;

  constructor(private readonly parts: Parts) {
    const { target, harness, patience, shell, power, kernelLog, closers } = parts;
    this.harness = harness;
    this.profile = replaced(profileNamed(target.os), target.commands ?? {});
    this.deviceTypes = {
      ...(target.deviceType === undefined ? {} : { driver: target.deviceType }),
      ...(target.peerType === undefined ? {} : { peer: target.peerType }),
    };
    if (kernelLog) this.kernelLog = kernelLog;
    const guest = shell && new GuestInterfaces(target, this.profile, (script) => this.run(script), patience);
    const host = new GuestInterfaces(
      target,
      replaced(this.profile, target.hostCommands ?? {}, assignPosix),
      onHost(target),
      patience,
    );
    /** What runs a command; undefined if nothing can. */
    const by = (name: Exclude<keyof Commands, 'facts'>): GuestInterfaces | undefined => {
      if (target.hostCommands?.[name] !== undefined) return host;
      return guest?.can(name) ? guest : undefined;
    };
    const [configure, bridge, carrier] = [by('configure'), by('bridge'), by('carrier')];
    const [unbind, bind] = [by('unbind'), by('bind')];
    if (configure) this.configure = (vif, link) => configure.configure(vif, link);
    if (bridge) this.bridge = (vifs) => bridge.bridge(vifs);
    if (carrier) this.carrier = (vif) => carrier.carrier(vif);
    if (unbind && bind) this.rebind = { unbind: (vif) => unbind.unbind(vif), bind: (vif) => bind.bind(vif) };
    this.promised = new Set(configure ? REFLECTORS : []);
    closers.add(() => (bridge === guest && shell?.dead ? undefined : bridge?.unbridge().catch(() => undefined)));
    // Registered last, so it runs first: it ends all waits for the guest to boot.
    closers.add(() => power.close());
    if (power.canRecreate) this.recreate = (prepare) => power.recreate(prepare);
    if (power.canRestore) {
      this.restore = (prepare) => power.restore(prepare);
      this.checkpoint = () => power.checkpoint();
    }
  }

  get domain(): DomId {
    return this.parts.power.domain;
  }

  async facts(): Promise<Record<string, string>> {
    const { shell, target } = this.parts;
    if (shell?.dead) return { ssh: shell.dead.message };
    const { driver = '', hostCommands = {} } = target;
    if (hostCommands.facts !== undefined) {
      const script = replaced(this.profile, hostCommands, assignPosix).kernelFacts(driver);
      return parseFacts((await onHost(target)(script)).stdout);
    }
    if (!shell || driver === '') return {};
    return parseFacts((await this.run(this.profile.kernelFacts(driver))).stdout);
  }

  holdings(): { readonly harness: Holdings } {
    return { harness: nativeHoldings() };
  }

  booted(): Promise<void> {
    return this.parts.power.booted();
  }

  async alive(): Promise<number | undefined> {
    const { power, shell } = this.parts;
    if ((await this.harness.store.read('domid')) === undefined)
      throw new EnvironmentError('xenstored does not respond; check that it is running');
    const crash = await power.causeOfDeath();
    if (crash !== undefined) throw new GuestCrashed(crash);
    if (!shell || shell.dead) return undefined;
    try {
      await power.booted();
      const before = this.harness.clock.now();
      await shell.run('exit 0');
      return this.harness.clock.now() - before;
    } catch (cause) {
      throw new GuestGone(`the guest cannot be reached: ${String(cause)}`, { cause });
    }
  }

  died(): Promise<string | undefined> {
    return this.parts.power.died();
  }

  close(): Promise<void> {
    return this.parts.closers.close();
  }

  /** Runs a script in the guest, once it is up. */
  private readonly run: GuestShell['run'] = async (script) => {
    const { power, shell } = this.parts;
    if (!shell) throw new Error('netifspec bug: the target has no way to run commands in the guest');
    await power.booted();
    return shell.run(script);
  };
}

/** Runs scripts on the test host. */
function onHost(target: Target): GuestShell['run'] {
  return (script) => runLocally(script, COMMAND_MS * target.timeScale);
}

/** Starts the driver by its command on the test host; undefined if it has none. */
function startOf(target: Target): (() => Promise<void>) | undefined {
  const script = target.hostCommands?.start;
  if (script === undefined) return undefined;
  return async () => {
    const { code, stderr } = await onHost(target)(script);
    if (code !== 0)
      throw new EnvironmentError(`cannot start the driver (status ${code}): ${stderr.trim()}`, {
        hint: 'correct "hostCommands.start" in the target file',
      });
  };
}

async function kernelLogOf(
  target: Target,
  shell: GuestShell | undefined,
  log: (line: string) => void,
): Promise<KernelLog | undefined> {
  if (target.console) return consoleLog(target.console);
  return shell?.ssh && dmesgLog(shell.ssh, log);
}
