/** The embedded reference driver in another domain of this Xen, copied and run over SSH. */
import { Closers } from '../base/closers.js';
import { consoleLog, type KernelLog } from '../guest/kernel-log.js';
import { BRIDGE_NODE, REFERENCE_TYPE } from '../reference/program.js';
import { install } from '../remote/install.js';
import { pack } from '../remote/pack.js';
import { Ssh, type SshOptions } from '../ssh/ssh.js';
import type { Domain, DomId, Holdings } from '../xen/domain.js';
import { nativeHoldings, openNativeDomain } from '../xen/native/index.js';
import { Patience } from '../xen/wait.js';
import { EnvironmentError } from './environment.js';
import { findDomain } from './find-domain.js';
import { lock, lockOf } from './lock.js';
import type { Iut, LinkedVif } from './iut.js';
import { asEnvironmentError, ReferenceProgram } from './reference-program.js';
import { REFLECTORS, type Reflector } from '../peer/context.js';
import type { Target } from './target.js';

const CONNECT_MS = 20_000;

/** The reference driver in the domain that the target names. Throws EnvironmentError or SshError if it cannot run. */
export async function openReferenceIut(target: Target, log: (line: string) => void): Promise<Iut> {
  if (!target.ssh)
    throw new EnvironmentError('the reference driver is copied to its domain over SSH; set "ssh" in the target file');
  const closers = new Closers();
  try {
    const harness = await openNativeDomain();
    closers.add(() => harness.close());
    const domain = await findDomain(harness, target.domain);
    closers.add(await lock(lockOf(target.role, domain)));
    const ssh = await Ssh.open(target.ssh, CONNECT_MS * target.timeScale);
    closers.add(() => ssh.close());
    const patience = new Patience(harness.clock, target.timeScale);
    const command = await installed(ssh, { ...target, ssh: target.ssh }, log);
    const program = await ReferenceProgram.start(ssh, command, patience);
    return new ReferenceIut({ target, domain, harness, ssh, patience, program, closers });
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** Copies the reference driver to its domain. Returns the command that runs it. */
async function installed(
  ssh: Ssh,
  { role, reference, ssh: options }: Target & { readonly ssh: SshOptions },
  log: (line: string) => void,
): Promise<string> {
  const { signal } = new AbortController();
  const { netifspec } = await install(ssh, await pack(), { ssh: options, log, signal });
  // A new seed in each run; the trace shows what the rogue did.
  const rogue = reference === 'rogue' ? ` --rogue ${Date.now() % 0x1_0000_0000}` : '';
  return `exec ${netifspec} reference ${role}${rogue}`;
}

interface Parts {
  readonly target: Target;
  readonly domain: DomId;
  readonly harness: Domain;
  readonly ssh: Ssh;
  readonly patience: Patience;
  readonly program: ReferenceProgram;
  readonly closers: Closers;
}

class ReferenceIut implements Iut {
  readonly adapter = 'native';
  readonly deviceTypes = { driver: REFERENCE_TYPE };
  readonly domain: DomId;
  readonly harness: Domain;
  readonly kernelLog?: KernelLog;
  readonly promised: ReadonlySet<Reflector> = new Set(REFLECTORS);

  constructor(private readonly parts: Parts) {
    const { target, domain, harness, program, closers } = parts;
    this.domain = domain;
    this.harness = harness;
    if (target.console) this.kernelLog = consoleLog(target.console);
    closers.add(() => program.stop());
  }

  facts(): Promise<Record<string, string>> {
    return Promise.resolve({ driver: 'embedded reference driver' });
  }

  configure(): Promise<void> {
    return Promise.resolve();
  }

  async bridge([a, b]: readonly [LinkedVif, LinkedVif]): Promise<void> {
    const { target, domain, harness, patience } = this.parts;
    const { store } = harness;
    const joining = `/local/domain/${domain}/${target.role === 'frontend' ? 'device' : 'backend'}/${BRIDGE_NODE}`;
    await store.transaction(async (access) => {
      await access.write(joining, `${a.vif.handle} ${b.vif.handle}`);
      await access.setPermissions(joining, [{ domain, access: 'n' }]);
    });
    const isJoined = async (): Promise<boolean> => (await store.read(joining)) === undefined;
    const joined = patience.until('bridge in the reference driver', isJoined);
    await asEnvironmentError(joined, 'the reference driver does not bridge its vifs; check its console');
  }

  holdings(): { readonly harness: Holdings } {
    return { harness: nativeHoldings() };
  }

  booted(): Promise<void> {
    return Promise.resolve();
  }

  async recreate(prepare?: () => Promise<void>): Promise<void> {
    const { program } = this.parts;
    await program.stop();
    await prepare?.();
    await program.start();
  }

  async alive(): Promise<number | undefined> {
    const { program, ssh, domain, harness } = this.parts;
    program.check();
    // Measures the response time of the guest, so that a guest which does not run is not taken for a driver which does
    // not respond.
    const before = harness.clock.now();
    await ssh.exec('true', { deadlineMs: CONNECT_MS });
    const answerMs = harness.clock.now() - before;
    if ((await harness.store.read(`/local/domain/${domain}`)) === undefined) {
      throw new EnvironmentError(
        `domain ${domain} no longer exists; start it again, and check "domain" in the target file`,
      );
    }
    return answerMs;
  }

  /** The program is netifspec's own: {@link alive} checks it, and its end is not held against a driver. */
  died(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  close(): Promise<void> {
    return this.parts.closers.close();
  }
}
