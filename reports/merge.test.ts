import { expect } from 'chai';
import { merge } from './merge.js';
import { groupSessions, shortfall, summarise } from './records.js';
import { end, failure, session, test } from './test-records.js';

describe('merged runs', () => {
  const one = test({ id: 'frontend.rings.one' });
  const two = test({ id: 'frontend.rings.two' });

  it('join the shards of a target, and let other targets be', () => {
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

  it('count a test once that several shards ran, as the worst that it came to', () => {
    const connect = test({ id: 'frontend.xenbus.connect', chapter: 'xenbus' });
    const broken = failure({ id: connect.id });
    const [joined] = merge([
      ...groupSessions([session({ planned: 1 }), connect, end()]),
      ...groupSessions([session({ planned: 2 }), broken, two, end()]),
    ]);
    expect(joined?.session.planned).to.equal(2);
    expect(joined?.tests).to.deep.equal([broken, two]);
  });

  it('stand side by side where one has a test that another has', () => {
    const run = (...tests: (typeof one)[]) => groupSessions([session({ planned: tests.length }), ...tests, end()]);
    const merged = merge([...run(one, two), ...run(failure({ id: one.id })), ...run(one)]);
    expect(merged.map(({ session: { target }, tests }) => [target, tests.length])).to.deep.equal([
      ['linux', 2],
      ['linux (2)', 1],
      ['linux (3)', 1],
    ]);
    expect(merged[1]?.tests[0]?.target).to.equal('linux (2)');
  });

  it('are not complete without each part of the run', () => {
    const part = (shard: string) => groupSessions([session({ planned: 1, shard }), one, end()]);
    expect(merge(part('1/2')).map(shortfall)).to.deep.equal(['the run was cut short: part 2/2 is missing']);
    const [whole] = merge([...part('1/2'), ...groupSessions([session({ planned: 1, shard: '2/2' }), two, end()])]);
    expect(whole && shortfall(whole)).to.equal(undefined);
    expect(whole?.session).not.to.have.property('shard');
  });

  it('are none where the texts that a target was held to differ', () => {
    const held = (spec: string, of: typeof one) => groupSessions([session({ facts: { spec } }), of, end()]);
    expect(() => merge([...held('a', one), ...held('b', two)])).to.throw('linux was held to several texts: a; b');
  });

  it('are not complete if a shard was killed, was cut or lacks a test', () => {
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
