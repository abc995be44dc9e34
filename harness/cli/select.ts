import { SUITES } from '../../suites/index.js';
import { NEWEST_TEXT, TEXT_VERSIONS, textVersion } from '../../suites/requirements/index.js';
import { glob } from '../pattern.js';
import type { Role } from '../run/record.js';
import { isAnchor, type Tests } from '../run/suite.js';
import { UsageError } from './exit.js';
import { shardOf } from './shard.js';

export interface Selection {
  readonly role?: string;
  readonly test?: readonly string[];
  /** The version of the text that the vendor claims. */
  readonly spec?: string;
  /** I/N: one part of all that is selected. */
  readonly shard?: string;
  /** Folder of an earlier run, by whose times the parts are balanced. */
  readonly times?: string;
}

/** The version of the text that the driver is held to. Throws a UsageError that lists them all. */
export function specOf({ spec }: Selection): string {
  if (spec === undefined) return NEWEST_TEXT;
  const version = textVersion(spec);
  if (version !== undefined) return version;
  const versions = Object.entries(TEXT_VERSIONS).map(([key, text]) => `  ${key.padEnd(12)}${text}`);
  throw new UsageError(`--spec ${spec}: no version of the text; they are, oldest first,\n${versions.join('\n')}`);
}

/**
 * The tests of `role` that the user asked for, in order, and the connection test that they stand on.
 *
 * @throws UsageError if an id names none: a run of nothing must not look like a success
 */
export function selectTests(selection: Selection): Tests {
  const roles: readonly string[] = ['frontend', 'backend'] satisfies Role[];
  if (selection.role !== undefined && !roles.includes(selection.role)) {
    throw new UsageError(`--role ${selection.role}: it is frontend or backend`);
  }
  const patterns = selection.test ?? ['*'];
  const matches = (pattern: string, id: string): boolean => glob(pattern).test(id);
  for (const pattern of patterns) {
    if (!SUITES.some((test) => matches(pattern, test.id))) {
      throw new UsageError(`--test ${pattern}: no such test; "netifspec list" shows them all`);
    }
  }
  const wanted = SUITES.filter((test) => patterns.some((pattern) => matches(pattern, test.id)));
  const needed = new Set(wanted.map((test) => test.role));
  const selected = SUITES.filter(
    (test) =>
      (selection.role === undefined || test.role === selection.role) &&
      (wanted.includes(test) || (isAnchor(test) && needed.has(test.role))),
  );
  if (selected.length === 0) throw new UsageError('no test of that role is selected');
  // What may take the guest down comes last, so that all else is tested on the guest as it was.
  const ordered = selected.toSorted(
    (a, b) => Number(a.options.destructive ?? false) - Number(b.options.destructive ?? false),
  );
  const { shard, times } = selection;
  if (shard === undefined && times !== undefined)
    throw new UsageError('--times is for --shard: by them parts are balanced');
  if (shard === undefined) return ordered;
  // Each target gets the tests of its role: the parts of both are to be alike.
  return roles.flatMap((role) =>
    shardOf(
      ordered.filter((test) => test.role === role),
      shard,
      times,
    ),
  );
}
