/** Tests that deliberately fail, skip and throw: how the runner, each report and the exit code treat them. */
import { expect } from 'chai';
import { html } from '../../reports/html.js';
import { junit } from '../../reports/junit.js';
import { exitCode, groupSessions } from '../../reports/records.js';
import { TerminalReporter } from '../../reports/terminal.js';
import { describe as describeRequirement } from '../cli/results.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { Expectations } from './expectations.js';
import type { ResultRecord } from './record.js';
import { recordsOfSession } from './records-of-session.fixture.js';
import { type BackendTest, backendChapter, type TestOptions } from './suite.js';
import { referenceTarget } from './target.js';

/** The result of a test: its word in the terminal, its element in JUnit's XML, and the exit code of the run. */
interface Treatment {
  readonly word: 'PASS' | 'WARN' | 'FAIL' | 'ERROR' | 'SKIP' | 'KNOWN';
  readonly element: 'failure' | 'error' | 'skipped' | 'system-out' | undefined;
  readonly exit: 0 | 1 | 3;
  readonly strictExit?: 1;
}

const PASSED: Treatment = { word: 'PASS', element: undefined, exit: 0 };
const WARNED: Treatment = { word: 'WARN', element: 'system-out', exit: 0, strictExit: 1 };
const FAILED: Treatment = { word: 'FAIL', element: 'failure', exit: 1 };
const BROKEN: Treatment = { word: 'ERROR', element: 'error', exit: 3 };
const SKIPPED: Treatment = { word: 'SKIP', element: 'skipped', exit: 0 };
const KNOWN: Treatment = { word: 'KNOWN', element: 'skipped', exit: 0 };

type Body = (t: BackendTest) => Promise<void>;
const fails: Body = (t) => t.check('TXW-10', () => expect.fail('a broken must'));

const DELIBERATE: readonly (readonly [name: string, fate: Treatment, body: Body, options?: TestOptions])[] = [
  ['must-pass', PASSED, (t) => t.check('TXW-10', async () => (await t.connect()).ping())],
  ['must-fail-text', FAILED, fails],
  ['must-fail-interop', FAILED, (t) => t.check('XB-10', () => expect.fail('what all drivers do'))],
  [
    'must-fail-silent',
    FAILED,
    (t) => t.check('TXW-10', async () => (await t.connect()).receive('a miracle', () => false)),
  ],
  ['must-warn', WARNED, (t) => t.check('TXW-25', () => expect.fail('a broken should'))],
  ['must-be-known', KNOWN, fails],
  ['must-be-stale', FAILED, (t) => t.check('TXW-10', () => undefined)],
  ['must-skip-itself', SKIPPED, (t) => Promise.resolve(t.skip('nothing to see'))],
  ['must-skip-gate', SKIPPED, fails, { gate: 'feature-of-nobody' }],
  ['must-skip-destructive', SKIPPED, fails, { destructive: true }],
  ['must-error-check', BROKEN, (t) => t.check('TXW-10', () => (undefined as unknown as BackendTest).connect())],
  ['must-error-body', BROKEN, () => Promise.reject(new TypeError('a fault of ours'))],
  ['must-error-empty', BROKEN, () => Promise.resolve()],
  ['must-error-endless', BROKEN, () => new Promise(() => undefined)],
];

const known = (name: string, reason: string) => ({
  test: `backend.deliberate.${name}`,
  verdict: 'fail' as const,
  message: 'a broken must',
  reason,
  source: 'this file',
  location: 'deliberate.yaml:1',
});

async function recordsOf(name: string, body: Body, options: TestOptions = {}): Promise<ResultRecord[]> {
  const { test, tests } = backendChapter('deliberate');
  test(name, 'ends as it must', options, body);
  test('beside', 'passes as well', {}, (t) => t.check('TXW-10', () => undefined));
  return recordsOfSession('backend', tests, {
    target: { ...referenceTarget('backend'), destructive: false },
    command: ['netifspec', 'run'],
    expectations: new Expectations([known('must-be-known', 'on purpose'), known('must-be-stale', 'fixed since')]),
  });
}

describe('deliberate tests', () => {
  for (const [name, { word, element, exit, strictExit = exit }, body, options] of DELIBERATE) {
    it(`${name}: ${word}, ${element ?? 'no element'} in JUnit, exit code ${exit}`, async () => {
      const id = `backend.deliberate.${name}`;
      const records = await recordsOf(name, body, options);
      const groups = groupSessions(records);
      expect(exitCode(groups, { strict: false })).to.equal(exit);
      expect(exitCode(groups, { strict: true })).to.equal(strictExit);

      let text = '';
      const out = { write: (chunk: string): boolean => Boolean((text += chunk)) } as NodeJS.WritableStream;
      const style = { tty: false, color: false, verbose: true, strict: false, describe: describeRequirement };
      const terminal = new TerminalReporter(out, style);
      for (const record of records) terminal.record(record);
      expect(text).to.match(new RegExp(`^${word} ${id.replaceAll('.', '\\.')}\\b`, 'm'));

      const xml = [...junit(groups, { profile: 'rich', strict: false, describe: describeRequirement })].join('');
      const [, inside = ''] = new RegExp(`<testcase[^>]*name="${id}"[^>]*?(/>|>[^]*?</testcase>)`).exec(xml) ?? [];
      expect(/<(failure|error|skipped|system-out)\b/.exec(inside)?.[1], inside || xml).to.equal(element);

      const page = [...html(groups, { strict: false, catalogue: CATALOGUE })].join('');
      expect(page).to.match(new RegExp(`<b>${word}</b>(<code>|<a class="id"[^>]*>)${id}<`, 'i'));
    });
  }
});
