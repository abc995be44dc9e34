/** Several runs as one: parts of the same target become one session, other targets and other runs stand side by side. */
import { joinedFeatures } from '../harness/run/declared.js';
import { anchorOf, type TestRecord } from '../harness/run/record.js';
import { type Group, outcome, OUTCOMES } from './records.js';

/**
 * The sessions of several runs with the parts of one joined, in the order in which the targets came. A test that each
 * part runs (the connection test that others stand on) counts once, by its worst record; what parts saw of the features
 * that are declared is added up. Without all parts of a run the session is not complete. A session that has a test which
 * one before it of that target has is no part but another run: its target gets a number, `linux (2)`.
 *
 * @throws Error if parts of one run were held to different texts
 */
export function merge(groups: readonly Group[]): Group[] {
  const runs: Group[][] = [];
  for (const group of groups) {
    const { target, role } = group.session;
    const same = runs.filter(([first]) => first?.session.role === role && first.session.target === target);
    const run = same.find((parts) => !repeats(parts, group));
    if (run) run.push(group);
    else runs.push([group]);
  }
  const seen = new Map<string, number>();
  return runs.map(join).map((group) => {
    const { target, role } = group.session;
    const key = `${target} ${role}`;
    const number = (seen.get(key) ?? 0) + 1;
    seen.set(key, number);
    return number === 1 ? group : renamed(group, `${target} (${number})`);
  });
}

/** Whether a group has a test that one of `parts` has, beside what every part runs. */
function repeats(parts: readonly Group[], { tests }: Group): boolean {
  const own = (test: TestRecord): boolean => test.chapter !== 'session' && test.id !== anchorOf(test.role);
  const known = new Set(parts.flatMap((part) => part.tests.filter(own).map(({ id }) => id)));
  return tests.some((test) => own(test) && known.has(test.id));
}

function renamed({ session, tests, end }: Group, target: string): Group {
  return {
    session: { ...session, target },
    tests: tests.map((test) => ({ ...test, target })),
    ...(end && { end: { ...end, target } }),
  };
}

function join(shards: readonly Group[]): Group {
  const [first] = shards;
  if (!first) throw new Error('a target without a session');
  const missing = missingPart(shards);
  if (shards.length === 1 && missing === undefined) return first;
  const texts = new Set(shards.map(({ session }) => session.facts['spec']));
  if (texts.size > 1) throw new Error(`${first.session.target} was held to several texts: ${[...texts].join('; ')}`);
  const tests = new Map<string, TestRecord>();
  for (const test of shards.flatMap((shard) => shard.tests)) {
    const known = tests.get(test.id);
    tests.set(test.id, known ? (test.chapter === 'session' ? joinedFeatures : worst)(known, test) : test);
  }
  // Each shard planned its own tests; what several of them ran was planned by each.
  const twice = shards.reduce((sum, shard) => sum + shard.tests.length, 0) - tests.size;
  const planned = shards.reduce((sum, { session }) => sum + session.planned, 0) - twice;
  const started = shards.map(({ session }) => session.started).sort()[0] ?? first.session.started;
  const ends = shards.flatMap(({ end }) => end ?? []);
  const session = { ...first.session, started, planned };
  delete session.shard;
  if (ends.length < shards.length) return { session, tests: [...tests.values()] };
  const finished =
    ends
      .map((end) => end.finished)
      .sort()
      .at(-1) ?? started;
  const reason = ends.find(({ complete }) => !complete)?.reason ?? missing;
  const complete = ends.every((end) => end.complete) && missing === undefined;
  const { target } = session;
  return {
    session,
    tests: [...tests.values()],
    end: { type: 'end', target, finished, complete, ...(reason === undefined ? {} : { reason }) },
  };
}

/** The part of a run that none of the sessions is, in words. */
function missingPart(shards: readonly Group[]): string | undefined {
  const parts = shards.flatMap(({ session }) => session.shard ?? []);
  const count = Math.max(0, ...parts.map((part) => Number(part.split('/')[1])));
  const missing = Array.from({ length: count }, (_, n) => `${n + 1}/${count}`).filter((part) => !parts.includes(part));
  return missing.length === 0 ? undefined : `part ${missing.join(', ')} is missing`;
}

function worst(a: TestRecord, b: TestRecord): TestRecord {
  const rank = (test: TestRecord): number => OUTCOMES.indexOf(outcome(test, false));
  return rank(b) < rank(a) ? b : a;
}
