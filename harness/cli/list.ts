import { stdout } from '../base/terminal.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { type Requirement, standsIn } from '../run/requirement.js';
import { rulesOf } from '../run/monitored.js';
import { textTable } from '../../reports/table.js';
import { selectTests, type Selection, specOf } from './select.js';

export interface ListOptions extends Selection {
  readonly requirements?: boolean;
  readonly tests?: boolean;
  readonly json?: boolean;
}

/** A requirement and the ids of the tests that check it. */
type Row = Omit<Requirement, 'gate' | 'untestable'> & {
  readonly gate: string | null;
  readonly untestable: string | null;
  readonly tests: readonly string[];
};

const write = (line: string): void => stdout.line(line);
const writeJson = (value: unknown): void => write(JSON.stringify(value, null, 2));

/** `netifspec list`: prints the requirements by prefix, each requirement, or each test with its needs. */
export function listCommand(options: ListOptions): void {
  const tests = selectTests(options);
  if (options.tests) {
    if (options.json) return writeJson(tests.map(({ body: _, ...test }) => test));
    return listTests(tests);
  }
  const named = tests.map((test) => ({ id: test.id, ids: new Set(CATALOGUE.checkedBy(test)) }));
  // Rules of the monitor cannot be selected: every test checks them.
  const selects = isSelection(options);
  const rules = (id: string): readonly { readonly id: string }[] =>
    selects ? [] : rulesOf(id).filter((rule) => options.role === undefined || rule.id.startsWith(`${options.role}.`));
  const version = specOf(options);
  const rows: Row[] = CATALOGUE.requirements
    .filter((requirement) => standsIn(version, requirement))
    .map((requirement) => ({
      ...requirement,
      gate: requirement.gate ?? null,
      untestable: requirement.untestable ?? null,
      tests: [...named.filter(({ ids }) => ids.has(requirement.id)), ...rules(requirement.id)].map(({ id }) => id),
    }));
  if (options.json) return writeJson(rows);
  const isPart = selects || options.role !== undefined;
  const listed = isPart ? rows.filter((row) => row.tests.length > 0) : rows;
  if (options.requirements) listRequirements(listed);
  else listPrefixes(listed, tests, !isPart);
}

const isSelection = ({ test, shard, lastFailed }: Selection): boolean =>
  test !== undefined || shard !== undefined || lastFailed === true;

function listTests(tests: ReturnType<typeof selectTests>): void {
  for (const { id, title, options: needs } of tests) {
    const words = [
      needs.gate,
      needs.reflector,
      needs.needs,
      needs.observer && 'observer',
      needs.flicker && 'flicker',
      needs.destructive && 'destructive',
      needs.long && '--slow',
    ];
    const marks = words.flat().filter(Boolean).join(', ');
    write(`${id.padEnd(44)} ${title}${marks ? `  [${marks}]` : ''}`);
  }
}

function listRequirements(rows: readonly Row[]): void {
  for (const { id, side, level, statement, tests, untestable } of rows) {
    const state = untestable ? 'untestable' : testCount(tests.length);
    write(`${id.padEnd(10)} ${side.padEnd(9)} ${level.padEnd(9)} ${state.padEnd(12)} ${statement}`);
  }
}

function testCount(count: number): string {
  return count === 0 ? 'no test yet' : count === 1 ? '1 test' : `${count} tests`;
}

function listPrefixes(rows: readonly Row[], tests: ReturnType<typeof selectTests>, isWhole: boolean): void {
  const prefixes = [...new Set(rows.map(({ id }) => id.replace(/-.*/, '')))];
  const all = ['prefix', 'requirements', 'tested', 'untestable', 'open', 'backend', 'frontend', 'adapters'];
  const columns = isWhole ? all : all.filter((column) => column !== 'untestable' && column !== 'open');
  const count = (of: readonly Row[]): (string | number)[] => {
    const by = new Set(of.flatMap((row) => row.tests));
    const role = (name: string): number => [...by].filter((id) => id.startsWith(name)).length;
    const tested = of.filter((row) => row.tests.length > 0).length;
    const untestable = of.filter((row) => row.untestable !== null).length;
    const observed = tests.some((test) => by.has(test.id) && test.options.observer);
    const adapters = by.size === 0 ? '-' : observed ? 'both*' : 'both';
    return [
      of.length,
      tested,
      ...(isWhole ? [untestable, of.length - tested - untestable] : []),
      role('backend'),
      role('frontend'),
      adapters,
    ];
  };
  const counted = prefixes.map((name): [string, Row[]] => [name, rows.filter(({ id }) => id.startsWith(`${name}-`))]);
  const cells = [...counted, ['all', rows] as const].map(([name, of]) => [name, ...count(of).map(String)]);
  textTable(columns, cells, (column) => column === 'prefix').forEach(write);
  write('');
  write(
    'backend, frontend: tests and rules of the monitor, on the simulated and on a real Xen (*: some need dom0 there).',
  );
  write('--requirements lists the requirements, --tests the tests; --json prints all details of either.');
}
