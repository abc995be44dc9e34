/** Runs tests of other chapters again, in situations where drivers have further bugs. */
import type { Role } from '../../harness/run/record.js';
import type { TestDefinition, TestOf, TestOptions } from '../../harness/run/suite.js';

/** A situation in which a test is run again. */
export interface Situation<R extends Role> {
  /** The prefix of the names of its tests. */
  readonly name: string;
  /** What is added to the titles. */
  readonly title: string;
  readonly options?: TestOptions;
  /** The ways to connect that take the place of those of `t`; the shared connection is made like a fresh one. */
  readonly connections: (t: TestOf[R]) => Pick<TestOf[R], 'fresh'> & Partial<TestOf[R]>;
}

/**
 * The tests with these names, `chapter.name`, in a situation. Throws if there is no such test.
 *
 * @param of the tests of all chapters
 */
export function again<R extends Role>(
  { name: prefix, title, options, connections }: Situation<R>,
  of: readonly TestDefinition<R>[],
  names: readonly string[],
): TestDefinition<R>[] {
  return names.map((name) => {
    const test = of.find(({ role, id }) => id === `${role}.${name}`);
    if (!test) throw new Error(`no test is called ${name}`);
    return {
      id: `${test.role}.again.${prefix}-${name.replace('.', '-')}`,
      role: test.role,
      chapter: 'again',
      title: `${test.title}, ${title}`,
      options: { ...test.options, fresh: true, ...options },
      get location() {
        return test.location;
      },
      body: (t) => test.body(replaced(t, shared(connections(t)))),
    };
  });
}

/** The same connections, and a shared one. */
function shared<C extends { fresh: () => Promise<unknown> }>(connections: C): C & { connect: C['fresh'] } {
  let first: Promise<unknown> | undefined;
  return { ...connections, connect: () => (first ??= connections.fresh()) };
}

/** `t` with other methods in the place of some of its own. */
function replaced<T extends object>(t: T, by: Partial<T>): T {
  return new Proxy(t, {
    get(target, key) {
      const value: unknown = Reflect.get(key in by ? by : target, key);
      return typeof value === 'function' ? (value.bind(key in by ? by : target) as unknown) : value;
    },
  });
}
