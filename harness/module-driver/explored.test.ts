import { expect } from 'chai';
import type { ResultRecord } from '../run/record.js';
import { NEWEST_TEXT } from '../run/requirement.js';
import { exploreWatched } from './explored.js';

const MODULE = new URL('./samples/throwing.js', import.meta.url).pathname;

describe('an exploration of a module', function () {
  this.timeout(120_000);

  it('ends as a failure with the steps so far when the driver throws', async () => {
    const records: ResultRecord[] = [];
    await exploreWatched(
      {
        module: MODULE,
        name: 'throwing',
        command: [],
        role: 'backend',
        tests: [],
        seed: 1,
        slow: false,
        spec: NEWEST_TEXT,
        traceAll: false,
        explore: { limits: { sequences: 20, seed: 1 } },
      },
      (record) => records.push(record),
      new AbortController().signal,
    );
    const [session, test, end] = records;
    expect(session).to.include({ type: 'session', target: 'throwing' });
    expect(test).to.include({ id: 'backend.explore.other', verdict: 'fail', class: 'guest-crash' });
    expect(test?.type === 'test' && test.script?.steps.length).to.be.above(0);
    expect(end).to.include({ type: 'end', complete: false, stoppedAfter: 1 });
  });
});
