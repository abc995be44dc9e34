/** The results of an exploration as records: one for each requirement that a step or the monitor checks. */
import { monitored } from '../peer/monitor/monitor.js';
import type { Catalogue } from '../run/catalogue.js';
import { checkRecord } from '../run/judge.js';
import type { Role, Script, StepNote, TestRecord } from '../run/record.js';
import type { Explorer, Found } from './explorer.js';
import type { Sequences } from './model/index.js';
import { noteText } from './step.js';

/** Steps that a table of the coverage has on one line. */
const ON_A_LINE = 6;

/** The requirements that an exploration of a role can check. */
export function explorable({ role, checks }: Sequences): string[] {
  return [...new Set([...checks, ...monitored(role)])];
}

/** The id of every record that an exploration of a role may have. */
export function explorationIds(role: Role, catalogue: Catalogue): string[] {
  return [...catalogue.requirements.map(({ id }) => id.toLowerCase()), OTHER].map((name) => idOf(role, name));
}

const idOf = (role: Role, name: string): string => `${role}.explore.${name}`;

/** The records of an exploration of `target`; {@link explorable} has the requirements, and the last record the rest. */
export function explorationRecords(
  explorer: Explorer,
  sequences: Sequences,
  target: string,
  catalogue: Catalogue,
  claimed: (id: string) => boolean,
): TestRecord[] {
  const { role } = sequences;
  const ids = [...new Set([...explorable(sequences), ...explorer.found.flatMap(({ check }) => check.requirements)])];
  const requirements = ids.filter(claimed).map((id): TestRecord => {
    const head = base(target, role, id.toLowerCase(), catalogue.requirement(id).statement);
    const found = explorer.found.find(({ check }) => check.requirements.includes(id));
    if (found) return { ...head, ...findingOf(found) };
    const held = explorer.held(id);
    if (held === 0) {
      const skip = { class: 'not-observed' as const, reason: 'its situation did not arise' };
      return { ...head, verdict: 'skip', skip, checks: [], infos: [] };
    }
    return { ...head, verdict: 'pass', checks: [checkRecord([id])], infos: [`held in ${held} sequences`] };
  });
  return [...requirements, { ...base(target, role, OTHER, OTHER_TITLE), ...otherOf(explorer) }];
}

/** The record of a driver whose process ended in a sequence, and with it the exploration. */
export function explorationEnd(target: string, role: Role, why: string, script: Script | undefined): TestRecord {
  return {
    ...base(target, role, OTHER, OTHER_TITLE),
    verdict: 'fail',
    class: 'guest-crash',
    checks: [{ requirements: [], verdict: 'fail', failure: { observed: why } }],
    infos: script ? describe(script.steps) : [],
    ...(script ? { script } : {}),
  };
}

/** The record of what is about no requirement. */
const OTHER = 'other';
const OTHER_TITLE = 'takes part in any sequence of steps';

function base(
  target: string,
  role: Role,
  name: string,
  title: string,
): Omit<TestRecord, 'verdict' | 'checks' | 'infos'> {
  return {
    type: 'test',
    target,
    id: idOf(role, name),
    title,
    role,
    chapter: 'explore',
    location: 'harness/explore',
    durationMs: 0,
  };
}

type Result = Pick<TestRecord, 'verdict' | 'checks' | 'infos'> & Partial<TestRecord>;

/** What is wrong, with its shortest sequence. A failure that does not come each time is only a warning. */
function findingOf({ check, class: kind, trace, record, script, failed, tried, sequences }: Found): Result {
  const { detail, kernelLog } = record;
  const isReliable = failed === tried;
  const verdict = isReliable ? check.verdict : 'warn';
  return {
    verdict,
    ...(verdict === 'fail' && kind ? { class: kind } : {}),
    ...(detail === undefined ? {} : { detail }),
    checks: [{ ...check, verdict }],
    infos: [
      ...(isReliable ? [] : [`it failed in ${failed} of ${tried} runs of the same sequence`]),
      `seen in ${sequences} ${sequences === 1 ? 'sequence' : 'sequences'}`,
      ...describe(script.steps),
    ],
    ...(trace && trace.length > 0 ? { trace } : {}),
    ...(kernelLog ? { kernelLog } : {}),
    script,
  };
}

function describe(steps: readonly StepNote[]): string[] {
  if (steps.length === 0) return ['no step is needed: the first connections suffice'];
  return steps.map((step, n) => `step ${n + 1} of ${steps.length}: ${noteText(step)}`);
}

/** What is not about a requirement: crashes, connections that fail, faults of netifspec; and what was tried. */
function otherOf(explorer: Explorer): Result {
  const infos = coverageText(explorer);
  const { durationMs } = explorer;
  const [error] = explorer.errors;
  if (error) {
    const { checks, detail } = error;
    const count = `${explorer.errors.length} of ${explorer.sequences} sequences prove nothing`;
    return {
      verdict: 'error',
      ...(detail === undefined ? {} : { detail }),
      checks,
      infos: [count, ...infos],
      durationMs,
    };
  }
  const found = explorer.found.find(({ check }) => check.requirements.length === 0);
  if (!found) return { verdict: 'pass', checks: [], infos, durationMs };
  const finding = findingOf(found);
  return { ...finding, infos: [...finding.infos, ...infos], durationMs };
}

/** What was tried, in lines. */
export function coverageText({ sequences, steps, coverage, notes }: Explorer): string[] {
  const counts = [...coverage.steps].map(([name, count]) => `${name} ${count}`);
  const lines: string[] = [];
  for (let at = 0; at < counts.length; at += ON_A_LINE) lines.push(counts.slice(at, at + ON_A_LINE).join(', '));
  const possible = coverage.steps.size ** 2;
  return [
    ...notes,
    `${sequences} sequences with ${steps} steps`,
    ...lines,
    `${coverage.pairs.size} of ${possible} pairs of consecutive steps`,
  ];
}
