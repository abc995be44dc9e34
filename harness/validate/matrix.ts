/** The matrix of defects and tests, on the simulator. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CATALOGUE } from '../../suites/catalogue.js';
import { DEFECTS } from '../reference/defects/index.js';
import { LEGAL } from '../reference/legal/index.js';
import { VARIANTS } from '../reference/variants.js';
import { type Role, ROLES } from '../run/record.js';
import { isAnchor, type Tests } from '../run/suite.js';
import { cover } from './cover.js';
import type { LegalDriver } from '../reference/legal/legal.js';
import { type DefectNote, type Evidence, failedBy, type LegalNote, type Run } from './evidence.js';
import type { Job } from './job.js';
import { Pool } from './pool.js';
import { others as othersOf } from './rules.js';
import { bindingOn, unprovableIn } from './unprovable.js';

/** A job needs at most a second, but the machine may be busy. */
const PATIENCE_MS = 60_000;

/** Random sequences with which each legal driver is explored. */
const SEQUENCES = 2;

const WORKER = fileURLToPath(new URL('worker.js', import.meta.url));

export interface MatrixOptions {
  /** Called with the completed runs, and their total as far as it is known. */
  readonly onProgress?: (done: number, total: number) => void;
  /** A legal driver that is not a persona gets one in so many of the tests, each such driver others. Default: 1. */
  readonly oneIn?: number;
}

/**
 * Runs every test against the correct drivers and the legal ones, explores the legal ones, and runs each defect against
 * the tests that could catch it and a cover.
 */
export async function runMatrix({ onProgress, oneIn = 1 }: MatrixOptions = {}): Promise<Evidence[]> {
  let [done, asked] = [0, 0];
  // Each driver has one run, and a legal one two; a defect that breaks every connection gets a second one.
  const total = (): number => Math.max(asked, ROLES.length + VARIANTS.length + DEFECTS.length + 2 * LEGAL.length);
  const onDone = (): void => onProgress?.(++done, total());
  const pool = new Pool(WORKER, { processes: availableParallelism(), patienceMs: PATIENCE_MS, onDone });
  try {
    return await matrix(oneIn, (jobs) => {
      asked += jobs.length;
      return pool.run(jobs);
    });
  } finally {
    pool.close();
  }
}

async function matrix(oneIn: number, run: (jobs: readonly Job[]) => Promise<Run[]>): Promise<Evidence[]> {
  const references = await run(ROLES.map((role): Job => ({ role, tests: idsOf(role) })));
  const variants = await run(
    VARIANTS.map(({ id }) => ({ role: 'backend', driver: id, tests: skippedBy(references[1]) })),
  );
  const correct = ROLES.map((role, n) => withVariants(references[n] ?? NOTHING, role === 'backend' ? variants : []));
  const plans = ROLES.map((role, n) => planner(role, correct[n] ?? NOTHING));
  const notes = DEFECTS.map(({ id, breaks, fault, seen, shownIn, frontend }): DefectNote => ({
    id,
    role: frontend ? 'frontend' : 'backend',
    breaks,
    fault,
    ...(seen === undefined ? {} : { seen }),
    ...(shownIn === undefined ? {} : { shownIn }),
  }));
  const jobs = notes.flatMap((defect) => plans[ROLES.indexOf(defect.role)]?.(defect) ?? []);
  const runs = await run(jobs);
  // Defects that break every connection also get the tests that no other defect fails.
  const failed = new Set(runs.flatMap((each) => failedBy(each)));
  const remaining = jobs.flatMap(({ role, driver, until }, at) =>
    until ? [] : [{ at, job: { role, ...(driver && { driver }), tests: idsOf(role).filter((id) => !failed.has(id)) } }],
  );
  for (const [n, { outcomes, ...rest }] of (await run(remaining.map(({ job }) => job))).entries()) {
    const at = remaining[n]?.at ?? 0;
    runs[at] = { ...runs[at], outcomes: [...(runs[at]?.outcomes ?? []), ...outcomes], ...rest };
  }
  const drivers = LEGAL.map(legalNote);
  const legal = await run(
    drivers.map((each, n) => ({ role: each.role, driver: each.id, tests: testsOfLegal(each, n, oneIn) })),
  );
  const explored = await run(drivers.map(({ id, role }) => ({ role, driver: id, tests: [], sequences: SEQUENCES })));
  return ROLES.map((role, n) => ({
    role,
    bound: bindingOn(role),
    unprovable: unprovableIn(role),
    tests: idsOf(role),
    anchored: anchoredIn(role),
    correct: correct[n] ?? NOTHING,
    defects: notes.flatMap((defect, at) => (defect.role === role ? { defect, run: runs[at] ?? NOTHING } : [])),
    legal: drivers.flatMap((driver, at) =>
      driver.role === role ? { driver, run: both(legal[at], explored[at]) } : [],
    ),
  }));
}

