/** `netifspec run --on HOST`, as the command line sees it. */
import { join } from 'node:path';
import { parseRecord } from '../../reports/records.js';
import { SUITES } from '../../suites/index.js';
import type { SshOptions } from '../guest/ssh.js';
import { RemoteError } from '../remote/error.js';
import { runRemote } from '../remote/remote.js';
import { EnvironmentError } from '../run/environment.js';
import type { ResultRecord } from '../run/record.js';
import { loadTarget } from '../run/target.js';
import { UsageError } from './exit.js';
import { Results, type ResultsOptions } from './results.js';
import { claims } from './run.js';
import { type Selection, selectTests, specOf } from './select.js';

export interface RemoteOptions extends Selection, ResultsOptions {
  readonly target: string;
  /** The words of the command that runs this target from here. */
  readonly command: readonly string[];
  readonly ssh: SshOptions;
  /** The Node to carry there. */
  readonly node?: string;
  readonly slow?: boolean;
  readonly keep?: boolean;
  readonly trace?: 'failed' | 'all';
}

/** Runs one target on another host and reports as if it had run here; answers the exit code. */
export async function runThere(options: RemoteOptions, signal: AbortSignal): Promise<number> {
  const results = new Results(options);
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  let there = 0;
  const reported = await results.of(async () => {
    const code = await runRemote({
      ssh: options.ssh,
      target: options.target,
      ...(options.node === undefined ? {} : { node: options.node }),
      args: [
        ...testsOf(options).flatMap((id) => ['--test', id]),
        ...(options.role === undefined ? [] : ['--role', options.role]),
        ...claims({ ...options, ...(options.spec === undefined ? {} : { spec: specOf(options) }) }),
        ...(options.keep ? ['--keep'] : []),
        ...(options.trace === 'all' ? ['--trace', 'all'] : []),
      ],
      onRecord: (line) => {
        const record = parseRecord(line);
        if (!record) throw new EnvironmentError(`the remote run prints what is no record: ${line.slice(0, 200)}`);
        results.add(localised(record, options));
      },
      log,
      signal,
    });
    // A harness that was killed there has the exit code of its signal, which is none of ours.
    there = Math.min(code, 3);
    if (!results.empty) return;
    if (code === 0) throw new EnvironmentError('the remote run ended without a single record');
    // It has said why.
    throw new RemoteError(code === 2 ? 2 : 3, `the run there ended with exit code ${code}`);
  });
  return Math.max(there, reported);
}

/** The records by which a part is balanced are here, so it's taken here. */
function testsOf(options: RemoteOptions): readonly string[] {
  if (options.shard === undefined) return options.test ?? [];
  const { role } = loadTarget(options.target);
  return selectTests({ ...options, role }).map(({ id }) => id);
}

/** The bundle that runs there has no sources, and another command line: both are known here. */
function localised(record: ResultRecord, { command, shard }: RemoteOptions): ResultRecord {
  if (record.type === 'session') return { ...record, command, ...(shard === undefined ? {} : { shard }) };
  if (record.type !== 'test') return record;
  const location = SUITES.find((test) => test.id === record.id)?.location;
  return location === undefined ? record : { ...record, location };
}

/** [user@]host[:port] of the command line. Throws a UsageError. */
export function sshOptions(host: string, options: { identity?: string; knownHosts?: string }): SshOptions {
  const parts = /^(?:([\w.-]+)@)?([\w.-]+|\[[\da-f:.]+\])(?::(\d+))?$/i.exec(host);
  if (!parts?.[2]) throw new UsageError(`--on ${host}: it is [user@]host[:port]`);
  const [, user, name, port] = parts;
  return {
    host: name.replace(/[[\]]/g, ''),
    ...(port ? { port: Number(port) } : {}),
    ...(user ? { user } : {}),
    ...(options.identity ? { identity: options.identity } : {}),
    knownHosts: options.knownHosts ?? join(process.env['HOME'] ?? '', '.ssh', 'known_hosts'),
  };
}
