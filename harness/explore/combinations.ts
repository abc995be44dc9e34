/** Every combination of a few values of all options, in as few connections as a covering array needs. */
import covertable from 'covertable';
import type { Role, StepNote } from '../run/record.js';
import { type Choice, OPTIONS } from './model/choice.js';

export interface Combinations {
  /** A connection for each row of the array. */
  readonly rows: readonly Choice[];
  /** Combinations of `strength` values of different options: how many there are in the rows, and how many in all. */
  readonly covered: number;
  readonly possible: number;
}

/** The rows that hold every combination of `strength` values: pairs for 2, triples for 3. */
export function combinations(strength: number): Combinations {
  const rows = covertable.make(OPTIONS as unknown as Record<string, unknown[]>, { length: strength }) as Choice[];
  const groups = subsets(Object.keys(OPTIONS) as (keyof Choice)[], strength);
  const seen = new Set(
    groups.flatMap((names) => rows.map((row) => JSON.stringify(names.map((name) => [name, row[name]])))),
  );
  const possible = groups.reduce((sum, names) => sum + names.reduce((n, name) => n * OPTIONS[name].length, 1), 0);
  return { rows, covered: seen.size, possible };
}

function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, n) => subsets(items.slice(n + 1), size - 1).map((rest) => [item, ...rest]));
}

const both = (make: (end: 0 | 1) => StepNote): StepNote[] => [make(0), make(1)];
const checksum = { protocol: 'tcp', ipv6: false, blank: true };

/** A short exchange in both directions that uses what was negotiated. Steps for what was not are left out when it runs. */
export const EXCHANGE: Readonly<Record<Role, readonly StepNote[]>> = {
  backend: [
    { step: 'both-ways', args: { count: 8, queue: 0 } },
    ...both((from) => ({ step: 'send', args: { from, kind: 0, length: 1514, layout: '14', offset: 3, queue: 1 } })),
    ...both((from) => ({ step: 'large', args: { from, ipv6: false, length: 8138 } })),
    ...both((from) => ({ step: 'large', args: { from, ipv6: true, length: 4042 } })),
    ...both((from) => ({ step: 'checksum', args: { from, ...checksum } })),
    ...both((from) => ({ step: 'checksum', args: { from, ...checksum, protocol: 'udp', ipv6: true } })),
    ...both((end) => ({ step: 'listen', args: { end, group: 1, add: true } })),
    ...both((to) => ({ step: 'multicast', args: { to } })),
    ...both((end) => ({ step: 'hash', args: { end, flags: 3, key: 0 } })),
    ...both((end) => ({ step: 'table', args: { end, queues: [0, 1] } })),
    ...both((to) => ({ step: 'flow', args: { to, flow: 0, protocol: 'tcp' } })),
    ...both((end) => ({ step: 'map', args: { end, queue: 0, count: 4, unmap: false } })),
    { step: 'both-ways', args: { count: 32, queue: 1 } },
  ],
  frontend: [
    { step: 'both-ways', args: { count: 8, length: 200 } },
    ...both((from) => ({ step: 'send', args: { from, kind: 'UDP', layout: '14' } })),
    ...both((from) => ({ step: 'large', args: { from, ipv6: false, length: 8138 } })),
    ...both((from) => ({ step: 'large', args: { from, ipv6: true, length: 4042 } })),
    ...both((from) => ({ step: 'checksum', args: { from, ...checksum } })),
    ...both((from) => ({ step: 'checksum', args: { from, ...checksum, protocol: 'udp', ipv6: true } })),
    { step: 'both-ways', args: { count: 16, length: 1514 } },
  ],
};
