/** Several runs as one: shards of the same target become one session, other targets stand side by side. */
import { worse, type TestRecord } from '../harness/run/record.js';
import type { Group } from './records.js';

/**
 * The sessions of several runs with those of one target joined, in the order in which the targets came. A test that
 * several shards ran (the connection test that others stand on) counts once, by its worst record.
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
  const [first, ...others] = shards;
  if (!first || others.length === 0) return first ?? noShard();
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
  if (ends.length < shards.length) return { session, tests: [...tests.values()] };
  const finished =
    ends
      .map((end) => end.finished)
      .sort()
      .at(-1) ?? started;
  const cut = ends.find(({ complete }) => !complete);
  const { target } = session;
  return {
    session,
    tests: [...tests.values()],
    end: {
      type: 'end',
      target,
      finished,
      complete: !cut,
      ...(cut?.reason === undefined ? {} : { reason: cut.reason }),
    },
  };
}

function worst(a: TestRecord, b: TestRecord): TestRecord {
  return a.verdict === b.verdict || worse(a.verdict, b.verdict) === a.verdict ? a : b;
}

function noShard(): never {
  throw new Error('a target without a session');
}
