import { CATALOGUE } from '../../suites/requirements/index.js';
import { checkedIds } from '../../suites/checked.js';
import { selectTests, type Selection } from './select.js';

export interface ListOptions extends Selection {
  readonly requirements?: boolean;
  readonly json?: boolean;
}

/** `netifspec list`: the tests with what each needs, or the requirements with the tests of each. */
export function listCommand(options: ListOptions): void {
  const tests = selectTests(options);
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  if (options.requirements) {
    const rows = CATALOGUE.map((requirement) => ({
      ...requirement,
      tests: tests.filter((test) => checkedIds(test).includes(requirement.id)).map((test) => test.id),
    }));
    if (options.json) return write(JSON.stringify(rows, null, 2));
    for (const { id, side, level, statement, tests: by, untestable } of rows) {
      const state = untestable ? 'untestable' : by.length > 0 ? `${by.length} tests` : 'no test yet';
      write(`${id.padEnd(10)} ${side.padEnd(9)} ${level.padEnd(9)} ${state.padEnd(12)} ${statement}`);
    }
    return;
  }
  if (options.json)
    return write(
      JSON.stringify(
        tests.map(({ body: _, ...test }) => test),
        null,
        2,
      ),
    );
  for (const { id, title, options: needs } of tests) {
    const words = [
      needs.gate,
      needs.reflector,
      needs.bridge && 'bridge',
      needs.observer && 'observer',
      needs.destructive && 'destructive',
    ];
    const marks = words.flat().filter(Boolean).join(', ');
    write(`${id.padEnd(44)} ${title}${marks ? `  [${marks}]` : ''}`);
  }
}
