/** The results of the monitor over a session, as records of tests: one for each requirement that it checks. */
import { type Monitor, monitored } from '../peer/monitor/monitor.js';
import type { Catalogue } from './catalogue.js';
import type { Target } from './target.js';
import { checkRecord, verdictOfLevels } from './judge.js';
import { type Role, ROLES, type TestRecord } from './record.js';
import type { Level } from './requirement.js';

/** A test that is made from a requirement of the monitor. */
export interface MonitorTest {
  /** Permanent: role.monitor.requirement. */
  readonly id: string;
  readonly requirement: string;
}

/** The monitor's tests for a role, in the order of its rules. */
export function monitorTests(role: Role): MonitorTest[] {
  return monitored(role).map((requirement) => ({ id: `${role}.monitor.${requirement.toLowerCase()}`, requirement }));
}

/** The monitor's tests of a requirement, for both roles. */
export function rulesOf(requirement: string): MonitorTest[] {
  return ROLES.flatMap(monitorTests).filter((rule) => rule.requirement === requirement);
}

/**
 * The records of the monitor's tests.
 *
 * @param claimed whether the version of the header that the vendor claims has a requirement
 */
export function monitorRecords(
  monitor: Monitor,
  target: Pick<Target, 'name' | 'role'>,
  catalogue: Catalogue,
  claimed: (id: string) => boolean,
): TestRecord[] {
  return records(target, catalogue, (requirement) =>
    claimed(requirement)
      ? verdictOf(monitor, requirement, catalogue.requirement(requirement).level)
      : skipped('spec', 'newer than the claimed version of the header'),
  );
}

/** The records of the monitor's tests of a run whose monitor was lost with the process that it was in. */
export function lostMonitorRecords(
  target: Pick<Target, 'name' | 'role'>,
  catalogue: Catalogue,
  reason: string,
): TestRecord[] {
  return records(target, catalogue, () => skipped('blocked', reason));
}

function records(
  { name, role }: Pick<Target, 'name' | 'role'>,
  catalogue: Catalogue,
  judged: (requirement: string) => Judged,
): TestRecord[] {
  return monitorTests(role).map(({ id, requirement }) => ({
    type: 'test',
    target: name,
    id,
    title: catalogue.requirement(requirement).statement,
    role,
    chapter: 'monitor',
    location: 'harness/peer/monitor',
    durationMs: 0,
    ...judged(requirement),
  }));
}

type Judged = Pick<TestRecord, 'verdict' | 'class' | 'skip' | 'checks' | 'infos' | 'firstIn' | 'trace'>;

function verdictOf(monitor: Monitor, requirement: string, level: Level): Judged {
  const { kept, broken, first } = monitor.tally(requirement);
  if (kept + broken === 0) return skipped('not-observed', 'its situation did not arise');
  const infos = [`checked ${kept + broken} times`];
  if (!first) return { verdict: 'pass', checks: [checkRecord([requirement])], infos };
  const { test, message, trace } = first;
  const observed = `${message} (first ${test === undefined ? 'before any test' : `in ${test}`}; ${broken} of ${kept + broken} times)`;
  const result = verdictOfLevels([level]);
  return {
    ...result,
    checks: [checkRecord([requirement], { ...result, failure: { observed }, requirements: [] })],
    infos,
    ...(test === undefined ? {} : { firstIn: test }),
    ...(trace.length > 0 ? { trace } : {}),
  };
}

function skipped(kind: 'spec' | 'not-observed' | 'blocked', reason: string): Judged {
  return { verdict: 'skip', skip: { class: kind, reason }, checks: [], infos: [] };
}
