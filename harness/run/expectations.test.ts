import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Expectations, loadExpectations, type Expectation } from './expectations.js';
import { YamlFileError } from './yaml-file-error.js';
import { testMessage, type TestRecord } from './record.js';

function record(fields: Partial<TestRecord> = {}): TestRecord {
  return {
    type: 'test',
    target: 'linux',
    id: 'backend.ctrl.hash',
    title: 'sets the hash algorithm',
    role: 'backend',
    chapter: 'ctrl',
    verdict: 'fail',
    checks: saying('expected status 0, observed 1'),
    infos: [],
    durationMs: 1,
    location: 'suites/backend/ctrl.ts:1',
    ...fields,
  };
}

const saying = (text: string): TestRecord['checks'] => [
  { requirements: [], verdict: 'fail', failure: { observed: text } },
];

function entry(fields: Partial<Expectation> = {}): Expectation {
  return {
    test: 'backend.ctrl.*',
    verdict: 'fail',
    message: 'observed 1',
    reason: 'not supported',
    source: 'netback, hash.c, 6.1',
    location: 'known.yaml:1',
    ...fields,
  };
}

function judge(fields: Partial<TestRecord>, ...entries: Expectation[]): TestRecord {
  return new Expectations(entries).judge(record(fields), '2026-05-01');
}

describe('expectations', () => {
  it('is met by the verdict and message that it names', () => {
    const { reason, source } = entry();
    const expectation = { verdict: 'fail', reason, source, met: true };
    expect(judge({}, entry())).to.deep.equal(record({ expectation: expectation as never }));
    expect(judge({}, entry({ message: '/^expected .* [12]$/' })).expectation?.met).to.equal(true);
    expect(judge({}, entry({ message: 'Observed 1' })).expectation?.met).to.equal(false);
  });

  it('does not apply to other tests; only * is special in a glob', () => {
    for (const test of [
      'backend.ctrl',
      'ctrl.*',
      'backend?ctrl.hash',
      'backend.ctrl.has[h]',
      'BACKEND.*',
      'backendxctrl.*',
    ]) {
      expect(judge({}, entry({ test })), test).to.deep.equal(record());
    }
    for (const test of ['*', 'backend.*.hash', 'backend.ctrl.hash', 'backend.ctrl.hash*']) {
      expect(judge({}, entry({ test })).expectation?.met, test).to.equal(true);
    }
  });

  it('is not met by a pass, another verdict or another message', () => {
    const passed = record({ verdict: 'pass', checks: [] });
    expect(testMessage(new Expectations([entry()]).judge(passed, '2026-05-01'))).to.equal(
      'expectation at known.yaml:1: fail was expected, but the verdict of the test is pass',
    );
    expect(judge({ verdict: 'error' }, entry()).expectation?.met).to.equal(false);
    const other = judge({ checks: saying('no answer') }, entry());
    expect(other.expectation?.met).to.equal(false);
    expect(testMessage(other)).to.equal(
      'no answer (expectation at known.yaml:1: "observed 1" does not match "no answer")',
    );
  });

  it('accepts a pass of an intermittent deviation, and nothing else', () => {
    const passed = record({ verdict: 'pass', checks: [] });
    expect(new Expectations([entry({ intermittent: true })]).judge(passed, '2026-05-01')).to.equal(passed);
    expect(judge({}, entry({ intermittent: true })).expectation?.met).to.equal(true);
    expect(judge({ verdict: 'error' }, entry({ intermittent: true })).expectation?.met).to.equal(false);
  });

  it('is not met if the same test shows a second deviation', () => {
    const known = {
      requirements: ['A-1'],
      verdict: 'fail',
      failure: { observed: 'expected status 0, observed 1' },
    } as const;
    const leak = {
      requirements: ['LEAK-1'],
      verdict: 'fail',
      failure: { observed: '2 grants are still in use' },
    } as const;
    const slow = { requirements: ['A-2'], verdict: 'warn', failure: { observed: 'slow' } } as const;
    expect(judge({ checks: [known, slow] }, entry()).expectation?.met).to.equal(true);
    expect(judge({ checks: [known, leak] }, entry()).expectation?.met).to.equal(false);
  });

  it('is not met after its expiry date', () => {
    expect(judge({}, entry({ expires: '2026-05-01' })).expectation?.met).to.equal(true);
    const late = judge({}, entry({ expires: '2026-04-30' }));
    expect(late.expectation?.met).to.equal(false);
    expect(testMessage(late)).to.include('expired on 2026-04-30');
    const pass = { verdict: 'pass', checks: [] } as const;
    const racy = judge(pass, entry({ expires: '2026-04-30', intermittent: true }));
    expect(racy.expectation?.met, 'a pass of a race').to.equal(false);
    expect(judge({ verdict: 'skip', checks: [] }, entry({ expires: '2026-04-30' })).expectation?.met).to.equal(false);
  });

  it('does not apply to a skipped test unless it expects the skip', () => {
    const skipped = record({ verdict: 'skip', checks: [], skip: { class: 'gate', reason: 'no feature-ctrl-ring' } });
    const judged = (each: Expectation): TestRecord => new Expectations([each]).judge(skipped, '2026-05-01');
    expect(judged(entry())).to.equal(skipped);
    expect(judged(entry({ verdict: 'skip', message: 'ctrl-ring' })).expectation?.met).to.equal(true);
    expect(judged(entry({ verdict: 'skip', message: 'sg' })).expectation?.met).to.equal(false);
    expect(judge({}, entry({ verdict: 'skip' })).expectation?.met).to.equal(false);
  });

  it('uses the entry that is met if several name a test', () => {
    const wrong = entry({ message: 'no answer' });
    expect(judge({}, wrong, entry({ reason: 'second' })).expectation).to.include({ met: true, reason: 'second' });
    expect(judge({}, wrong, entry({ message: 'no reply' })).expectation?.met).to.equal(false);
  });

  it('reports the entries that no test matches', () => {
    const entries = new Expectations([entry(), entry({ test: 'backend.gone.*', location: 'known.yaml:9' })]);
    expect(entries.stale(['backend.ctrl.hash'])).to.deep.equal(['known.yaml:9: no test matches backend.gone.*']);
  });
});

