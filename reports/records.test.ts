import { expect } from 'chai';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  encodeRecord,
  exitCode,
  groupSessions,
  outcome,
  parseRecord,
  readRecords,
  RecordWriter,
  SessionCheck,
  shortfall,
  summarise,
} from './records.js';
import { end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

const met = { verdict: 'fail', reason: 'r', source: 's', met: true } as const;

describe('results.jsonl', () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-'));
    path = join(folder, 'results.jsonl');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('returns each record as soon as it is written', () => {
    const records = [session(), failure(saying('fail', HOSTILE.replace('\ud800', ''))), end()];
    const writer = new RecordWriter(path);
    records.forEach((record, index) => {
      writer.write(record);
      expect(readRecords(path)).to.deep.equal(records.slice(0, index + 1));
    });
    writer.close();
  });

  it('reads records of any length, with characters of several bytes at any place', () => {
    const records = [session(), ...[1, 2, 3].map((n) => test({ title: `${'x'.repeat(n)}${'€'.repeat(50_000)}` }))];
    writeFileSync(path, records.map(encodeRecord).join(''));
    expect(readRecords(path)).to.deep.equal(records);
  });

  it('shares equal parts of records, and leaves out traces if they are not needed', () => {
    const skip = skipped('no feature-sg');
    const records = [session(), failure(), failure(), skip, skip];
    writeFileSync(path, records.map(encodeRecord).join(''));
    const tests = readRecords(path, { traces: false }).filter((record) => record.type === 'test');
    const { trace, kernelLog, ...brief } = failure();
    expect([trace, kernelLog]).not.to.include(undefined);
    expect(tests).to.deep.equal([brief, brief, skip, skip]);
    expect(tests[1]?.checks).to.equal(tests[0]?.checks);
    expect(tests[3]?.skip).to.equal(tests[2]?.skip);
  });

  it('replaces the results of an earlier run, on a real host as well', () => {
    writeFileSync(path, 'old\n');
    const writer = new RecordWriter(path);
    writer.write(session({ adapter: 'native' }));
    writer.close();
    expect(readRecords(path)).to.deep.equal([session({ adapter: 'native' })]);
  });

  it('reports a full disk, and writes nothing afterwards', function () {
    if (!existsSync('/dev/full')) this.skip();
    const writer = new RecordWriter('/dev/full');
    expect(() => writer.write(session())).to.throw(
      /^\/dev\/full: no space left on the device; .*; the results end here$/,
    );
    expect(() => writer.write(end())).to.throw('the results end here');
    writer.close();
  });

  it('reads a file that is larger than its buffer, whatever characters it holds', () => {
    const records = [
      session(),
      ...Array.from({ length: 400 }, (_, n) => test({ title: `${n}${'\u20ac'.repeat(1000)}` })),
    ];
    const writer = new RecordWriter(path);
    for (const record of records) writer.write(record);
    writer.close();
    expect(readRecords(path)).to.deep.equal(records);
  });

  for (const tail of ['{"type":"te', '\0\0\0', '{"type":"end"']) {
    it(`treats the last line ${JSON.stringify(tail)} as the end of a killed run`, () => {
      const writer = new RecordWriter(path);
      [session(), test(), end()].forEach((record) => writer.write(record));
      writer.close();
      appendFileSync(path, tail);
      const groups = groupSessions(readRecords(path));
      expect(groups[0]?.end).to.include({ complete: false, reason: 'the last record is incomplete' });
      expect(exitCode(groups, { strict: false })).to.equal(3);
    });
  }

  const changed = (record: object, fields: object): string => JSON.stringify({ ...record, ...fields });
  const invalid: [what: string, line: string, says: RegExp][] = [
    [
      'a number as message',
      changed(test(), { checks: [{ requirements: [], verdict: 'fail', failure: { observed: 1 } }] }),
      /checks\.0\.failure\.observed/,
    ],
    ['no checks', changed(test(), { checks: undefined }), /checks/],
    ['no infos', changed(test(), { infos: undefined }), /infos/],
    ['no facts', changed(session(), { facts: undefined }), /facts/],
    ['no command', changed(session(), { command: 'netifspec' }), /command/],
    ['an unknown verdict', changed(test(), { verdict: 'good' }), /verdict/],
    ['an unknown class', changed(failure(), { class: 'mine' }), /class/],
    ['a time that is a word', changed(session(), { started: 'today' }), /started/],
    [
      'a time in a trace that is a text',
      changed(failure(), { trace: [{ at: 'x', from: 'driver', to: 'driver', what: '' }] }),
      /trace\.0\.at/,
    ],
    [
      'a time in a trace that no report prints',
      changed(failure(), { trace: [{ at: 1e300, from: 'driver', to: 'driver', what: '' }] }),
      /trace\.0\.at/,
    ],
    ['fewer than no tests', changed(session(), { planned: -5 }), /planned/],
    ['more tests than any run has', changed(session(), { planned: 1e9 }), /planned/],
    ['a duration below zero', changed(test(), { durationMs: -1 }), /durationMs/],
    ['one of a thousand million parts', changed(session(), { shard: '1/1000000000' }), /shard/],
    ['an id that is a path', changed(test(), { id: '../../x' }), /id/],
    [
      'another target than its session',
      changed(test(), { target: 'other' }),
      /target: expected that of the session, linux/,
    ],
  ];
  for (const [what, line, says] of invalid) {
    it(`rejects a record with ${what}`, () => {
      writeFileSync(path, `${JSON.stringify(session())}\n${line}\n`);
      expect(() => readRecords(path))
        .to.throw(`${path}:2: not a result record`)
        .with.property('message')
        .that.matches(says);
    });
  }

  it('rejects a line that is longer than any record', () => {
    writeFileSync(path, `${JSON.stringify(session())}\n${'x'.repeat(20_000_000)}\n`);
    expect(() => readRecords(path)).to.throw(`${path}:2: the line is longer than any record`);
  });

  it('keeps every key of a valid record, ignores unknown ones and keys that are no text of their own', () => {
    const full = failure({
      detail: 'd',
      unreached: ['X-01'],
      features: [{ key: 'feature-sg', declared: true, advertised: true, passed: 1, failed: 0 }],
      rounds: 3,
      firstIn: 'frontend.rings.one',
      script: { role: 'frontend', start: [1], steps: [{ step: 's', args: { n: [null] } }] },
      expectation: { verdict: 'fail', reason: 'r', source: 's', link: 'l', met: false, problem: 'p' },
      skip: { class: 'gate', reason: 'r' },
    });
    const ended = end({ complete: false, reason: 'r', next: 'b', stoppedAfter: 1, order: '0' });
    const begun = session({ shard: '1/2' });
    const facts = '{"facts":{"__proto__":"x","kernel":"6"},';
    const hostile = JSON.stringify({ ...begun, facts: undefined }).replace('{', facts);
    writeFileSync(
      path,
      [changed(begun, { later: 1 }), JSON.stringify(full), JSON.stringify(ended), hostile, ''].join('\n'),
    );
    const [first, second, third, last] = readRecords(path);
    expect([first, second, third]).to.deep.equal([begun, full, ended]);
    expect(last).to.have.deep.property('facts', { kernel: '6' });
  });

  it('rejects more tests than a session can have', () => {
    const check = new SessionCheck(1);
    expect(check.check(session({ planned: 5 }))).to.have.property('type');
    const answers = Array.from({ length: 2000 }, () => check.check(test()));
    expect(answers.filter((each) => 'invalid' in each)).to.have.length(2000 - 1005);
    expect(check.check(session())).to.deep.equal({ invalid: 'another session' });
    expect(new SessionCheck().check(test())).to.have.property('invalid');
  });

  it('writes no character that acts on a terminal', () => {
    const text = '\u009b2J \u202e \x7f \u{e0001} \u2028 é 😀';
    const line = encodeRecord(failure(saying('fail', text)));
    expect(line).not.to.match(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(line).to.contain('é 😀');
    expect(parseRecord(line)).to.deep.equal(failure(saying('fail', text)));
  });

  it('does not follow a link in the place of the records', () => {
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'kept');
    symlinkSync(victim, path);
    expect(() => new RecordWriter(path)).to.throw('ELOOP');
    expect(readFileSync(victim, 'utf8')).to.equal('kept');
  });

  for (const line of ['{"type":"te', '{"type":"other"}', 'null', '', '{"type":"session","schema":2}']) {
    it(`rejects the line ${JSON.stringify(line)}`, () => {
      writeFileSync(path, `${JSON.stringify(session())}\n${line}\n${JSON.stringify(end())}\n`);
      expect(() => readRecords(path)).to.throw(`${path}:2: not a result record`);
    });
  }
});

