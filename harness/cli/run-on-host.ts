/** `netifspec run --on HOST`. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { stderr } from '../base/terminal.js';
import { parseRecord, RESULTS_LIMIT, SessionCheck } from '../../reports/records.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import type { SshOptions } from '../ssh/ssh.js';
import { RemoteError } from '../remote/error.js';
import { printableLine } from '../base/text.js';
import type { Pack } from '../remote/pack.js';
import { type RemoteRun, runRemote } from '../remote/remote.js';
import { EnvironmentError } from '../run/environment.js';
import type { ResultRecord } from '../run/record.js';
import { loadTarget } from '../run/target.js';
import { UsageError } from '../base/errors.js';
import { Results, type ResultsOptions } from './results.js';
import { verdictArgs } from './options.js';
import { type Selection, selectTests, specOf } from './select.js';

interface HostTarget extends ResultsOptions {
  readonly target: string;
  /** The words of the command that runs this target from this host. */
  readonly command: readonly string[];
  readonly ssh: SshOptions;
  /** The Node to copy to the host. */
  readonly node?: string;
  /** What to copy to the host. Default: the running netifspec, with the addon for this machine. */
  readonly pack?: Pack;
  readonly shard?: string;
}

/** A command for a target on another host. */
export interface HostWork extends HostTarget, Pick<RemoteRun, 'verb' | 'args'> {
  readonly onRecord?: (record: ResultRecord) => void;
}

export interface RemoteOptions extends Selection, HostTarget {
  readonly maxFailures?: number;
  readonly slow?: boolean;
  readonly keep?: boolean;
  readonly trace?: 'failed' | 'all';
}

/** Runs the tests of one target on another host and reports as if it had run on this one. Returns the exit code. */
export function runOnHost(options: RemoteOptions, signal: AbortSignal): Promise<number> {
  const args = [
    ...testsOf(options).flatMap((id) => ['--test', id]),
    ...(options.role === undefined ? [] : ['--role', options.role]),
    ...verdictArgs({ ...options, ...(options.spec === undefined ? {} : { spec: specOf(options) }) }),
    ...(options.keep ? ['--keep'] : []),
    ...(options.trace === 'all' ? ['--trace', 'all'] : []),
    ...(options.maxFailures === undefined ? [] : ['--max-failures', String(options.maxFailures)]),
  ];
  return workOnHost({ ...options, verb: 'run', args }, signal);
}

/** Runs a command for one target on another host and reports as if it had run on this one. Returns the exit code. */
export async function workOnHost(options: HostWork, signal: AbortSignal): Promise<number> {
  const results = new Results(options);
  const { verb, args } = options;
  const { host } = options.ssh;
  const log = (line: string): void => stderr.line(line);
  let remoteCode = 0;
  let received = 0;
  const session = new SessionCheck(1);
  const reported = await results.runAndReport(async () => {
    const code = await runRemote({
      ssh: options.ssh,
      target: options.target,
      ...(options.node === undefined ? {} : { node: options.node }),
      ...(options.pack === undefined ? {} : { pack: options.pack }),
      verb,
      args,
      onRecord: (line) => {
        received += line.length;
        if (received > RESULTS_LIMIT)
          throw new EnvironmentError(`the run on ${host} sent more than 256 MiB of records`);
        const record = session.check(parseRecord(line));
        if ('invalid' in record)
          throw new EnvironmentError(
            `the run on ${host} printed a line that is not a record (${record.invalid}); remove output from the login scripts there: ${printableLine(line, 200)}`,
          );
        const local = withLocalDetails(record, options);
        results.add(local);
        options.onRecord?.(local);
      },
      log,
      signal,
    });
    // A process that was killed there has the exit code of its signal.
    remoteCode = Math.min(code, 3);
    if (!results.empty) return;
    if (code === 0)
      throw new EnvironmentError(`the run on ${host} ended without a record; try "netifspec doctor --on ${host}"`);
    // The reason is in its output.
    throw new RemoteError(
      code === 2 ? 2 : 3,
      `the run on ${host} ended with exit code ${code}; its output above says why`,
    );
  });
  return Math.max(remoteCode, reported);
}

/** Selects the tests on this host, since the records for --shard and --last-failed are on this host. */
function testsOf(options: RemoteOptions): readonly string[] {
  if (options.shard === undefined && !options.lastFailed) return options.test ?? [];
  const { role } = loadTarget(options.target);
  return selectTests({ ...options, role }).map(({ id }) => id);
}

/**
 * Replaces the command and the locations in a record by those of this host: the bundle on the other host has no
 * sources, and was started with another command line.
 */
function withLocalDetails(record: ResultRecord, { command, shard }: HostTarget): ResultRecord {
  if (record.type === 'session') return { ...record, command, ...(shard === undefined ? {} : { shard }) };
  if (record.type !== 'test') return record;
  const location = CATALOGUE.tests.find((test) => test.id === record.id)?.location;
  return location === undefined ? record : { ...record, location };
}

/** Parses [user@]host[:port]. Throws a UsageError. */
export function sshOptions(host: string, options: { identity?: string; knownHosts?: string }): SshOptions {
  const parts = /^(?:([\w.-]+)@)?([\w.-]+|\[[\da-f:.]+\])(?::(\d+))?$/i.exec(host);
  if (!parts?.[2] || !(Number(parts[3] ?? 22) >= 1 && Number(parts[3] ?? 22) <= 65535)) {
    throw new UsageError(`--on ${host}: expected [user@]host[:port], for example root@labhost:22`);
  }
  const [, user, name, port] = parts;
  const { identity, knownHosts } = options;
  for (const [option, file] of [
    ['--identity', identity],
    ['--known-hosts', knownHosts],
  ] as const) {
    if (file !== undefined && !existsSync(file))
      throw new UsageError(`${option} ${file}: no such file; check the path`);
  }
  return {
    host: name.replace(/[[\]]/g, ''),
    ...(port ? { port: Number(port) } : {}),
    ...(user ? { user } : {}),
    ...(identity ? { identity } : {}),
    knownHosts: knownHosts ?? usualKnownHosts(name, port),
  };
}

/** The user's known_hosts file. Throws an EnvironmentError if it does not exist. */
function usualKnownHosts(host: string, port = '22'): string {
  const file = join(homedir(), '.ssh', 'known_hosts');
  if (existsSync(file)) return file;
  const name = host.replace(/[[\]]/g, '');
  throw new EnvironmentError(
    `${file}: no such file; add the host's key with "ssh-keyscan -p ${port} ${name} >> ${file}", or name another file with --known-hosts`,
  );
}
