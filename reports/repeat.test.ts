import { expect } from 'chai';
import type { TestRecord } from '../harness/run/record.js';
import type { Group } from './records.js';
import { differences, printDifferences } from './repeat.js';
import { end, failure, session, skipped, test } from './test-records.js';

const round = (...tests: TestRecord[]): Group[] => [{ session: session(), tests, end: end() }];

describe('repeated runs', () => {
  it('say so when no verdict differs', () => {
    const rounds = [round(test(), failure()), round(test({ durationMs: 99 }), failure())];
    const found = differences(rounds, false);
    expect(found).to.deep.equal([]);
    expect(printDifferences(rounds, found)).to.equal('2 rounds of 2 tests: no verdict differs\n');
  });

  it('name each test that came out otherwise, or not at all, with its rounds', () => {
    const rounds = [
      round(test(), test({ id: 'frontend.rings.two' })),
      round(test({ verdict: 'warn' }), test({ id: 'frontend.rings.two' })),
      round(test()),
    ];
    const found = differences(rounds, false);
    expect(printDifferences(rounds, found)).to.equal(`3 rounds of 2 tests: 2 verdicts differ:
  linux              frontend.rings.one                           passed 2 (round 1, 3); warned 1 (round 2)
  linux              frontend.rings.two                           passed 2 (round 1, 2); missing 1 (round 3)
`);
  });

  it('see a skip and a known deviation as outcomes of their own', () => {
    const known = failure({ expectation: { verdict: 'fail', reason: 'r', source: 's', met: true } });
    const rounds = [round(test(), known), round(skipped('no'), failure())];
    expect(differences(rounds, false).map(({ id }) => id)).to.deep.equal(['frontend.rings.one', 'frontend.rings.foo']);
  });
});
