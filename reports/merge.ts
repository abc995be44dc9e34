/** Merges several runs: parts of a target become one session; other targets and other runs stay separate sessions. */
import { joinedFeatures } from '../harness/run/declared.js';
import { anchorOf, type TestRecord } from '../harness/run/record.js';
import { type Group, outcome, OUTCOMES } from './records.js';

/**
 * The sessions of several runs, with the parts of each run joined, in the order of the targets. A test that all parts
 * have (the connection test and the tests of the monitor) counts once, with its worst record; the results for declared
 * features are added up. If a part is missing, the session is incomplete. A session that has a test of an earlier
 * session of the same target is not a part but another run: its target gets a number, `linux (2)`.
 *
 * @throws Error if parts of one run used different versions of the header
 */
export function merge(groups: readonly Group[]): Group[] {
  const seen = new Map<string, number>();
  return joined(groups).map((group) => {
    const { target, role } = group.session;
    const key = `${target} ${role}`;
    const number = (seen.get(key) ?? 0) + 1;
    seen.set(key, number);
    return number === 1 ? group : renamed(group, `${target} (${number})`);
  });
}

/** Like {@link merge}, but all runs of a target keep its name. */
export function joined(groups: readonly Group[]): Group[] {
  interface Run {
    readonly parts: Group[];
    /** Ids of the tests that one part alone has. */
    readonly tests: Set<string>;
  }
  const runs = new Map<string, Run[]>();
  const all: Run[] = [];
  for (const group of groups) {
    const { target, role } = group.session;
    const same = runs.get(`${role} ${target}`) ?? [];
    runs.set(`${role} ${target}`, same);
    const own = ownTests(group);
    let run = same.find(({ tests }) => own.every((id) => !tests.has(id)));
    if (!run) {
      run = { parts: [], tests: new Set() };
      same.push(run);
      all.push(run);
    }
    run.parts.push(group);
    for (const id of own) run.tests.add(id);
  }
  return all.map(({ parts }) => join(parts));
}

/** Chapters whose records depend on all tests of a part. */
const OF_EVERY_PART = ['session', 'monitor'];

/** The ids of the tests of a group that not every part of its run has. */
function ownTests({ tests }: Group): string[] {
  return tests
    .filter(({ chapter, id, role }) => !OF_EVERY_PART.includes(chapter) && id !== anchorOf(role))
    .map(({ id }) => id);
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
  if (texts.size > 1)
    throw new Error(
      `${first.session.target}: its parts were run with different --spec (${[...texts].join('; ')}); run them again with the same one`,
    );
  const tests = new Map<string, TestRecord>();
  for (const test of shards.flatMap((shard) => shard.tests)) {
    const known = tests.get(test.id);
    tests.set(test.id, known ? (test.chapter === 'session' ? joinedFeatures : worst)(known, test) : test);
  }
  // The tests about the whole run come last, as in a run without parts.
  const ordered = [...tests.values()].toSorted(
    (a, b) => Number(OF_EVERY_PART.includes(a.chapter)) - Number(OF_EVERY_PART.includes(b.chapter)),
  );
  // Each shard planned its own tests, so a test of several shards was planned several times.
  const twice = shards.reduce((sum, shard) => sum + shard.tests.length, 0) - tests.size;
  const planned = shards.reduce((sum, { session }) => sum + session.planned, 0) - twice;
  const started = shards.map(({ session }) => session.started).sort()[0] ?? first.session.started;
  const ends = shards.flatMap(({ end }) => end ?? []);
  const session = { ...first.session, started, planned };
  delete session.shard;
  if (ends.length < shards.length) return { session, tests: ordered };
  const finished =
    ends
      .map((end) => end.finished)
      .sort()
      .at(-1) ?? started;
  const reason = ends.find(({ complete }) => !complete)?.reason ?? missing;
  const complete = ends.every((end) => end.complete) && missing === undefined;
  const cut = ends.filter((end) => !end.complete);
  const stops = cut.flatMap((end) => end.stoppedAfter ?? []);
  const stopped = missing === undefined && cut.length > 0 && stops.length === cut.length;
  const stoppedAfter = stops.reduce((sum, failures) => sum + failures, 0);
  const { target } = session;
  return {
    session,
    tests: ordered,
    end: {
      type: 'end',
      target,
      finished,
      complete,
      ...(reason === undefined ? {} : { reason }),
      ...(stopped ? { stoppedAfter } : {}),
    },
  };
}

/** The missing parts of a run, in words; undefined if all sessions are present. */
function missingPart(shards: readonly Group[]): string | undefined {
  const parts = shards.flatMap(({ session }) => session.shard ?? []);
  const count = Math.max(0, ...parts.map((part) => Number(part.split('/')[1])));
  const missing = Array.from({ length: count }, (_, n) => `${n + 1}/${count}`).filter((part) => !parts.includes(part));
  return missing.length === 0 ? undefined : `part ${missing.join(', ')} is missing`;
}

/** The worse of two records of a test; an executed test takes precedence over a skipped one. */
function worst(a: TestRecord, b: TestRecord): TestRecord {
  const rank = (test: TestRecord): number =>
    test.verdict === 'skip' ? Infinity : OUTCOMES.indexOf(outcome(test, false));
  return rank(b) < rank(a) ? b : a;
}
