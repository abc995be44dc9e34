import { expect } from 'chai';
import { differences, printDifferences, type Result } from './repeat.js';
import { failure, skipped, test } from './records.fixture.js';

const round = (...tests: Result[]): Result[] => tests;

describe('repeated runs', () => {
  it('report that no verdict differs', () => {
    const rounds = [round(test(), failure()), round(test({ durationMs: 99 }), failure())];
    const found = differences(rounds, false);
    expect(found).to.deep.equal([]);
    expect(printDifferences(rounds, found, 'round')).to.equal('2 rounds of 2 tests: no verdict differs\n');
  });

  it('name each test with a different or missing verdict, with its rounds', () => {
    const rounds = [
      round(test(), test({ id: 'frontend.rings.two' })),
      round(test({ verdict: 'warn' }), test({ id: 'frontend.rings.two' })),
      round(test()),
    ];
    const found = differences(rounds, false);
    expect(printDifferences(rounds, found, 'round')).to.equal(`3 rounds of 2 tests: 2 verdicts differ:
  linux              frontend.rings.one                           passed 2 (round 1, 3); warned 1 (round 2)
  linux              frontend.rings.two                           passed 2 (round 1, 2); missing 1 (round 3)
`);
  });

  it('name only some rounds if there are many', () => {
    const rounds = [round(test({ verdict: 'warn' })), ...Array.from({ length: 9 }, () => round(test()))];
    expect(printDifferences(rounds, differences(rounds, false), 'seed')).to
      .equal(`10 seeds of 1 tests: 1 verdict differs:
  linux              frontend.rings.one                           warned 1 (seed 1); passed 9 (seed 2, 3, 4, 5, 6, …)
`);
  });

  it('distinguish skips and known deviations from other outcomes', () => {
    const known = failure({ expectation: { verdict: 'fail', reason: 'r', source: 's', met: true } });
    const rounds = [round(test(), known), round(skipped('no'), failure())];
    expect(differences(rounds, false).map(({ id }) => id)).to.deep.equal(['frontend.rings.one', 'frontend.rings.foo']);
  });
});
