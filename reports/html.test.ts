import { expect } from 'chai';

import { html } from './html.js';
import type { Group } from './records.js';
import { end, failure, HOSTILE, RULES, saying, session, skipped, test } from './records.fixture.js';

function page(groups: Group[], options: Partial<Parameters<typeof html>[1]> = {}): string {
  return [...html(groups, { strict: false, catalogue: RULES, ...options })].join('');
}

/** A section of the page. */
function section(text: string, id: string): string {
  const [, after = ''] = text.split(`<section id="${id}">`);
  return after.split('<section id="')[0] ?? '';
}

/** Markup without its tags, in one line. */
const plain = (text: string): string =>
  text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

const whole: Group = {
  session: session({ planned: 4 }),
  tests: [
    test(),
    failure(),
    skipped('no feature-sg', { id: 'frontend.sg.a', chapter: 'sg' }),
    failure({
      id: 'frontend.rings.old',
      expectation: { verdict: 'fail', reason: 'old', source: 'netfront.c', link: 'https://bugs/1', met: true },
    }),
  ],
  end: end(),
};
const bsd: Group = { session: session({ target: 'bsd' }), tests: [test({ target: 'bsd' })], end: end() };

describe('HTML', () => {
  it('begins with the result, and what ran when on what', () => {
    const [head = ''] = page([whole]).split('</header>');
    expect(head).to.match(/^<!doctype html>/);
    const text = plain(head);
    expect(text).to.include('linux: 1 of 3 tests failed').and.include('1 failed 1 known 1 passed 1 skipped');
    expect(text).to.include('Date 2026-01-02 03:04 UTC Duration 1 min').and.include('Tests executed 3 of 4');
    expect(text).to.include('Driver xen-netfront Kernel 6.1.192 netifspec 0.1.0 Xen adapter simulated, seed 7');
    expect(text).to.include('1 advertised key feature-sg 1').and.include('Reasons of skipped tests 1 no feature-sg');
    expect(head).to.include('<a href="#show=skipped&#38;find=linux+no+feature-sg">');
  });

  it('reports missing results', () => {
    const killed = plain(page([{ session: session(), tests: [] }]));
    expect(killed).to.include('linux: results are missing').and.include('the run was killed');
    expect(plain(page([{ ...whole, tests: [test()], session: session() }]))).to.include(
      'linux: all results are as expected',
    );
    expect(page([])).to.include('no results');
    const broken = test({ class: 'leak', ...saying('error', 'no host') });
    expect(plain(page([{ ...whole, tests: [broken], session: session() }]))).to.include(
      'linux: 1 of 1 test ended in an error',
    );
  });

  describe('failures', () => {
    it('come first, by cause, the first one open, with evidence', () => {
      const silent = [1, 2, 3, 4, 5, 6].map((n) =>
        failure({ id: `frontend.sg.${n}`, class: 'setup', ...saying('fail', `vif${n} is silent`) }),
      );
      const text = page([{ ...whole, tests: [test(), failure(), ...silent] }]);
      expect(text.indexOf('id="failures"')).to.be.lessThan(text.indexOf('id="requirements"'));
      const [, first = '', second = ''] = section(text, 'failures').split('<section class="cause failed">');
      expect(plain(first)).to.match(/^setup vifN is silent 6 tests fail frontend.sg.1/);
      expect(first)
        .to.include('1 more test')
        .and.match(/<details class="test failed" open>/);
      expect(second).not.to.include('open>');
      const details = plain(second);
      expect(details).to.match(/^text id: expected 4096 to be at most 255 1 test RING-09 a response carries/);
      expect(details)
        .to.include(
          'Requirement RING-09 a response carries the id of its request (must; netif.h, "Ring")'.replace(/"/g, '&#34;'),
        )
        .and.include('About id Expected to be at most 255 Observed 4096')
        .and.include('Reproduce netifspec run --target linux.yaml --test frontend.rings.foo --seed 7 copy')
        .and.include('net eth0: bad id');
    });

    it('have no section if there are none', () => {
      expect(page([bsd])).not.to.include('id="failures"');
    });

    it('link to the files of their traces', () => {
      const attachments = (): string[] => ['traces/linux/a.txt', 'traces/linux/a.pcapng'];
      const text = page([whole], { attachments });
      expect(text).to.include('<a href="traces/linux/a.txt">Trace, 2 steps</a>');
      expect(text).to.include('<a href="traces/linux/a.pcapng">Capture, 0 frames</a>');
    });

    it('show the diagram before the folded text', () => {
      const text = section(page([whole]), 'failures');
      expect(text).to.match(/<figure class="ladder"[^]*<details><summary>Trace as text<\/summary><pre>Trace:/);
    });

    it('have no more diagrams than a browser can show, at least one for each cause', () => {
      const same = Array.from({ length: 900 }, (_, n) => failure({ id: `frontend.a.${n}` }));
      const other = failure({ id: 'frontend.b', ...saying('fail', 'another') });
      const text = page([{ ...whole, tests: [...same, other] }]);
      expect(text.match(/<figure/g)).to.have.length(400);
      expect(text).to.match(/id="linux\/frontend\.b">[^]*<figure/);
    });
  });

  describe('tests', () => {
    it('have permanent names and links to their requirements', () => {
      const text = page([whole]);
      for (const id of ['rings.one', 'rings.foo', 'sg.a', 'rings.old'])
        expect(text.split(`id="linux/frontend.${id}"`)).to.have.length(2);
      expect(section(text, 'tests')).to.include('<a class="id" href="#linux/frontend.rings.foo">');
      expect(section(text, 'tests')).to.match(/frontend\.rings\.one<\/a>.*<a href="#RING-01">RING-01<\/a>/);
    });

    it('are in their chapters, with the outcomes counted', () => {
      const text = plain(section(page([whole]), 'tests'));
      expect(text).to.include('frontend/rings 1 failed, 1 known, 1 passed').and.include('frontend/sg 1 skipped');
      expect(text).to.include('no feature-sg').and.include('Known deviation fail: old (netfront.c)');
    });

    it('link to an issue of the web only', () => {
      expect(page([whole])).to.include('<a href="https://bugs/1" rel="noreferrer">');
      const expectation = { verdict: 'fail', reason: '', source: '', met: true, link: 'javascript:alert(1)' } as const;
      expect(page([{ ...whole, tests: [failure({ expectation })] }])).not.to.include('href="javascript');
    });
  });

  describe('requirements', () => {
    it('are in their chapters, also those without a result, with the tests that checked them', () => {
      const text = section(page([whole]), 'requirements');
      expect(plain(text)).to.match(/shared rings RING, 4 1 \/3/);
      const row = (id: string): string => text.split(`<tr id="${id}"`)[1]?.split('</tr>')[0] ?? '';
      expect(row('RING-09')).to.include(
        '<td class="failed"><a class="" href="#linux/frontend.rings.foo">broken</a></td>',
      );
      expect(row('RING-09')).to.include('href="#linux/frontend.rings.foo"><code>').and.include('rings.old');
      expect(row('RING-07'))
        .to.match(/^ class="untestable"/)
        .and.include('every driver conforms');
      expect(row('RING-10'))
        .to.include('no test of this run checks it')
        .and.include('<td class="unobserved">not observed');
      expect(text).not.to.include('RING-08');
    });

    it('are the front of a report of several drivers, as a table with their sums', () => {
      const backend: Group = { session: session({ target: 'xnb', role: 'backend' }), tests: [], end: end() };
      const text = page([whole, bsd, backend]);
      expect(text.indexOf('id="requirements"')).to.be.lessThan(text.indexOf('id="failures"'));
      const table = section(text, 'requirements');
      expect(plain(table)).to.include('backend frontends xnb linux bsd All requirements 5 0 /');
      const cells = [...(table.split('<tr id="RING-09"')[1]?.split('</tr>')[0] ?? '').matchAll(/<td class="(.*?)"/g)];
      expect(cells.map(([, kind]) => kind)).to.deep.equal(['unobserved', 'failed', 'unobserved']);
      expect(table).to.match(/<tr id="RING-08" class="unobserved unbound">/);
      expect(plain(section(text, 'drivers')))
        .to.include('bsd frontend')
        .and.include('0 of 1 planned tests'.slice(0, 4));
      expect(text).to.match(/<details class="driver" id="bsd-frontend" data-target="bsd">/);
    });

    it('are marked if drivers differ', () => {
      const bad: Group = {
        ...bsd,
        tests: [failure({ target: 'bsd', checks: [{ requirements: ['RING-01'], verdict: 'fail' }] })],
      };
      expect(page([whole, bad])).to.match(/<tr id="RING-01" class="passed failed differs">/);
      expect(page([whole, bsd])).to.match(/<tr id="RING-01" class="passed">/);
    });
  });

  it('counts a known deviation as known', () => {
    const known: Group = { ...whole, tests: whole.tests.slice(3) };
    expect(page([known]))
      .to.match(/<tr id="RING-09" class="known">/)
      .and.not.include('id="failures"');
  });

  it('escapes any text of a driver', () => {
    const spoilt = failure({
      id: HOSTILE,
      title: HOSTILE,
      chapter: HOSTILE,
      target: HOSTILE,
      kernelLog: [HOSTILE],
      trace: [{ at: 0, from: 'driver', to: 'harness', what: HOSTILE }],
      checks: [{ requirements: [HOSTILE], ...saying('fail', HOSTILE) }],
    });
    const facts = { [HOSTILE]: HOSTILE, driver: HOSTILE };
    const hostile: Group = {
      session: session({ target: HOSTILE, started: HOSTILE, facts, features: facts }),
      tests: [spoilt, skipped(HOSTILE), test({ infos: [HOSTILE] })],
      end: end(),
    };
    for (const groups of [[hostile], [hostile, bsd]]) {
      const text = page(groups, { attachments: () => [HOSTILE] });
      expect(text).not.to.include('<script>alert').and.not.include('\0').and.not.include('\x1b');
      expect(text.match(/<script>/g)).to.have.length(1);
      expect(text).to.include('&#60;script&#62;alert(1)');
      expect([...text.matchAll(/ id="([^"]*)"/g)].filter(([, id = '']) => /[\s&]/.test(id))).to.deep.equal([]);
    }
  });
});
