import { expect } from 'chai';
import { merge } from './merge.js';
import { exitCode, groupSessions, shortfall, summarise } from './records.js';
import { end, failure, session, skipped, test } from './records.fixture.js';

describe('merged runs', () => {
  const one = test({ id: 'frontend.rings.one' });
  const two = test({ id: 'frontend.rings.two' });

  it('join the shards of a target, and do not change other targets', () => {
    const [joined, other, ...more] = merge([
      ...groupSessions([session({ planned: 1, started: '2026-01-02T03:04:06Z' }), one, end()]),
      ...groupSessions([session({ target: 'bsd' }), one, end({ target: 'bsd' })]),
      ...groupSessions([session({ planned: 1 }), two, end()]),
    ]);
    expect(joined?.session).to.include({ target: 'linux', planned: 2, started: '2026-01-02T03:04:05Z' });
    expect(joined?.tests.map(({ id }) => id)).to.deep.equal([one.id, two.id]);
    expect(joined && shortfall(joined)).to.equal(undefined);
    expect(other?.session.target).to.equal('bsd');
    expect(more).to.deep.equal([]);
  });

  it('count a test of several shards once, with its worst result', () => {
    const connect = test({ id: 'frontend.xenbus.connect', chapter: 'xenbus' });
    const broken = failure({ id: connect.id });
    const [joined] = merge([
      ...groupSessions([session({ planned: 1 }), connect, end()]),
      ...groupSessions([session({ planned: 2 }), broken, two, end()]),
    ]);
    expect(joined?.session.planned).to.equal(2);
    expect(joined?.tests).to.deep.equal([broken, two]);
  });

  it('count a test of the monitor once, from a part that observed it', () => {
    const watched = test({ id: 'frontend.monitor.ring-01', chapter: 'monitor' });
    const unseen = skipped('its situation did not arise', { id: watched.id, chapter: 'monitor' });
    const part = (shard: string, ...tests: (typeof one)[]) =>
      groupSessions([session({ planned: tests.length, shard }), ...tests, end()]);
    const [joined, ...more] = merge([...part('1/2', one, watched), ...part('2/2', two, unseen)]);
    expect(more).to.deep.equal([]);
    expect(joined?.tests).to.deep.equal([one, two, watched]);
    expect(joined && shortfall(joined)).to.equal(undefined);
  });

  it('count as stopped if a part stopped at the limit of failures', () => {
    const stopped = end({ complete: false, reason: 'stopped after 1 failure', stoppedAfter: 1 });
    const [joined] = merge([
      ...groupSessions([session({ planned: 5 }), failure({ id: one.id }), stopped]),
      ...groupSessions([session({ planned: 1 }), two, end()]),
    ]);
    expect(joined?.end).to.include({ complete: false, stoppedAfter: 1 });
    expect(exitCode(joined ? [joined] : [], { strict: false })).to.equal(1);
  });

  it('stay separate if they have a test in common', () => {
    const run = (...tests: (typeof one)[]) => groupSessions([session({ planned: tests.length }), ...tests, end()]);
    const merged = merge([...run(one, two), ...run(failure({ id: one.id })), ...run(one)]);
    expect(merged.map(({ session: { target }, tests }) => [target, tests.length])).to.deep.equal([
      ['linux', 2],
      ['linux (2)', 1],
      ['linux (3)', 1],
    ]);
    expect(merged[1]?.tests[0]?.target).to.equal('linux (2)');
  });

  it('are incomplete if a part is missing', () => {
    const part = (shard: string) => groupSessions([session({ planned: 1, shard }), one, end()]);
    expect(merge(part('1/2')).map(shortfall)).to.deep.equal(['the run was cut short: part 2/2 is missing']);
    const [whole] = merge([...part('1/2'), ...groupSessions([session({ planned: 1, shard: '2/2' }), two, end()])]);
    expect(whole && shortfall(whole)).to.equal(undefined);
    expect(whole?.session).not.to.have.property('shard');
  });

  it('are rejected if parts of a target were run with different --spec', () => {
    const held = (spec: string, of: typeof one) => groupSessions([session({ facts: { spec } }), of, end()]);
    expect(() => merge([...held('a', one), ...held('b', two)])).to.throw(
      'linux: its parts were run with different --spec (a; b); run them again with the same one',
    );
  });

  it('are incomplete if a shard was killed, was cut short or lacks a test', () => {
    const whole = groupSessions([session({ planned: 1 }), one, end()]);
    const killed = groupSessions([session({ planned: 1 }), two]);
    const cut = groupSessions([session({ planned: 1 }), two, end({ complete: false, reason: 'interrupted' })]);
    const short = groupSessions([session({ planned: 2 }), two, end()]);
    const problems = [killed, cut, short].map((shard) => merge([...whole, ...shard]).map(shortfall)[0]);
    expect(problems).to.deep.equal([
      'the run was killed: it has no end record',
      'the run was cut short: interrupted',
      '2 of 3 planned tests have a result',
    ]);
    expect(merge(whole).map((group) => summarise(group, false).complete)).to.deep.equal([true]);
  });
});