describe('the expectations file', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-'));
    path = join(folder, 'known.yaml');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const good = '{ test: a, verdict: fail, message: m, reason: r, source: s }';

  it('is a list of entries', () => {
    writeFileSync(
      path,
      `# known\n- ${good}\n- test: backend.*\n  verdict: warn\n  message: /a|b/\n  reason: r\n  source: s\n  expires: 2026-12-31\n  link: https://example.org/1\n`,
    );
    expect(loadExpectations(path)).to.deep.equal([
      { test: 'a', verdict: 'fail', message: 'm', reason: 'r', source: 's', location: `${path}:2` },
      {
        test: 'backend.*',
        verdict: 'warn',
        message: '/a|b/',
        reason: 'r',
        source: 's',
        expires: '2026-12-31',
        link: 'https://example.org/1',
        location: `${path}:3`,
      },
    ]);
    writeFileSync(path, '# nothing is known yet\n');
    expect(loadExpectations(path)).to.deep.equal([]);
  });

  const bad: [string, string, number, RegExp][] = [
    ['is not a list', 'test: a\n', 1, /expected a list/],
    ['is not valid YAML', `- ${good}\n- [`, 2, /./],
    ['lacks a key', `- ${good}\n- test: a\n  verdict: fail\n  reason: r\n  source: s\n`, 2, /message: /],
    [
      'has an unknown key',
      `- test: a\n  verdict: fail\n  message: m\n  reason: r\n  source: s\n  oops: 1\n`,
      6,
      /oops/,
    ],
    ['has a key twice', `- test: a\n  test: b\n`, 2, /unique/],
    ['expects a pass', `- test: a\n  verdict: pass\n  message: m\n  reason: r\n  source: s\n`, 2, /verdict: /],
    ['has an empty message', `- ${good.replace('m,', "'',")}\n`, 1, /message: must not be empty/],
    ['has a bad expression', `- ${good.replace('m,', "'/(/',")}\n`, 1, /message: is not a valid regular expression/],
    [
      'has a bad date',
      `- test: a\n  verdict: fail\n  message: m\n  reason: r\n  source: s\n  expires: 2026-02-30\n`,
      6,
      /expires: /,
    ],
    ['has a number instead of a string', `- ${good.replace('reason: r', 'reason: 7')}\n`, 1, /reason: /],
  ];
  for (const [what, source, line, message] of bad) {
    it(`is refused where it ${what}`, () => {
      writeFileSync(path, source);
      expect(() => loadExpectations(path))
        .to.throw(YamlFileError, message)
        .with.property('message')
        .that.satisfies((text: string) => text.startsWith(`${path}:${line}: `), `line ${line}`);
    });
  }

  it('is refused where it is missing', () => {
    expect(() => loadExpectations(path)).to.throw(YamlFileError, /known\.yaml: no such file/);
  });
});
