import type { EndRecord, SessionRecord, TestRecord } from '../harness/run/record.js';
import type { Requirement } from '../harness/run/requirement.js';
import type { Describe } from './explain.js';
import type { Rules } from './standings.js';

/** Literal records for the tests of the reports. */

export function session(fields: Partial<SessionRecord> = {}): SessionRecord {
  return {
    type: 'session',
    schema: 1,
    target: 'linux',
    role: 'frontend',
    version: '0.1.0',
    command: ['netifspec', 'run', '--target', 'linux.yaml'],
    started: '2026-01-02T03:04:05Z',
    adapter: 'simulated',
    seed: 7,
    facts: { kernel: '6.1.192', driver: 'xen-netfront' },
    features: { 'feature-sg': '1' },
    planned: 1,
    requirements: 3,
    ...fields,
  };
}

export function test(fields: Partial<TestRecord> = {}): TestRecord {
  return {
    type: 'test',
    target: 'linux',
    id: 'frontend.rings.one',
    title: 'responds to one request',
    role: 'frontend',
    chapter: 'rings',
    verdict: 'pass',
    checks: [{ requirements: ['RING-01'], verdict: 'pass' }],
    infos: [],
    durationMs: 12,
    location: 'suites/frontend/rings.ts:12',
    ...fields,
  };
}

/** The verdict and check of a test with the observation `text`. */
export function saying(verdict: 'warn' | 'fail' | 'error', text: string): Pick<TestRecord, 'verdict' | 'checks'> {
  return { verdict, checks: [{ requirements: [], verdict, failure: { observed: text } }] };
}

/** A test that violated RING-09. */
export function failure(fields: Partial<TestRecord> = {}): TestRecord {
  return test({
    id: 'frontend.rings.foo',
    verdict: 'fail',
    class: 'text',
    checks: [
      { requirements: ['RING-01'], verdict: 'pass' },
      {
        requirements: ['RING-09'],
        verdict: 'fail',
        failure: { about: 'id', expected: 'to be at most 255', observed: '4096' },
      },
    ],
    trace: [
      { at: 0.1, from: 'harness', to: 'driver', what: 'post 8 requests' },
      { at: 0.2, from: 'driver', to: 'harness', what: 'response 4096' },
    ],
    kernelLog: ['net eth0: bad id'],
    ...fields,
  });
}

export function skipped(reason: string, fields: Partial<TestRecord> = {}): TestRecord {
  return test({ verdict: 'skip', skip: { class: 'gate', reason }, checks: [], ...fields });
}

export function end(fields: Partial<EndRecord> = {}): EndRecord {
  return { type: 'end', target: 'linux', finished: '2026-01-02T03:05:05Z', complete: true, ...fields };
}

export const describeSample: Describe = (id) =>
  id === 'RING-09'
    ? { statement: 'a response carries the id of its request', source: 'netif.h, "Ring"', level: 'must' }
    : undefined;

/** Text with which a driver may try to break a report. */
export const HOSTILE = 'a]]>b]]>c<script>alert(1)</script>&"\'\0\x07\x1b[31mred\x1b[0m\ud800\uffff\u202e\r\nlast';

function requirement(id: string, fields: Partial<Requirement> = {}): Requirement {
  return {
    id,
    side: 'both',
    level: 'must',
    since: 'always',
    statement: `requirement ${id}`,
    source: 'netif.h',
    ...fields,
  };
}

const REQUIREMENTS = [
  requirement('RING-01'),
  requirement('RING-07', { untestable: 'every driver conforms' }),
  requirement('RING-08', { side: 'backend' }),
  requirement('RING-09', { statement: 'a response carries the id of its request', source: 'netif.h, "Ring"' }),
  requirement('RING-10', { since: '3f20b8def0' }),
];

/** A catalogue for the records of this file. */
export const RULES: Rules = {
  requirements: REQUIREMENTS,
  find: (id) => REQUIREMENTS.find((each) => each.id === id),
  checking: (id) => (id === 'RING-09' ? ['frontend.rings.foo'] : []),
};
