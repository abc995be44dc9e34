import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../../suites/catalogue.js';
import { UsageError } from '../base/errors.js';
import type { Explorer } from '../explore/explorer.js';
import { exploreSession, scriptIn } from '../explore/session.js';
import { Expectations } from '../run/expectations.js';
import type { Script, TestRecord } from '../run/record.js';
import { NEWEST_TEXT } from '../run/requirement.js';
import { loadTarget, referenceTarget, type Target } from '../run/target.js';
import { onInterrupt } from './interrupt.js';
import { makeFolder, writeWhole } from './paths.js';
import { Results } from './results.js';
import { openIut, refuseSameNames } from './run.js';
import { roleOf } from './select.js';

export interface ExploreCommandOptions {
  readonly role?: string;
  readonly target?: readonly string[];
  readonly minutes?: number;
  readonly runs?: number;
  readonly seed: number;
  readonly replay?: string;
  readonly out: string;
  readonly strict?: boolean;
}

/** How long an exploration lasts if neither --minutes nor --runs is given. */
const DEFAULT_MINUTES = 1;
const MS_PER_MINUTE = 60_000;

/** `netifspec explore`. Returns the exit code. */
export async function exploreCommand(options: ExploreCommandOptions): Promise<number> {
  const { out, seed, minutes, runs, strict = false } = options;
  const script = options.replay === undefined ? undefined : scriptOf(options.replay);
  const targets = targetsOf(options, script);
  const interrupt = onInterrupt({ output: false });
  const results = new Results({ out, reporter: 'terminal', strict });
  const found: TestRecord[] = [];
  const log = (line: string): void => void process.stderr.write(`netifspec: ${line}\n`);
  const ms = (minutes ?? (runs === undefined ? DEFAULT_MINUTES : Infinity)) * MS_PER_MINUTE;
  try {
    return await results.runAndReport(async () => {
      for (const { target, words } of targets) {
        const progress = new Progress(target.name);
        await exploreSession(
          {
            target,
            catalogue: CATALOGUE,
            monitored: true,
            command: ['netifspec', 'explore', ...words, '--seed', String(seed)],
            open: () => openIut(target, seed, log),
            tests: [],
            expectations: new Expectations([]),
            seed,
            slow: false,
            spec: NEWEST_TEXT,
            onRecord: (record) => {
              results.add(record);
              if (record.type === 'test' && record.script) found.push(record);
            },
            log,
            signal: interrupt.signal,
          },
          {
            limits: { ms, seed, signal: interrupt.signal, ...(runs === undefined ? {} : { sequences: runs }) },
            ...(script ? { script } : {}),
            onProgress: (explorer) => progress.update(explorer),
          },
        );
        if (interrupt.signal.aborted) break;
      }
      writeScripts(out, found);
    });
  } finally {
    interrupt.release();
  }
}

function targetsOf({ target, role }: ExploreCommandOptions, script?: Script): { target: Target; words: string[] }[] {
  if (target) {
    const targets = target.map((file) => ({ target: loadTarget(file), words: ['--target', file] }));
    refuseSameNames(targets.map((each) => each.target));
    const other = targets.find((each) => script && each.target.role !== script.role);
    if (other) throw new UsageError(`--replay: the sequence is for a ${script?.role}, not for ${other.target.name}`);
    return targets;
  }
  const roles = script ? [script.role] : role === undefined ? (['frontend', 'backend'] as const) : [roleOf(role)];
  return roles.map((each) => ({ target: referenceTarget(each), words: ['--role', each] }));
}

function scriptOf(file: string): Script {
  if (!existsSync(file)) throw new UsageError(`--replay ${file}: no such file; "explore" writes them to sequences/`);
  const script = scriptIn(readFileSync(file, 'utf8'));
  if (!script) throw new UsageError(`--replay ${file}: it holds no sequence; "explore" writes them to sequences/`);
  return script;
}

/** Writes the shortest sequence of each finding to a file that `--replay` runs again. */
function writeScripts(out: string, found: readonly TestRecord[]): void {
  const folder = join(out, 'sequences');
  if (found.length > 0) makeFolder(folder);
  for (const { id, script } of found) {
    const file = join(folder, `${id}.json`);
    writeWhole(file, `${JSON.stringify(script, null, 2)}\n`);
    process.stderr.write(`netifspec: to run it again: netifspec explore --replay ${file}\n`);
  }
}

/** Says on stderr how far an exploration is: rewritten on a terminal, else now and then. */
class Progress {
  readonly #started = performance.now();
  #next = 0;

  constructor(private readonly target: string) {}

  update({ sequences, steps, found }: Explorer): void {
    const now = performance.now();
    if (now < this.#next) return;
    const { isTTY } = process.stderr;
    this.#next = now + (isTTY ? 200 : 10_000);
    const seconds = (now - this.#started) / 1000;
    const rate = seconds < 1 ? '' : `, ${Math.round(steps / seconds)} steps/s`;
    const text = `netifspec: ${this.target}: ${sequences} sequences, ${steps} steps${rate}, ${found.length} kinds of failure`;
    process.stderr.write(isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  }
}
