/** `run --on HOST`: puts the built netifspec on a host over SSH, runs it there and takes its records as they come. */
import { randomBytes } from 'node:crypto';
import { quotePosix } from '../guest/profile.js';
import { type Ssh, SshError } from '../guest/ssh.js';
import { LineSplitter, printable } from '../guest/text.js';
import type { Installed } from './install.js';
import { type HostOptions, installed } from './installed.js';
import { pack, type Pack } from './pack.js';
import { posix, runScript } from './script.js';
import { type Shipment, shipmentOf } from './shipment.js';

export interface RemoteRun extends HostOptions {
  /** Path of the local target file. It is shipped with the expectations that it names relative to itself. */
  readonly target: string;
  /** Further arguments of `netifspec run`; not --target or --stream. */
  readonly args: readonly string[];
  /** Takes each line that the run prints: a result record, unchecked. */
  readonly onRecord: (line: string) => void;
  /** Interrupts the run as Ctrl-C would there; the records of its end still come. */
  readonly signal: AbortSignal;
  /** What to put on the host; the running netifspec's own pack if absent. */
  readonly pack?: Pack;
  /** Milliseconds that an interrupted run gets to end; 30 s if absent. */
  readonly graceMs?: number;
}

const GRACE_MS = 30_000;
const NEVER = new AbortController().signal;
/** Bytes of one record. */
const LINE_LIMIT = 1024 * 1024;

/**
 * Runs the suite on the host and answers its exit code there (0 to 3, or 128 + a signal's number).
 *
 * On the host, below ~/.cache/netifspec/remote: one folder for each pack, and `runs` for what is under way. Throws a
 * {@link RemoteError} or an SshError, also if the connection is lost during the run; the signal's reason if it fires
 * before the run has started.
 */
export async function runRemote(options: RemoteRun): Promise<number> {
  const shipment = await shipmentOf(options.target);
  const archive = options.pack ?? (await pack());
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

  /** Runs the suite, and removes the run's folder. */
  async run(shipment: Shipment): Promise<number> {
    const code = await this.#runToEnd(shipment);
    await this.#tidyUp();
    return code;
  }

  /** Only the loss of the connection, or an interrupt that brings nothing, ends this before the run has ended. */
  async #runToEnd({ archive, target }: Shipment): Promise<number> {
    const { signal, onRecord, log, graceMs = GRACE_MS } = this.options;
    signal.throwIfAborted();
    const stdout = new LineSplitter(LINE_LIMIT, onRecord, () => log('a record longer than 1 MiB was left out'));
    const stderr = new LineSplitter(
      LINE_LIMIT,
      (line) => log(printable(line, 2000)),
      () => log('a line longer than 1 MiB was left out'),
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
      // It would make the run's folder anew where that is removed already.
      await interrupting;
      return code;
    } catch (cause) {
      // The taker of the records failed, not the run: don't leave it going on unseen.
      if (!(cause instanceof SshError)) await this.#interrupt();
      if (!giveUp.signal.aborted) throw cause;
      const what = `the run on ${this.#name} did not end within ${graceMs} ms of its interrupt; see there what still runs`;
      throw new SshError('deadline', what, { cause });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupt);
    }
  }

  // Unpacks the shipment, which it reads. A shell that becomes node: so its pid is known beforehand, and it keeps the
  // default reaction to SIGINT, which a background job of a shell would not.
  #command(target: string): string {
    const args = ['run', '--target', `${this.#folder}/in/${target}`, '--stream', ...this.options.args];
    return posix(`
      umask 077
      folder=${quotePosix(this.#folder)}
      if ! { mkdir -p "$folder/in" && tar -xf - -C "$folder/in" --no-same-owner; }; then
        echo "the target file can't be unpacked" >&2
        exit 3
      fi
      echo "$$" > "$folder/pid" || exit 3
      [ ! -e "$folder/interrupted" ] || exit 130
      cd ${quotePosix(this.there.home)} || exit 3
      exec ${this.there.netifspec} ${args.map(quotePosix).join(' ')}
    `);
  }

  /** Before the run has a pid, the mark that is left here keeps it from starting. */
  async #interrupt(): Promise<void> {
    const script = `
      mkdir -p ${quotePosix(this.#folder)} && cd ${quotePosix(this.#folder)} || exit 1
      : > interrupted
      [ ! -e pid ] || kill -INT "$(cat pid)" 2>/dev/null || :
    `;
    await this.#script('interrupt the run', script);
  }

  /** Removes the run's folder. If that fails, a later run does it: no reason to spoil this one. */
  async #tidyUp(): Promise<void> {
    try {
      await this.#script('remove what the run left', `rm -rf ${quotePosix(this.#folder)}`);
    } catch (error) {
      this.options.log((error as Error).message);
    }
  }

  /** Runs a short script, after an abort too. Throws if it fails; `purpose` completes "host cannot …". */
  async #script(purpose: string, script: string): Promise<void> {
    await runScript(this.ssh, this.#name, purpose, script, { signal: NEVER });
  }
}
