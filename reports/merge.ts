/** Several runs as one: shards of the same target become one session, other targets stand side by side. */
import type { TestRecord } from '../harness/run/record.js';
import { type Group, outcome, OUTCOMES } from './records.js';

/**
 * The sessions of several runs with those of one target joined, in the order in which the targets came. A test that
 * several shards ran (the connection test that others stand on) counts once, by its worst record. Without all parts of
 * a run the session is not complete.
 *
 * @throws Error if shards of one target were held to different texts
 */
export function merge(groups: readonly Group[]): Group[] {
  const byTarget = new Map<string, Group[]>();
  for (const group of groups) {
    const { target, role } = group.session;
    const key = `${target} ${role}`;
    byTarget.set(key, [...(byTarget.get(key) ?? []), group]);
  }
  return [...byTarget.values()].map(join);
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
    tests.set(test.id, known ? worst(known, test) : test);
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
