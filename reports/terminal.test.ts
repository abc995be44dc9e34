import { expect } from 'chai';
import { Writable } from 'node:stream';

import { groupSessions } from './records.js';
import { TerminalReporter, type TerminalOptions } from './terminal.js';
import { describeSample, end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

const records = [
  session({ planned: 5 }),
  test(),
  failure(),
  test({ id: 'frontend.sg.a', chapter: 'sg', ...saying('warn', 'slow') }),
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
  it('prints a line per chapter, failures in full at once, and a summary', () => {
    expect(print().replace(/ +$/gm, '')).to.equal(`linux (frontend, simulated, seed 7): 5 tests planned
FAIL frontend.rings.foo  text: RING-09: id: expected 4096 to be at most 255
  responds to one request
    Requirement: RING-09: a response carries the id of its request (must; netif.h, "Ring"; docs/requirements.md#ring-09)
    About: id
    Expected: to be at most 255
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
  responds to one request
    Observed: slow
    Test: frontend.sg.a at suites/frontend/rings.ts:12
    Reproduce: netifspec run --target linux.yaml --test frontend.sg.a --seed 7
frontend/sg                    1 warned, 1 known, 1 skipped

linux: 4 of 5 tests executed in 0.1 s
  passed                   1
  warned                   1
  failed                   1
    1 test: text: id: expected 4096 to be at most 255 (in frontend.rings.foo)
  errors                   0
  known deviations         1
  skipped                  1
        1  no feature-sg
  requirements checked     2 of 3
`);
  });

  it('names every test with --verbose', () => {
    const text = print({ verbose: true });
    expect(text).to.include('PASS frontend.rings.one\n').and.include('SKIP frontend.sg.b  no feature-sg\n');
    expect(text).to.include('KNOWN frontend.sg.c  text: id: expected 4096');
  });

  it('explains a limited number of failures, and all with --verbose', () => {
    const many = Array.from({ length: 30 }, (_, n) =>
      failure({ id: `frontend.rings.n${n}`, ...saying('fail', `status ${n}`) }),
    );
    const explained = (text: string): number => text.split('Reproduce: ').length - 1;
    const text = print({}, [session({ planned: 30 }), ...many, end()]);
    expect(explained(text)).to.equal(20);
    expect(text).to.match(/^\(from here on one line each; .*\)\nFAIL frontend\.rings\.n20 {2}.*\nFAIL frontend/m);
    expect(explained(print({ verbose: true }, [session({ planned: 30 }), ...many, end()]))).to.equal(30);
  });

  it('explains few failures of the same cause, and groups them', () => {
    const message = (n: number): string => `no ARP reply from 198.18.${n}.2`;
    const many = Array.from({ length: 9 }, (_, n) => failure({ class: 'setup', ...saying('fail', message(n)) }));
    const text = print({}, [session({ planned: 9 }), ...many, end()]);
    expect(text.split('Reproduce: ')).to.have.length(4);
    expect(text).to.match(
      /^ {2}failed +9\n {4}9 tests: setup: no ARP reply from 198\.18\.N\.2 \(first in frontend\.rings\.foo\)$/m,
    );
  });

  it('reports a race that was not reproduced', () => {
    const raced = test({ id: 'frontend.rings.race', rounds: 300 });
    const text = print({ verbose: true }, [session(), raced, end()]);
    expect(text).to.include('PASS frontend.rings.race  not reproduced in 300 rounds\n');
  });

  it('explains why chapters appear twice', () => {
    const last = test({ id: 'frontend.rings.noise' });
    const text = print({ destructive: (id) => id.endsWith('noise') }, [session({ planned: 2 }), test(), last, end()]);
    expect(text).to.match(/^frontend\/rings +1 passed\nDestructive tests, .* run last:\nfrontend\/rings +1 passed\n/m);
  });

  it('rewrites the line of the running chapter on a terminal only', () => {
    expect(print({ tty: true })).to.include('\r\x1b[Kfrontend/rings                 1 passed  (1 of 5)\r\x1b[KFAIL');
    expect(print()).not.to.match(/[\r\x1b]/);
  });

  it('estimates the remaining time of a long run', () => {
    const slow = [session({ planned: 40 }), test({ durationMs: 2000 }), test({ durationMs: 4000 })];
    expect(print({ tty: true }, slow))
      .to.include('1 passed  (1 of 40)')
      .and.include('(2 of 40, about 2 min left)');
  });

  it('colours words only on request', () => {
    expect(print({ color: true })).to.include('\x1b[31mFAIL\x1b[0m frontend.rings.foo');
  });

  it('counts a warning as failed when strict', () => {
    expect(print({ strict: true }))
      .to.include('FAIL frontend.sg.a  slow')
      .and.match(/failed +2\n/);
  });

  it('reports an incomplete and a missing run', () => {
    expect(print({}, records.slice(0, 3))).to.include('INCOMPLETE: the run was killed: it has no end record');
    expect(print({}, [])).to.equal('no session was run\n');
  });

  it('removes terminal sequences of a driver', () => {
    const text = print({}, [
      session({ target: HOSTILE }),
      failure({ title: HOSTILE, ...saying('fail', HOSTILE) }),
      skipped(HOSTILE),
      end(),
    ]);
    expect(text).not.to.match(/[\0\x07\x1b\r]/);
  });
});
