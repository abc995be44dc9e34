import { expect } from 'chai';
import fc from 'fast-check';
import type { TraceStep } from '../harness/xen/traced.js';

import { explain, headline, printable, reproduce } from './explain.js';
import { describeSample, failure, HOSTILE, session, test } from './test-records.js';

describe('explaining a test', () => {
  it('names requirement, expected, observed, logs and how to run it again, in this order', () => {
    expect(explain(session(), failure({ detail: 'more', infos: ['4 rounds'] }), describeSample)).to.deep.equal([
      'Requirement: RING-09: a response carries the id of its request (must; netif.h, "Ring")',
      'Expected: an id from 0 to 255',
      'Observed: 4096',
      'more',
      'Note: 4 rounds',
      'Kernel log:',
      '  net eth0: bad id',
      'Trace:',
      '         0.100 harness > driver   post 8 requests',
      '         0.200 driver > harness   response 4096',
      'Test: frontend.rings.foo at suites/frontend/rings.ts:12',
      'Reproduce: netifspec run --target linux.yaml --test frontend.rings.foo --seed 7',
    ]);
  });

  it('shows a message of another form as it is, and what it is about', () => {
    const said = (message: string): string[] =>
      explain(session(), test({ verdict: 'fail', message }), describeSample).filter((line) =>
        /^(About|Exp|Obs)/.test(line),
      );
    expect(said('no ARP reply within 2000 ms')).to.deep.equal([
      'Expected: ARP reply',
      'Observed: nothing of it within 2000 ms',
    ]);
    expect(said('no answer in 2 s')).to.deep.equal(['Observed: no answer in 2 s']);
    expect(said('status of the bad buffer: expected -3 to be one of [ -1, -2 ]')).to.deep.equal([
      'About: status of the bad buffer',
      'Expected: to be one of [ -1, -2 ]',
      'Observed: -3',
    ]);
    expect(said("expected '5' not to match /5/")).to.deep.equal(['Expected: not to match /5/', "Observed: '5'"]);
    expect(said('queue 1: expected 3; got 4')).to.deep.equal(['About: queue 1', 'Expected: 3', 'Observed: 4']);
  });

  it('names what a test did not come to', () => {
    const lines = explain(session(), failure({ checks: [], unreached: ['RING-09'] }), describeSample);
    expect(lines[0]).to.equal('Not reached: RING-09: a response carries the id of its request (must; netif.h, "Ring")');
  });

  it('keeps the end of a long trace', () => {
    const trace = Array.from({ length: 100 }, (_, index): TraceStep => {
      return { at: index, from: 'driver', to: 'harness', what: `event ${index}` };
    });
    const has = (event: number) => (lines: string[]) => lines.some((line) => line.endsWith(` event ${event}`));
    const lines = explain(session(), failure({ trace }), describeSample);
    expect(lines).to.include('Trace (last 40 of 100 lines):').and.to.satisfy(has(99)).and.to.satisfy(has(60));
    expect(lines).not.to.satisfy(has(59));
    expect(
      Math.max(...explain(session(), failure({ detail: 'x'.repeat(9999) }), describeSample).map((l) => l.length)),
    ).to.equal(500);
  });

  it('quotes what a shell would take apart', () => {
    expect(reproduce(session({ command: ['netifspec', 'run', '--target', "it's; rm"] }), test())).to.equal(
      `netifspec run --target 'it'\\''s; rm' --test frontend.rings.one --seed 7`,
    );
  });

  it('makes hostile text printable', () => {
    expect(printable(HOSTILE)).to.equal(
      'a]]>b]]>c<script>alert(1)</script>&"\'\\x00\\x07red\ufffd\\uffff\\u202e\nlast',
    );
    expect(headline(test({ verdict: 'fail', message: '\x1b]0;title\x07one\ntwo' }))).to.equal('one');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.to.match(/[^\t\n\x20-\x7e\xa0-\ufffd\u{10000}-\u{10ffff}]|\p{Surrogate}/u);
      }),
    );
  });
});
