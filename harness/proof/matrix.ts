/** The matrix of defects and tests, on the simulator. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { checkedIds } from '../../suites/checked.js';
import { SUITES } from '../../suites/index.js';
import { DEFECTS } from '../reference/defects/index.js';
import { VARIANTS } from '../reference/variants.js';
import type { Role } from '../run/record.js';
import { isAnchor, type Tests } from '../run/suite.js';
import { cover } from './cover.js';
import { type DefectNote, type Evidence, failedBy, type Run } from './evidence.js';
import type { Job } from './job.js';
import { Pool } from './pool.js';
import { others as othersOf } from './rules.js';

/** A job takes a second at most, but the machine may be busy otherwise. */
const PATIENCE_MS = 60_000;

const WORKER = fileURLToPath(new URL('worker.js', import.meta.url));
const ROLES: readonly Role[] = ['frontend', 'backend'];

/** Runs every test against the correct drivers, and each defect against the tests that could see it and a cover. */
export async function runMatrix(): Promise<Evidence[]> {
  const pool = new Pool(WORKER, { processes: availableParallelism(), patienceMs: PATIENCE_MS });
  try {
    return await matrix((jobs) => pool.run(jobs));
  } finally {
    pool.close();
  }
}

async function matrix(run: (jobs: readonly Job[]) => Promise<Run[]>): Promise<Evidence[]> {
  const references = await run(ROLES.map((role): Job => ({ role, tests: idsOf(role) })));
  const variants = await run(
    VARIANTS.map(({ id }) => ({ role: 'backend', driver: id, tests: skippedBy(references[1]) })),
  );
  const correct = ROLES.map((role, n) => withVariants(references[n] ?? NOTHING, role === 'backend' ? variants : []));
  const plans = ROLES.map((role, n) => planner(role, correct[n] ?? NOTHING));
  const notes = DEFECTS.map(({ id, breaks, fault, seen, frontend }): DefectNote => ({
    id,
    role: frontend ? 'frontend' : 'backend',
    breaks,
    fault,
    ...(seen === undefined ? {} : { seen }),
  }));
  const jobs = notes.flatMap((defect) => plans[ROLES.indexOf(defect.role)]?.(defect) ?? []);
  const runs = await run(jobs);
  // What none of them failed is tried by those that break what every connection stands on.
  const failed = new Set(runs.flatMap((each) => failedBy(each)));
  const blunt = jobs.flatMap(({ role, driver, until }, at) =>
    until ? [] : [{ at, job: { role, ...(driver && { driver }), tests: idsOf(role).filter((id) => !failed.has(id)) } }],
  );
  for (const [n, { outcomes, ...rest }] of (await run(blunt.map(({ job }) => job))).entries()) {
    const at = blunt[n]?.at ?? 0;
    runs[at] = { ...runs[at], outcomes: [...(runs[at]?.outcomes ?? []), ...outcomes], ...rest };
  }
  return ROLES.map((role, n) => ({
    tests: idsOf(role),
    anchored: anchoredIn(role),
    correct: correct[n] ?? NOTHING,
    defects: notes.flatMap((defect, at) => (defect.role === role ? { defect, run: runs[at] ?? NOTHING } : [])),
  }));
}

/**
 * What nothing but a plain connection with a ping is tested by: that vif after vif works, that a
 * ping's bytes are read, counted and told of, and that all this goes without what is optional.
 */
const PLAIN = ['XB-14', 'TXW-03', 'TXW-24', 'RXW-01', 'RXW-05', 'SEC-07', 'CTRL-05', 'STAG-17'];

const NOTHING: Run = { outcomes: [] };

function testsOf(role: Role): Tests[number][] {
  return SUITES.filter((test) => test.role === role);
}

/** What every plain connection stands on: a driver that breaks it can't be asked for the rest. */
function anchoredIn(role: Role): Set<string> {
  return new Set([...testsOf(role).filter(isAnchor).flatMap(checkedIds), ...PLAIN]);
}

function idsOf(role: Role): string[] {
  return testsOf(role).map(({ id }) => id);
}

function skippedBy(run: Run | undefined): string[] {
  return run?.outcomes.filter(({ verdict }) => verdict === 'skip').map(({ id }) => id) ?? [];
}

/** The reference driver's run, with what a variant made of the tests that it skips. */
function withVariants(reference: Run, variants: readonly Run[]): Run {
  const tried = variants.flatMap(({ outcomes }) => outcomes).filter(({ verdict }) => verdict !== 'skip');
  const outcomes = reference.outcomes.map((outcome) =>
    outcome.verdict === 'skip' ? (tried.find(({ id }) => id === outcome.id) ?? outcome) : outcome,
  );
  const fault = [reference, ...variants].find((each) => each.fault !== undefined)?.fault;
  return { outcomes, ...(fault === undefined ? {} : { fault }) };
}

/**
 * Makes a defect's job: the tests that name the requirement which it breaks, with the anchor first, and after them of a
 * cover of everything else as many as it takes to show that the driver works otherwise.
 */
function planner(role: Role, correct: Run): (defect: DefectNote) => Job {
  const tests = testsOf(role);
  const byPrice = cover(
    correct.outcomes
      .filter(({ verdict }) => verdict === 'pass')
      .map(({ id, checks, cost }) => ({
        id,
        requirements: checks.flatMap(({ requirements }) => requirements),
        cost: Math.max(1, cost),
      })),
  );
  return ({ id: driver, breaks }) => {
    const named = tests.filter((test) => isAnchor(test) || checkedIds(test).includes(breaks)).map(({ id }) => id);
    if (anchoredIn(role).has(breaks)) return { role, driver, tests: named };
    const others = byPrice.filter((id) => !named.includes(id));
    return { role, driver, tests: named, until: { tests: others, ...othersOf(correct, breaks) } };
  };
}
