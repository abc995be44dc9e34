import { DOMParser, type Document, type Element, onErrorStopParsing } from '@xmldom/xmldom';
import { expect } from 'chai';
import fc from 'fast-check';

import { junit, type JunitOptions, type JunitProfile } from './junit.js';
import type { Group } from './records.js';
import { describeSample, end, failure, HOSTILE, saying, session, skipped, test } from './records.fixture.js';

const OPTIONS: JunitOptions = { profile: 'rich', strict: false, describe: describeSample };

/** The report of one session. */
function report(tests: Group['tests'], strict = false, fields: Partial<Group> = {}): Document {
  return document([{ session: session({ planned: tests.length }), tests, end: end(), ...fields }], strict);
}

/** Parses the report; throws if it is not well-formed. */
function document(groups: Group[], strict = false, profile: JunitProfile = 'rich'): Document {
  const xml = [...junit(groups, { ...OPTIONS, profile, strict })].join('');
  return new DOMParser({ onError: onErrorStopParsing }).parseFromString(xml, 'text/xml');
}

/** Attributes and text of the elements of a name. */
function elements(xml: Document | Element, name: string): { attributes: Record<string, string>; content: string }[] {
  return [...xml.getElementsByTagName(name)].map((element) => ({
    attributes: Object.fromEntries([...element.attributes].map((attribute) => [attribute.name, attribute.value])),
    content: (element.textContent ?? '').trim(),
  }));
}

