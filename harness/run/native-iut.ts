import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { consoleLog, sshDmesg, type KernelLog } from '../guest/kernel-log.js';
import { NO_INTERFACE, parseFacts, profileNamed } from '../guest/profile.js';
import { replaced } from '../guest/replaced.js';
import type { Ssh } from '../guest/ssh.js';
import { formatIpv4, formatMac } from '../packet/address.js';
import { type Link, PREFIX } from '../peer/link.js';
import type { VifAddress } from '../peer/vif.js';
import { nativeHoldings, openNativeDomain } from '../xen/native/index.js';
import { Patience } from '../xen/wait.js';
import type { LinkedVif, Iut } from './iut.js';
import { EnvironmentError, GuestGone } from './environment.js';
import { findDomain } from './find-domain.js';
import { type GuestShell, openGuestShell } from './guest-shell.js';
import { lock, lockOf } from './guest-lock.js';
import { REFLECTORS } from './reflectors.js';
import type { Target } from './target.js';

type Shell = GuestShell['run'];

/** How long a guest may take to boot. */
const RECREATE_MS = 60_000;

/** A driver in a domain of this Xen host, reached as its target file says. Throws EnvironmentError where it isn't. */
export async function openNativeIut(target: Target): Promise<Iut> {
  const profile = replaced(profileNamed(target.os), target.commands ?? {});
  const harness = await openNativeDomain();
  let unlock: (() => void) | undefined;
  let guest: GuestShell | undefined;
  try {
    let domain = await findDomain(harness, target.domain);
    unlock = await lock(lockOf(target.role, domain));
    guest = await openGuestShell(target);
    const commands = guest;
    let booting: Promise<void> | undefined;
    let closed = false;
    let bridged = false;
    const shell: Shell | undefined =
      commands &&
      (async (script) => {
        await booting;
        return commands.run(script);
      });
    const kernelLog = kernelLogOf(target, guest?.ssh);
    const patience = new Patience(harness.clock, target.timeScale);
    const configure = async (vif: VifAddress, link: Link): Promise<void> => {
      const address = { ipv4: formatIpv4(link.iut.ipv4), prefix: PREFIX };
      const script =
        vif.peer === 'frontend'
          ? profile.configureVif({ device: deviceOf(vif), ...address })
          : profile.configureInterface({ mac: formatMac(link.iut.mac), ...address });
      await patience.until('network interface of the vif in the guest', () => shell && ran(shell, script), {
        ms: 5000,
      });
    };
    const bridge = async (vifs: readonly LinkedVif[]): Promise<void> => {
      const script = profile.bridge(vifs.map(interfaceOf));
      await patience.until('network interfaces of the vifs in the guest', () => shell && ran(shell, script), {
        ms: 5000,
      });
      bridged = true;
    };
    const carrier = async (vif: LinkedVif): Promise<boolean> => {
      if (!shell) throw new Error('no shell to ask for a carrier');
      const { code, stdout, stderr } = await shell(profile.carrier(interfaceOf(vif)));
      if (code === NO_INTERFACE) return false;
      if (code !== 0) throw new EnvironmentError(`the guest does not tell of a carrier: ${stderr.trim()}`);
      return stdout.trim() === '1';
    };
    const { config } = target;
    const recreate = async (prepare?: () => Promise<void>): Promise<void> => {
      // It may be gone already, by a restore that failed.
      if ((await harness.store.read(`/local/domain/${domain}`)) !== undefined) await xl('destroy', String(domain));
      await xl('create', '-q', '-p', String(config));
      await wake(prepare);
    };
    const restore = async (prepare: () => Promise<void>): Promise<void> => {
      const folder = await mkdtemp(join(tmpdir(), 'netifspec-'));
      try {
        const file = join(folder, 'saved');
        await xl('save', String(domain), file);
        await xl('restore', '-p', file);
      } finally {
        await rm(folder, { recursive: true });
      }
      await wake(prepare);
    };
    /** Lets the paused successor of the guest run. */
    const wake = async (prepare?: () => Promise<void>): Promise<void> => {
      commands?.renew();
      domain = await findDomain(harness, target.domain);
      await prepare?.();
      await xl('unpause', String(domain));
      // The guest is there when it can be talked to; until then SSH refuses, in many ways.
      const up = async (): Promise<boolean> =>
        closed || !commands || (await commands.run('true').then(isZero, () => false));
      booting = patience.until('answer', up, { ms: RECREATE_MS }).then(
        () => undefined,
        () => {
          throw new EnvironmentError(`the guest of ${config} can't be reached again; look at its console`);
        },
      );
      // Whoever needs the guest up hears of it.
      booting.catch(() => undefined);
    };
    const rebind = shell && {
      unbind: async (vif: VifAddress) => (await shell(profile.unbind(target.role, vif))).code === 0,
      bind: async (vif: VifAddress) => {
        const { code, stderr } = await shell(profile.bind(target.role, vif));
        if (code !== 0) throw new EnvironmentError(`the driver can't be bound to its vif: ${stderr.trim()}`);
      },
    };
    return {
      get domain() {
        return domain;
      },
      harness,
      adapter: 'native',
      deviceType: 'vif',
      ...(kernelLog ? { kernelLog } : {}),
      async facts() {
        if (commands?.dead) return { ssh: commands.dead.message };
        if (!shell || !target.driver) return {};
        return parseFacts((await shell(profile.kernelFacts(target.driver))).stdout);
      },
      ...(shell ? { configure, bridge, carrier } : {}),
      ...(rebind ? { rebind } : {}),
      ...(config ? { recreate, restore } : {}),
      holdings: () => ({ harness: nativeHoldings() }),
      booted: async () => booting,
      promised: new Set(shell ? REFLECTORS : []),
      async alive() {
        if ((await harness.store.read('domid')) === undefined) throw new EnvironmentError('xenstored gives no answer');
        if ((await harness.store.read(`/local/domain/${domain}`)) === undefined) {
          throw new GuestGone(`domain ${domain} is gone`);
        }
        if (!shell || commands?.dead) return;
        await shell('true').catch((cause: unknown) => {
          throw new GuestGone(`the guest can't be reached: ${String(cause)}`, { cause });
        });
      },
      async close() {
        closed = true;
        if (bridged && commands && !commands.dead) await commands.run(profile.unbridge()).catch(() => undefined);
        commands?.close();
        await harness.close();
        unlock?.();
      },
    };
  } catch (error) {
    guest?.close();
    await harness.close();
    unlock?.();
    throw error;
  }
}

/** The backend's network device, as Linux names it. */
const deviceOf = (vif: VifAddress): string => `vif${vif.frontend}.${vif.handle}`;

/** An interface as the profile finds it. */
const interfaceOf = ({ vif, link }: LinkedVif): { device: string } | { mac: string } =>
  vif.peer === 'frontend' ? { device: deviceOf(vif) } : { mac: formatMac(link.iut.mac) };

/** Whether the script found its interface; any other trouble is the environment's. */
async function ran(shell: Shell, script: string): Promise<boolean> {
  const { code, stderr } = await shell(script);
  if (code === 0) return true;
  if (code === NO_INTERFACE) return false;
  throw new EnvironmentError(`the guest's interface can't be set up (status ${code}): ${stderr.trim()}`);
}

function kernelLogOf(target: Target, ssh: Ssh | undefined): KernelLog | undefined {
  if (target.console) return consoleLog(target.console);
  return ssh ? sshDmesg(ssh) : undefined;
}

const isZero = ({ code }: { code: number }): boolean => code === 0;

async function xl(...args: string[]): Promise<void> {
  try {
    await promisify(execFile)('xl', args);
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new EnvironmentError(`xl ${args.join(' ')} failed: ${stderr?.trim() || message}`);
  }
}
