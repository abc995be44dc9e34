/**
 * The tests, and the requirements that their checks name. The test runner is given a catalogue and imports no suite.
 */
import { type Requirement, standsIn } from './requirement.js';
import type { Role } from './record.js';
import type { Tests } from './suite.js';

export class Catalogue {
  readonly #requirements: ReadonlyMap<string, Requirement>;
  readonly #checking = new Map<string, string[]>();

  /**
   * @param tests in the order of execution
   * @param checks the requirement ids that the checks of each test name, by test id
   */
  constructor(
    readonly tests: Tests,
    readonly requirements: readonly Requirement[],
    private readonly checks: Readonly<Record<string, readonly string[]>>,
  ) {
    this.#requirements = new Map(requirements.map((each) => [each.id, each]));
    for (const test of tests) {
      for (const id of this.checkedBy(test)) this.#checking.set(id, [...this.checking(id), test.id]);
    }
  }

  testsOf(role: Role): Tests {
    return this.tests.filter((test) => test.role === role);
  }

  /** The requirement with this id. Throws if the catalogue does not have it. */
  requirement(id: string): Requirement {
    const found = this.#requirements.get(id);
    if (found === undefined) throw new Error(`no requirement ${id} in the catalogue`);
    return found;
  }

  /** The requirement with this id; undefined if it belongs to another version of netifspec. */
  find(id: string): Requirement | undefined {
    return this.#requirements.get(id);
  }

  /** Whether a version of the header has a requirement. Throws if the catalogue does not have the id. */
  standsIn(version: string, id: string): boolean {
    return standsIn(version, this.requirement(id));
  }

  /** The ids of the requirements that the checks of a test name. */
  checkedBy(test: Tests[number]): readonly string[] {
    return this.checks[test.id] ?? [];
  }

  /** The ids of the tests whose checks name a requirement, in the order of execution. */
  checking(requirement: string): readonly string[] {
    return this.#checking.get(requirement) ?? [];
  }
}