/** Two runs as one. */
function both(first: Run = NOTHING, second: Run = NOTHING): Run {
  const fault = first.fault ?? second.fault;
  return { outcomes: [...first.outcomes, ...second.outcomes], ...(fault === undefined ? {} : { fault }) };
}

function legalNote({ id, persona, choice, warns = [] }: LegalDriver): LegalNote {
  const role = id.startsWith('frontend.') ? 'frontend' : 'backend';
  return { id, role, persona: persona === true, choice, warns };
}

/**
 * Requirements that only a plain connection with a ping tests: vif after vif works, the bytes of a ping are read,
 * counted and reported, and optional features are not needed.
 */
const PLAIN = ['XB-14', 'TXW-03', 'TXW-24', 'RXW-01', 'RXW-05', 'SEC-07', 'CTRL-05', 'STAG-17'];

const NOTHING: Run = { outcomes: [] };

function testsOf(role: Role): Tests[number][] {
  return [...CATALOGUE.testsOf(role)];
}

/** The requirements that every plain connection depends on: a driver that breaks one can't be tested for the rest. */
function anchoredIn(role: Role): Set<string> {
  return new Set([
    ...testsOf(role)
      .filter(isAnchor)
      .flatMap((test) => CATALOGUE.checkedBy(test)),
    ...PLAIN,
  ]);
}

function idsOf(role: Role): string[] {
  return testsOf(role).map(({ id }) => id);
}

/** The tests of the `n`th legal driver; see {@link MatrixOptions.oneIn}. */
function testsOfLegal({ role, persona }: LegalNote, n: number, oneIn: number): string[] {
  return idsOf(role).filter((_, at) => persona || (at + n) % oneIn === 0);
}

function skippedBy(run: Run | undefined): string[] {
  return run?.outcomes.filter(({ verdict }) => verdict === 'skip').map(({ id }) => id) ?? [];
}

/** The reference driver's run; tests that it skips have the outcome of a variant. */
function withVariants(reference: Run, variants: readonly Run[]): Run {
  const tried = variants.flatMap(({ outcomes }) => outcomes).filter(({ verdict }) => verdict !== 'skip');
  const outcomes = reference.outcomes.map((outcome) =>
    outcome.verdict === 'skip' ? (tried.find(({ id }) => id === outcome.id) ?? outcome) : outcome,
  );
  const fault = [reference, ...variants].find((each) => each.fault !== undefined)?.fault;
  return { outcomes, ...(fault === undefined ? {} : { fault }) };
}

/**
 * Returns a function that makes a defect's job: the anchor and the tests that name the requirement which the defect
 * breaks, then as many tests of the cover as are needed to show that the driver works otherwise.
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
  return ({ id: driver, breaks, shownIn }) => {
    const named = tests
      .filter((test) => isAnchor(test) || CATALOGUE.checkedBy(test).includes(breaks) || test.id === shownIn)
      .map(({ id }) => id);
    if (anchoredIn(role).has(breaks)) return { role, driver, tests: named };
    const others = byPrice.filter((id) => !named.includes(id));
    return { role, driver, tests: named, until: { tests: others, ...othersOf(correct, breaks) } };
  };
}
