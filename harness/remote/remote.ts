/** `run --on HOST`: copies netifspec to a host over SSH, runs it there and passes its records on immediately. */
import { randomBytes } from 'node:crypto';
import { quotePosix } from '../ssh/posix.js';
import { type Ssh, SshError } from '../ssh/ssh.js';
import { LineSplitter } from '../base/lines.js';
import { printableLine } from '../base/text.js';
import type { Installed } from './install.js';
import { type HostOptions, installed } from './installed.js';
import { type Pack, packWithAddon } from './pack.js';
import { posix, runScript } from './script.js';
import { type Shipment, shipmentOf } from './shipment.js';

export interface RemoteRun extends HostOptions {
  /** Path of the local target file. It is copied together with its expectations file, if that path is relative. */
  readonly target: string;
  /** The command of netifspec. */
  readonly verb: 'run' | 'explore';
  /** Further arguments of the command, except --target and --stream. */
  readonly args: readonly string[];
  /** Called with each line that the run prints: a result record, not validated. */
  readonly onRecord: (line: string) => void;
  /** Interrupts the run like Ctrl-C on the host; its last records still arrive. */
  readonly signal: AbortSignal;
  /** The pack to copy to the host (default: that of the running netifspec). */
  readonly pack?: Pack;
  /** Milliseconds in which an interrupted run should end (default: 30 s). */
  readonly graceMs?: number;
}

const GRACE_MS = 30_000;
const NEVER = new AbortController().signal;
/** Maximum length of a record, in bytes. */
const LINE_LIMIT = 1024 * 1024;

/**
 * Runs the tests on the host. Returns the exit code there (0 to 3, or 128 + the number of a signal).
 *
 * Uses ~/.cache/netifspec/remote on the host: one folder for each pack, and `runs` for the current runs. Throws a
 * {@link RemoteError} or an SshError, also if the connection is lost during the run, and the signal's reason if that
 * fires before the run has started.
 */
export async function runRemote(options: RemoteRun): Promise<number> {
  const shipment = await shipmentOf(options.target);
  const archive = options.pack ?? (await packWithAddon());
  return installed(options, archive, (ssh, there) => new RemoteHost(ssh, there, options).run(shipment));
}

class RemoteHost {
  readonly #id = randomBytes(8).toString('hex');
  readonly #name: string;

  constructor(
    private readonly ssh: Ssh,
    private readonly there: Installed,
    private readonly options: RemoteRun,
  ) {
    this.#name = options.ssh.host;
  }

  get #folder(): string {
    return `${this.there.home}/runs/${this.#id}`;
  }

  /** Runs the suites, and removes the folder of the run. */
  async run(shipment: Shipment): Promise<number> {
    const code = await this.#runToEnd(shipment);
    await this.#tidyUp();
    return code;
  }

  /** Waits for the end of the run; returns earlier only if the connection is lost or an interrupt has no effect. */
  async #runToEnd({ archive, target }: Shipment): Promise<number> {
    const { signal, onRecord, log, graceMs = GRACE_MS } = this.options;
    signal.throwIfAborted();
    const stdout = new LineSplitter(LINE_LIMIT, onRecord, () => log('a record longer than 1 MiB was omitted'));
    const stderr = new LineSplitter(
      LINE_LIMIT,
      (line) => log(printableLine(line, 2000)),
      () => log('a line longer than 1 MiB was omitted'),
    );
    const giveUp = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    let interrupting = Promise.resolve();
    const interrupt = (): void => {
      log(`interrupting the run on ${this.#name}`);
      timer = setTimeout(() => giveUp.abort(), graceMs);
      interrupting = this.#interrupt().catch((error: Error) => log(`cannot interrupt the run: ${error.message}`));
    };
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      const { code } = await this.ssh.exec(this.#command(target), {
        deadlineMs: Infinity,
        stdin: archive,
        onStdout: (chunk) => stdout.push(chunk),
        onStderr: (chunk) => stderr.push(chunk),
        signal: giveUp.signal,
      });
      stdout.end();
      stderr.end();
      // A late interrupt would create the folder of the run again after it was removed.
      await interrupting;
      return code;
    } catch (cause) {
      // `onRecord` failed, not the run: does not leave the run unattended.
      if (!(cause instanceof SshError)) await this.#interrupt();
      if (!giveUp.signal.aborted) throw cause;
      const what = `the run on ${this.#name} did not end within ${graceMs} ms of its interrupt; end its processes on that host`;
      throw new SshError('deadline', what, { cause });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupt);
    }
  }

  // Unpacks the shipment from stdin. The shell is replaced by node: so its pid is known in advance, and node keeps the
  // default action for SIGINT, unlike a background job of a shell.
  #command(target: string): string {
    const args = [this.options.verb, '--target', `${this.#folder}/in/${target}`, '--stream', ...this.options.args];
    return posix(`
      umask 077
      folder=${quotePosix(this.#folder)}
      if ! { mkdir -p "$folder/in" && tar -xf - -C "$folder/in" --no-same-owner; }; then
        echo "cannot unpack the target file; check the space in the home folder" >&2
        exit 3
      fi
      echo "$$" > "$folder/pid" || exit 3
      [ ! -e "$folder/interrupted" ] || exit 130
      cd ${quotePosix(this.there.home)} || exit 3
      exec ${this.there.netifspec} ${args.map(quotePosix).join(' ')}
    `);
  }

  /** If the run has no pid yet, the file that this creates prevents its start. */
  async #interrupt(): Promise<void> {
    const script = `
      mkdir -p ${quotePosix(this.#folder)} && cd ${quotePosix(this.#folder)} || exit 1
      : > interrupted
      [ ! -e pid ] || kill -INT "$(cat pid)" 2>/dev/null || :
    `;
    await this.#script('interrupt the run', script);
  }

  /** Removes the folder of the run. If that fails, a later run removes it, and this run is not affected. */
  async #tidyUp(): Promise<void> {
    try {
      await this.#script('remove the files of the run', `rm -rf ${quotePosix(this.#folder)}`);
    } catch (error) {
      this.options.log((error as Error).message);
    }
  }

  /** Runs a short script, also after an abort. Throws if it fails; `purpose` completes "host cannot …". */
  async #script(purpose: string, script: string): Promise<void> {
    await runScript(this.ssh, this.#name, purpose, script, { signal: NEVER });
  }
}
