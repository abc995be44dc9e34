import { expect } from 'chai';
import { Writable } from 'node:stream';

import { groupSessions } from './records.js';
import { TerminalReporter, type TerminalOptions } from './terminal.js';
import { describeSample, end, failure, HOSTILE, session, skipped, test } from './test-records.js';

const records = [
  session({ planned: 5 }),
  test(),
  failure(),
  test({ id: 'frontend.sg.a', chapter: 'sg', verdict: 'warn', message: 'slow', checks: [] }),
  skipped('no feature-sg', { id: 'frontend.sg.b', chapter: 'sg' }),
  failure({
    id: 'frontend.sg.c',
    chapter: 'sg',
    expectation: { verdict: 'fail', reason: 'old', source: 's', met: true },
  }),
  end(),
];

function print(options: Partial<TerminalOptions> = {}, of: readonly (typeof records)[number][] = records): string {
  let text = '';
  const out = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const reporter = new TerminalReporter(out, { tty: false, color: false, describe: describeSample, ...options });
  of.forEach((record) => reporter.record(record));
  reporter.summary(groupSessions(of));
  return text;
}

describe('terminal', () => {
  it('prints a line a chapter, bad tests in full at once, and a summary', () => {
    expect(print().replace(/ +$/gm, '')).to.equal(`linux (frontend, simulated, seed 7): 5 tests planned
FAIL frontend.rings.foo  RING-09: expected an id from 0 to 255, observed 4096
  answers one request
    Requirement: RING-09: a response carries the id of its request (must; netif.h, "Ring")
    Expected: an id from 0 to 255
    Observed: 4096
    Kernel log:
      net eth0: bad id
    Trace:
             0.100 harness > driver   post 8 requests
             0.200 driver > harness   response 4096
    Test: frontend.rings.foo at suites/frontend/rings.ts:12
    Reproduce: netifspec run --target linux.yaml --test frontend.rings.foo --seed 7
frontend/rings                 1 passed, 1 failed
WARN frontend.sg.a  slow
  answers one request
    Observed: slow
    Test: frontend.sg.a at suites/frontend/rings.ts:12
    Reproduce: netifspec run --target linux.yaml --test frontend.sg.a --seed 7
frontend/sg                    1 warned, 1 known, 1 skipped

linux: 4 of 5 tests executed in 0.1 s
  passed                   1
  warned                   1
  failed                   1
    frontend.rings.foo
  errors                   0
  known deviations         1
  skipped                  1
        1  no feature-sg
  statements checked       2 of 3
`);
  });

  it('names every test when verbose', () => {
    const text = print({ verbose: true });
    expect(text).to.include('PASS frontend.rings.one\n').and.include('SKIP frontend.sg.b  no feature-sg\n');
    expect(text).to.include('KNOWN frontend.sg.c  expected an id');
  });

  it('explains as many failures as somebody may read, and all when verbose', () => {
    const many = Array.from({ length: 30 }, (_, n) => failure({ id: `frontend.rings.n${n}` }));
    const explained = (text: string): number => text.split('Reproduce: ').length - 1;
    const text = print({}, [session({ planned: 30 }), ...many, end()]);
    expect(explained(text)).to.equal(20);
    expect(text).to.match(/^\(from here on a line each: .*\)\nFAIL frontend\.rings\.n20 {2}.*\nFAIL frontend/m);
    expect(explained(print({ verbose: true }, [session({ planned: 30 }), ...many, end()]))).to.equal(30);
  });

  it('says of a race that was not seen just that', () => {
    const raced = test({ id: 'frontend.rings.race', rounds: 300 });
    const text = print({ verbose: true }, [session(), raced, end()]);
    expect(text).to.include('PASS frontend.rings.race  not reproduced in 300 rounds\n');
  });

  it('rewrites the line of the running chapter on a terminal only', () => {
    expect(print({ tty: true })).to.include('\r\x1b[Kfrontend/rings                 1 passed  (1 of 5)\r\x1b[KFAIL');
    expect(print()).not.to.match(/[\r\x1b]/);
  });

  it('estimates what is left of a long run', () => {
    const slow = [session({ planned: 40 }), test({ durationMs: 2000 }), test({ durationMs: 4000 })];
    expect(print({ tty: true }, slow))
      .to.include('1 passed  (1 of 40)')
      .and.include('(2 of 40, about 2 min left)');
  });

  it('colours words only when asked to', () => {
    expect(print({ color: true })).to.include('\x1b[31mFAIL\x1b[0m frontend.rings.foo');
  });

  it('counts a warning as failed when strict', () => {
    expect(print({ strict: true }))
      .to.include('FAIL frontend.sg.a  slow')
      .and.match(/failed +2\n/);
  });

  it('says that a run is not complete, and that there was none', () => {
    expect(print({}, records.slice(0, 3))).to.include('INCOMPLETE: the run was killed: it has no end record');
    expect(print({}, [])).to.equal('no session was run\n');
  });

  it('lets no terminal sequence of an IUT through', () => {
    const text = print({}, [
      session({ target: HOSTILE }),
      failure({ title: HOSTILE, message: HOSTILE }),
      skipped(HOSTILE),
      end(),
    ]);
    expect(text).not.to.match(/[\0\x07\x1b\r]/);
  });
});
