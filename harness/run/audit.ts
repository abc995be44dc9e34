/** Detects resources that a test leaked. */
import { Expired, type Patience } from '../xen/wait.js';
import type { AnyPeer } from '../peer/any-peer.js';
import { STATE_MS } from '../peer/xenbus-end.js';
import type { Holdings } from '../xen/domain.js';
import type { Catalogue } from './catalogue.js';
import { type Finding, verdictOfLevels } from './judge.js';
import type { Role } from './record.js';

/** Directories that were gone before netifspec closed the vif, so that the driver was shown no close. */
export interface Removals {
  frontend: number;
  backend: number;
}

/** The requirement to keep nothing of a connection that has ended, and the one to keep no watch. */
const LEAK_BREAKS: Readonly<Record<Role, { readonly any: string; readonly watches: string }>> = {
  backend: { any: 'XB-12', watches: 'XB-23' },
  frontend: { any: 'XB-15', watches: 'XB-15' },
};

/** The resources held at one moment. */
export interface Inventory {
  /** The peer of the shared connection, if it is connected. */
  readonly connection: AnyPeer | undefined;
  readonly driver?: Holdings;
  readonly harness: Holdings;
  /** How many there have been so far. */
  readonly removals: Readonly<Removals>;
}

const NAMES: Readonly<Record<keyof Holdings, readonly [one: string, more: string]>> = {
  grants: ['grant', 'grants'],
  mappings: ['mapping', 'mappings'],
  eventChannels: ['event channel', 'event channels'],
  watches: ['watch', 'watches'],
};

/** The resources that `now` holds in addition to `before`, in words; undefined if there are none. */
export function leaked(before: Holdings, now: Holdings): string | undefined {
  const parts = kindsLeaked(before, now).map((kind) => {
    const more = now[kind] - before[kind];
    return `${more} ${NAMES[kind][more === 1 ? 0 : 1]}`;
  });
  return parts.length > 0 ? parts.join(', ') : undefined;
}

function kindsLeaked(before: Holdings, now: Holdings): (keyof Holdings)[] {
  return (Object.keys(NAMES) as (keyof Holdings)[]).filter((kind) => now[kind] > before[kind]);
}

export interface Audit {
  /** The role of the driver under test. */
  readonly role: Role;
  readonly catalogue: Catalogue;
  /** The resources held before the test. */
  readonly before: Inventory;
  /** The resources held before the first connection. */
  readonly idle: Inventory;
  readonly look: () => Inventory;
  /** Removes the shared connection. */
  readonly clear: () => Promise<void>;
  readonly patience: Patience;
}

/**
 * Waits until driver and harness hold no more than before the test; what remains is the finding. Compares only if the
 * shared connection is the same as before the test, or missing both times. The driver may hold more for the shared
 * connection, so that is removed before a leak is reported.
 */
export async function findLeak(audit: Audit): Promise<Finding | undefined> {
  const { role, catalogue, before, idle, look, clear, patience } = audit;
  if (look().connection !== before.connection) return undefined;
  // The peer of a connection that stays keeps the buffers that it had to allocate.
  const kept = before.connection ? { grants: before.harness.grants } : {};
  const leakOfHarness = (): string | undefined => leaked(before.harness, { ...look().harness, ...kept });
  const leakOfDriver = (then: Inventory): string | undefined => {
    const { driver } = look();
    return then.driver && driver && leaked(then.driver, driver);
  };
  // Closed resources may disappear with a delay: a driver may be slow to close.
  const isFreed = async (left: () => string | undefined): Promise<boolean> => {
    try {
      return await patience.until('end of what the test made', () => left() === undefined, { ms: STATE_MS });
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      return false;
    }
  };
  if (!(await isFreed(leakOfHarness))) {
    const observed = `netifspec still holds ${leakOfHarness() ?? 'something'} after the test, which is a bug of netifspec; please report it`;
    return { verdict: 'error', failure: { observed }, requirements: [] };
  }
  if (await isFreed(() => leakOfDriver(before))) return undefined;
  await clear();
  if (await isFreed(() => leakOfDriver(idle))) return undefined;
  const observed = `the driver still holds ${leakOfDriver(idle) ?? 'something'} of vifs that were removed`;
  const broken = leakBreaks(role, before, idle, look());
  const { verdict } = verdictOfLevels([catalogue.requirement(broken).level]);
  return { verdict, class: 'leak', failure: { observed }, requirements: [broken] };
}

/** The requirement that a leak breaks: to release what a removed directory was for is less of an obligation (XB-37, XB-38). */
export function leakBreaks(role: Role, before: Inventory, idle: Inventory, now: Inventory): string {
  if (isOfWatches(idle, now)) return LEAK_BREAKS[role].watches;
  if (role === 'backend' && now.removals.frontend > before.removals.frontend) return 'XB-37';
  if (role === 'backend' && now.removals.backend > before.removals.backend) return 'XB-38';
  return LEAK_BREAKS[role].any;
}

function isOfWatches({ driver: before }: Inventory, { driver: now }: Inventory): boolean {
  return before !== undefined && now !== undefined && kindsLeaked(before, now).every((kind) => kind === 'watches');
}