describe('groups and summaries', () => {
  it('assigns each record to the session before it', () => {
    const b = session({ target: 'b' });
    const groups = groupSessions([session(), test(), end(), b, test({ target: 'b' })]);
    expect(groups).to.deep.equal([
      { session: session(), tests: [test()], end: end() },
      { session: b, tests: [test({ target: 'b' })] },
    ]);
    expect(() => groupSessions([test()])).to.throw('before the first session');
  });

  it('reports a run that was killed between two sessions as incomplete', () => {
    const whole = [session(), test(), end({ next: 'b' })];
    const b = [session({ target: 'b' }), test({ target: 'b' }), end({ target: 'b' })];
    const both = groupSessions([...whole, ...b]);
    expect(exitCode(both, { strict: false })).to.equal(0);
    const killed = groupSessions(whole);
    expect(exitCode(killed, { strict: false })).to.equal(3);
    expect(killed.map(shortfall)).to.deep.equal(['the run was cut short: it ended before the session of b']);
    // A run that stopped at its limit of failures stays one.
    const stopped = end({ next: 'b', complete: false, stoppedAfter: 1 });
    expect(exitCode(groupSessions([session(), failure(), stopped]), { strict: false })).to.equal(1);
  });

  it('counts every test once', () => {
    const tests = [
      test(),
      test({ ...saying('warn', 'w') }),
      failure(),
      failure({ expectation: met }),
      test({ expectation: { ...met, met: false } }),
      test({ verdict: 'error' }),
      skipped('a'),
      skipped('b'),
      skipped('b'),
    ];
    const group = { session: session({ planned: 9 }), tests, end: end() };
    const counts = { total: 9, executed: 6, passed: 1, errors: 1, expected: 1, complete: true };
    expect(summarise(group, false)).to.deep.include({ ...counts, warned: 1, failed: 2, unexpected: 3 });
    expect(summarise(group, true)).to.deep.include({ ...counts, warned: 0, failed: 3, unexpected: 4 });
    expect([...summarise(group, false).skipped]).to.deep.equal([
      ['b', 2],
      ['a', 1],
    ]);
  });

  it('reports an error as an error if another verdict was expected', () => {
    expect(outcome(test({ verdict: 'error', expectation: { ...met, met: false } }), false)).to.equal('error');
  });

  const cases: [string, ReturnType<typeof test>[], 0 | 1 | 3, boolean?][] = [
    ['a pass', [test()], 0],
    ['a failure', [failure()], 1],
    ['a failure that was expected', [failure({ expectation: met })], 0],
    ['a pass where a failure was expected', [test({ expectation: { ...met, met: false } })], 1],
    ['a warning', [test({ verdict: 'warn' })], 0],
    ['a warning, strict', [test({ verdict: 'warn' })], 1, true],
    ['only skips', [skipped('a')], 1],
    ['no test', [], 1],
    ['an error', [test({ verdict: 'error' })], 3],
    ['an error that was expected', [test({ verdict: 'error', expectation: { ...met, verdict: 'error' } })], 0],
    ['an error and a failure', [test({ verdict: 'error' }), failure()], 3],
    ['an error after a crash of the guest', [failure({ class: 'guest-crash' }), test({ verdict: 'error' })], 1],
  ];
  for (const [name, tests, code, strict = false] of cases) {
    it(`exits with ${code} for ${name}`, () => {
      const group = { session: session({ planned: tests.length }), tests, end: end() };
      expect(exitCode([group], { strict })).to.equal(code);
      const other = { ...group, session: session({ planned: 1 }), tests: [test()] };
      if (code === 1) expect(exitCode([other, group], { strict })).to.equal(1);
    });
  }

  it('never counts a run without session or end as a success', () => {
    const whole = { session: session(), tests: [test()], end: end() };
    expect(exitCode([], { strict: false })).to.equal(3);
    const stopped = { ...whole, end: end({ complete: false, reason: 'stopped after 1 failure', stoppedAfter: 1 }) };
    expect(exitCode([whole, stopped], { strict: false })).to.equal(1);
    const cut = [
      { session: session(), tests: [test()] },
      { ...whole, end: end({ complete: false, reason: 'SIGINT' }) },
      { ...whole, session: session({ planned: 2 }) },
    ];
    for (const group of cut) expect(exitCode([whole, group], { strict: false })).to.equal(3);
    expect([...cut, { ...whole, tests: [skipped('x')] }, whole].map(shortfall)).to.deep.equal([
      'the run was killed: it has no end record',
      'the run was cut short: SIGINT',
      '1 of 2 planned tests have a result',
      'no test was executed',
      undefined,
    ]);
  });
});
