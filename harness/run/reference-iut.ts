/** The embedded reference driver in another domain of this Xen, put there and run over SSH. */
import { PassThrough } from 'node:stream';
import { consoleLog } from '../guest/kernel-log.js';
import { Ssh } from '../guest/ssh.js';
import { LineSplitter, printable } from '../guest/text.js';
import { BRIDGE_NODE, READY, REFERENCE_TYPE } from '../reference/program.js';
import { install } from '../remote/install.js';
import { pack } from '../remote/pack.js';
import { posix } from '../remote/script.js';
import { nativeHoldings, openNativeDomain } from '../xen/native/index.js';
import { Expired, Patience } from '../xen/wait.js';
import { EnvironmentError } from './environment.js';
import { findDomain } from './find-domain.js';
import { lock, lockOf } from './guest-lock.js';
import type { Iut } from './iut.js';
import { REFLECTORS } from './reflectors.js';
import type { Target } from './target.js';

const CONNECT_MS = 20_000;
/** How long the program may take until it serves: it's loaded there first. */
const START_MS = 30_000;

/** The reference driver in the domain that the target names. Throws EnvironmentError or SshError where it can't run. */
export async function openReferenceIut(target: Target, log: (line: string) => void): Promise<Iut> {
  if (!target.ssh)
    throw new EnvironmentError('the reference driver is put into its domain over SSH: the target has no "ssh"');
  const harness = await openNativeDomain();
  const closers: (() => Promise<void> | void)[] = [() => harness.close()];
  const close = async (): Promise<void> => {
    const fault = await inTurn(closers.splice(0).reverse());
    if (fault) throw fault;
  };
  try {
    const domain = await findDomain(harness, target.domain);
    closers.push(await lock(lockOf(target.role, domain)));
    const ssh = await Ssh.open(target.ssh, CONNECT_MS * target.timeScale);
    closers.push(() => ssh.close());
    const patience = new Patience(harness.clock, target.timeScale);
    const { signal } = new AbortController();
    const archive = await pack();
    const { netifspec } = await install(ssh, archive, { ssh: target.ssh, log, signal });
    // Another way each time: what is found is in the trace.
    const rogue = target.reference === 'rogue' ? ` --rogue ${Date.now() % 0x1_0000_0000}` : '';
    const command = `exec ${netifspec} reference ${target.role}${rogue}`;
    const start = async (): Promise<Program> => {
      const started = new Program(ssh, command, patience);
      await started.ready();
      return started;
    };
    let program = await start();
    closers.push(() => program.stop());
    const { store } = harness;
    const joining = `/local/domain/${domain}/${target.role === 'frontend' ? 'device' : 'backend'}/${BRIDGE_NODE}`;
    return {
      domain,
      harness,
      adapter: 'native',
      deviceType: REFERENCE_TYPE,
      ...(target.console ? { kernelLog: consoleLog(target.console) } : {}),
      facts: () => Promise.resolve({ driver: 'embedded reference driver' }),
      configure: () => Promise.resolve(),
      async bridge([a, b]) {
        await store.transaction(async (access) => {
          await access.write(joining, `${a.vif.handle} ${b.vif.handle}`);
          await access.setPermissions(joining, [{ domain, access: 'n' }]);
        });
        const isJoined = async (): Promise<boolean> => (await store.read(joining)) === undefined;
        await ours(
          patience.until('bridge in the reference driver', isJoined),
          'the reference driver does not join its vifs',
        );
      },
      promised: new Set(REFLECTORS),
      holdings: () => ({ harness: nativeHoldings() }),
      booted: () => Promise.resolve(),
      async recreate(prepare) {
        await program.stop();
        await prepare?.();
        program = await start();
      },
      async alive() {
        program.check();
        // A guest that stands still is no driver that does.
        await ssh.exec('true', { deadlineMs: CONNECT_MS });
        if ((await store.read(`/local/domain/${domain}`)) === undefined) {
          throw new EnvironmentError(`domain ${domain} is gone`);
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Calls one after the other, each whatever became of those before; answers the first error. */
async function inTurn(calls: readonly (() => Promise<void> | void)[]): Promise<Error | undefined> {
  let first: Error | undefined;
  for (const call of calls) {
    try {
      await call();
    } catch (error) {
      first ??= asError(error);
    }
  }
  return first;
}

/** What doesn't come of our own program in time is never held against the driver that it plays. */
async function ours<T>(wait: Promise<T>, message: string): Promise<T> {
  try {
    return await wait;
  } catch (error) {
    throw error instanceof Expired ? new EnvironmentError(message) : error;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The program in the other domain, for as long as its input is open. */
class Program {
  readonly #input = new PassThrough();
  readonly #kill = new AbortController();
  readonly #ended: Promise<void>;
  #ready = false;
  #isOver = false;
  #fault: Error | undefined;

  constructor(
    ssh: Ssh,
    command: string,
    private readonly patience: Patience,
  ) {
    const said: string[] = [];
    const pass = (): void => undefined;
    const stdout = new LineSplitter(1024, (line) => (this.#ready ||= line === READY), pass);
    const stderr = new LineSplitter(4096, (line) => said.push(printable(line, 500)), pass);
    const running = ssh.exec(posix(command), {
      deadlineMs: Infinity,
      stdin: this.#input,
      onStdout: (chunk) => stdout.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
      signal: this.#kill.signal,
    });
    this.#ended = running
      .then(({ code }) => {
        this.#fault = new EnvironmentError(`the reference driver ended (status ${code}): ${said.join('; ')}`);
      })
      .catch((error: unknown) => {
        this.#fault = asError(error);
      })
      .finally(() => (this.#isOver = true));
  }

  /** Throws if it has ended by itself. */
  check(): void {
    if (this.#fault) throw this.#fault;
  }

  /** Waits until it serves. Throws an EnvironmentError if it doesn't begin to. */
  async ready(): Promise<void> {
    const isReady = (): boolean => {
      this.check();
      return this.#ready;
    };
    try {
      await ours(
        this.patience.until('reference driver in its domain', isReady, { ms: START_MS }),
        'the reference driver does not start in its domain; look at its console',
      );
    } catch (error) {
      this.#kill.abort();
      throw error;
    }
  }

  /** Ends it, by force if it doesn't end by itself. */
  async stop(): Promise<void> {
    this.#input.end();
    try {
      await this.patience.until('end of the reference driver', () => this.#isOver, { ms: START_MS });
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      this.#kill.abort();
    }
    await this.#ended;
  }
}
