import { expect } from 'chai';
import fc from 'fast-check';
import type { Failure } from '../harness/run/record.js';
import type { TraceStep } from '../harness/xen/traced.js';

import { explain, headline, reproduce } from './explain.js';
import { printable } from '../harness/base/text.js';
import { describeSample, failure, HOSTILE, saying, session, test } from './records.fixture.js';

describe('explaining a test', () => {
  it('prints requirement, expectation, observation, logs and the command that reproduces it, in this order', () => {
    expect(explain(session(), failure({ detail: 'more', infos: ['4 rounds'] }), describeSample)).to.deep.equal([
      'Requirement: RING-09: a response carries the id of its request (must; netif.h, "Ring"; docs/requirements.md#ring-09)',
      'About: id',
      'Expected: to be at most 255',
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

  it('shows subject, expectation and observation, if known', () => {
    const said = (found: Failure): string[] => {
      const checks = [{ requirements: [], verdict: 'fail', failure: found }] as const;
      return explain(session(), test({ verdict: 'fail', checks }), describeSample).filter((line) =>
        /^(About|Exp|Obs)/.test(line),
      );
    };
    expect(said({ expected: 'ARP reply', withinMs: 2000 })).to.deep.equal([
      'Expected: ARP reply',
      'Observed: nothing within 2000 ms',
    ]);
    expect(said({ observed: 'no answer in 2 s' })).to.deep.equal(['Observed: no answer in 2 s']);
    expect(said({ about: 'status', expected: 'to be one of [ -1, -2 ]', observed: '-3' })).to.deep.equal([
      'About: status',
      'Expected: to be one of [ -1, -2 ]',
      'Observed: -3',
    ]);
  });

  it('names the requirements that a test did not reach', () => {
    const lines = explain(session(), failure({ checks: [], unreached: ['RING-09'] }), describeSample);
    expect(lines[0]).to.equal(
      'Not reached: RING-09: a response carries the id of its request (must; netif.h, "Ring"; docs/requirements.md#ring-09)',
    );
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

  it('quotes arguments for the shell', () => {
    expect(reproduce(session({ command: ['netifspec', 'run', '--target', "it's; rm"] }), test())).to.equal(
      `netifspec run --target 'it'\\''s; rm' --test frontend.rings.one --seed 7`,
    );
  });

  it('makes hostile text printable', () => {
    expect(printable(HOSTILE)).to.equal(
      'a]]>b]]>c<script>alert(1)</script>&"\'\\x00\\x07red\ufffd\\uffff\\u202e\nlast',
    );
    expect(headline(test({ ...saying('fail', '\x1b]0;title\x07one\ntwo') }))).to.equal('one');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.to.match(/[^\t\n\x20-\x7e\xa0-\ufffd\u{10000}-\u{10ffff}]|\p{Surrogate}/u);
      }),
    );
  });
});
