import { expect } from 'chai';
import { failure, session, test } from '../../reports/records.fixture.js';
import { groupSessions } from '../../reports/records.js';
import { driversPage } from './drivers-page.js';

describe('the page of drivers', () => {
  const expectation = { verdict: 'fail', reason: 'it wraps | badly', source: 'netfront.c:12', met: true } as const;
  const page = driversPage(
    groupSessions([
      session({ facts: { xen: '4.17', kernel: '6.1' } }),
      test(),
      failure({ expectation }),
      session({ target: 'other', facts: {} }),
      test({ target: 'other' }),
      failure({ target: 'other' }),
    ]),
  );

  it('has a row for each requirement that was observed, with a mark for each driver', () => {
    expect(page).to.match(/^\| \[RING-01\]\(requirements\.md#ring-01\) \| must \| .* \| yes \| yes \|$/m);
    expect(page).to.match(/^\| \[RING-09\]\(requirements\.md#ring-09\) \| must \| .* \| _1_ \| no \|$/m);
    expect(page).not.to.include('RING-02');
  });

  it('numbers the reasons of known deviations', () => {
    expect(page).to.include('1. it wraps \\| badly (netfront.c:12)');
  });

  it('shows versions, date and counts', () => {
    expect(page).to.include('| linux | 2026-01-02 | 4.17 | 6.1 | 2 | 1 | 1 | 0 | 0 |');
    expect(page).to.include('| other | 2026-01-02 | - | - | 2 | 1 | 0 | 1 | 0 |');
  });
});