describe('JUnit', () => {
  it('has a suite per session with counts and facts', () => {
    const xml = report([
      test(),
      failure(),
      test({ id: 'x.e', ...saying('error', 'lab') }),
      skipped('no sg', { id: 'x.s' }),
    ]);
    expect(elements(xml, 'testsuite')[0]?.attributes).to.deep.equal({
      name: 'linux',
      timestamp: '2026-01-02T03:04:05Z',
      time: '0.048',
      tests: '5',
      failures: '1',
      errors: '1',
      skipped: '1',
    });
    const properties = elements(xml, 'property').map(
      ({ attributes }) => `${attributes['name']}=${attributes['value']}`,
    );
    expect(properties).to.include.members(['kernel=6.1.192', 'feature.feature-sg=1', 'seed=7', 'role=frontend']);
  });

  it('names a case by its id only, with target, role and chapter as its class', () => {
    const [whole, one] = elements(report([test()]), 'testcase');
    expect(whole).to.deep.equal({
      attributes: { classname: 'netifspec.linux.frontend.session', name: 'session', time: '0' },
      content: '',
    });
    expect(one).to.deep.equal({
      attributes: {
        classname: 'netifspec.linux.frontend.rings',
        name: 'frontend.rings.one',
        file: 'linux.yaml',
        time: '0.012',
      },
      content: '',
    });
  });

  it('links to the target file, or else to the line of the test', () => {
    const of = (...command: string[]): unknown => {
      const xml = document([{ session: session({ command }), tests: [test()], end: end() }]);
      return elements(xml, 'testcase')[1]?.attributes;
    };
    expect(of('netifspec', 'run', '--iut', 'drivers/mine.js', '--role', 'frontend')).to.include({
      file: 'drivers/mine.js',
    });
    for (const command of [
      ['netifspec', 'run'],
      ['netifspec', 'lab', 'run', '--target', 'linux-netfront'],
    ]) {
      expect(of(...command)).to.include({ file: 'suites/frontend/rings.ts', line: '12' });
    }
  });

  it('counts warnings, and leaves out keys that offer nothing', () => {
    const features = { 'feature-sg': '1', 'request-rx-copy': '1', state: '4', mac: '00:16:3e:6e:94:02' };
    const xml = report([test({ ...saying('warn', 'slow') })], false, { session: session({ features }) });
    const properties = elements(xml, 'property').map(
      ({ attributes }) => `${attributes['name']}=${attributes['value']}`,
    );
    expect(properties).to.include.members(['warned=1', 'feature.feature-sg=1', 'feature.request-rx-copy=1']);
    expect(properties.join()).not.to.match(/feature\.(state|mac)/);
  });

  it('has the causes of failures as properties of the suite', () => {
    const suite = elements(
      report([failure({ id: 'frontend.rings.a' }), failure({ id: 'frontend.rings.b' })]),
      'property',
    );
    expect(suite.map(({ attributes }) => attributes)).to.deep.include({
      name: 'cause.1',
      value: '2 tests: text: id: expected 4096 to be at most 255 (first in frontend.rings.a)',
    });
  });

  it('has the total duration, and marks a warning with a property', () => {
    const xml = report([test({ durationMs: 1500 }), test({ ...saying('warn', 'slow'), durationMs: 1 })]);
    expect(elements(xml, 'testsuites')[0]?.attributes).to.include({ time: '1.501' });
    expect(elements(xml, 'property').map(({ attributes }) => attributes)).to.deep.include({
      name: 'verdict',
      value: 'warn',
    });
  });

  it('has the requirements of a case, and their levels', () => {
    const checks = [{ requirements: ['RING-01', 'RING-09'], verdict: 'pass' }] as const;
    const [only] =
      report([test({ checks })])
        .getElementsByTagName('testcase')
        .item(1)?.childNodes ?? [];
    expect(elements(only?.ownerDocument as Document, 'property').slice(-2)).to.deep.equal([
      { attributes: { name: 'requirements', value: 'RING-01 RING-09' }, content: '' },
      { attributes: { name: 'levels', value: 'must' }, content: '' },
    ]);
  });

  it('reports a failure in message and text', () => {
    const [only] = elements(report([failure()]), 'failure');
    expect(only?.attributes).to.deep.equal({ message: 'id: expected 4096 to be at most 255', type: 'text' });
    expect(only?.content)
      .to.match(/^text: id: expected .*\nRequirement: RING-09: a response carries/)
      .and.include('\nAbout: id\nExpected: to be at most 255')
      .and.include('\nReproduce: netifspec run --target linux.yaml --test frontend.rings.foo');
  });

  it('distinguishes an error from a failure', () => {
    const xml = report([test({ ...saying('error', 'one\ntwo'), detail: 'stack' })]);
    const [only] = elements(xml, 'error');
    expect(only?.attributes).to.deep.equal({ message: 'one', type: 'environment' });
    expect(only?.content).to.include('two').and.include('stack');
    expect(elements(xml, 'failure')).to.deep.equal([]);
  });

  it('has no line of a driver that names a file to attach', () => {
    const line = '[[ATTACHMENT|/root/.ssh/id_ed25519]]';
    const tests = [
      test({ id: 'x.w', ...saying('warn', line), kernelLog: [line] }),
      failure({ kernelLog: [line], detail: line }),
      test({ id: 'x.r', rounds: 1, infos: [line] }),
    ];
    for (const profile of ['rich', 'strict'] as const) {
      const group = { session: session({ planned: 3 }), tests, end: end() };
      const attachments = (): string[] => ['traces/a.txt'];
      const xml = [...junit([group], { profile, strict: false, describe: describeSample, attachments })].join('');
      expect(xml).to.contain('[ [ATTACHMENT|/root');
      expect([...xml.matchAll(/\[\[ATTACHMENT\|(.*?)\]\]/g)].map(([, path]) => path)).to.deep.equal(
        Array(3).fill('traces/a.txt'),
      );
    }
  });

  it('has the reason of a skip in message and text', () => {
    expect(elements(report([test(), skipped('no feature-sg')]), 'skipped')).to.deep.equal([
      { attributes: { message: 'gate: no feature-sg' }, content: 'gate: no feature-sg' },
    ]);
  });

  it('skips a known deviation and fails an expectation that is not met', () => {
    const expectation = { verdict: 'fail', reason: 'old bug', source: 'netfront.c, 6.1', met: true } as const;
    const known = report([failure({ expectation })]);
    expect(elements(known, 'skipped')[0]?.attributes).to.deep.equal({
      message: 'known deviation: old bug (netfront.c, 6.1)',
    });
    expect(elements(known, 'skipped')[0]?.content).to.include('Observed: 4096');
    expect(elements(known, 'failure')).to.deep.equal([]);
    const unmet = report([
      test({ expectation: { ...expectation, met: false, problem: 'e.yaml:3: fail was expected' } }),
    ]);
    expect(elements(unmet, 'failure')[0]?.attributes).to.deep.equal({
      message: 'expectation at e.yaml:3: fail was expected',
      type: 'expectation',
    });
  });

  it('passes a warning with its text, unless strict', () => {
    const warned = test({ ...saying('warn', 'slow') });
    expect(elements(report([warned]), 'system-out')[0]?.content).to.match(/^WARN slow\n/);
    expect(elements(report([warned]), 'failure')).to.deep.equal([]);
    expect(elements(report([warned], true), 'failure')[0]?.attributes).to.deep.equal({ message: 'slow', type: 'warn' });
  });

  it('reports an error for a run that was cut short or executed no test', () => {
    const cut = report([test()], false, { end: end({ complete: false, reason: 'SIGTERM' }) });
    expect(elements(cut, 'error')[0]).to.deep.equal({
      attributes: { message: 'the run was cut short: SIGTERM', type: 'incomplete' },
      content: 'the run was cut short: SIGTERM',
    });
    expect(elements(report([skipped('x')]), 'error')[0]?.content).to.equal('no test was executed');
  });

  it('has no two cases with the same classname and name', () => {
    const two = (target: string): Group => ({ session: session({ target }), tests: [test({ target })], end: end() });
    const keys = (groups: Group[]): string[] =>
      elements(document(groups), 'testcase').map(
        ({ attributes }) => `${attributes['classname']} ${attributes['name']}`,
      );
    expect(keys([two('a.b'), two('c')])).to.deep.equal([
      'netifspec.a_b.frontend.session session',
      'netifspec.a_b.frontend.rings frontend.rings.one',
      'netifspec.c.frontend.session session',
      'netifspec.c.frontend.rings frontend.rings.one',
    ]);
    expect(keys([two('a'), two('a')])[2]).to.equal('netifspec.a.frontend.session session (2)');
  });

  it('numbers ten thousand cases of one name', () => {
    const tests = Array.from({ length: 10_000 }, () => test());
    const xml = [...junit([{ session: session(), tests, end: end() }], OPTIONS)].join('');
    expect(xml).to.include('name="frontend.rings.one (10000)"');
  });

  it('is well-formed with any text of a driver', () => {
    const spoilt = (text: string, verdict: 'fail' | 'error' | 'warn'): Group['tests'][number] =>
      failure({
        ...saying(verdict, text),
        title: text,
        detail: text,
        kernelLog: [text],
        trace: [{ at: 0, from: 'driver', to: 'harness', what: text }],
        location: text,
        chapter: text,
      });
    const everywhere = (text: string): Document =>
      document([
        {
          session: session({ target: text, started: text, facts: { [text]: text }, features: { [text]: text } }),
          tests: [spoilt(text, 'fail'), spoilt(text, 'error'), spoilt(text, 'warn'), skipped(text)],
          end: end({ complete: false, reason: text }),
        },
      ]);
    expect(elements(everywhere(HOSTILE), 'failure')[0]?.content).to.include('a]]>b]]>c<script>alert(1)</script>');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void everywhere(text)),
      { numRuns: 30 },
    );
  });
});
