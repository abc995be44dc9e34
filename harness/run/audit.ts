/** Whether a test left something behind. */
import { Expired, type Patience } from '../xen/wait.js';
import type { AnyPeer } from './connections.js';
import type { Holdings } from '../xen/domain.js';
import type { Finding } from './judge.js';

/** What there is at one moment. */
export interface Inventory {
  /** The peer of the connection that tests share, if it's there. */
  readonly connection: AnyPeer | undefined;
  readonly driver?: Holdings;
  readonly harness: Holdings;
}

const NAMES: Readonly<Record<keyof Holdings, readonly [one: string, more: string]>> = {
  grants: ['grant', 'grants'],
  mappings: ['mapping', 'mappings'],
  eventChannels: ['event channel', 'event channels'],
  watches: ['watch', 'watches'],
};

/** What `now` has more of than `before`, in words; undefined if nothing. */
export function leaked(before: Holdings, now: Holdings): string | undefined {
  const parts = (Object.keys(NAMES) as (keyof Holdings)[]).flatMap((kind) => {
    const more = now[kind] - before[kind];
    return more > 0 ? [`${more} ${NAMES[kind][more === 1 ? 0 : 1]}`] : [];
  });
  return parts.length > 0 ? parts.join(', ') : undefined;
}

export interface Audit {
  /** What there was before the test. */
  readonly before: Inventory;
  /** What there was before there was any connection. */
  readonly idle: Inventory;
  readonly look: () => Inventory;
  /** Takes out the connection that tests share. */
  readonly clear: () => Promise<void>;
  readonly patience: Patience;
}

/**
 * Waits until driver and harness hold no more than they did before; what doesn't go is the finding. It counts where
 * the connection that tests share is the same as then, or there was and is none. A driver may hold more for that very
 * connection, so it's taken out before a leak is believed.
 */
export async function findLeak({ before, idle, look, clear, patience }: Audit): Promise<Finding | undefined> {
  if (look().connection !== before.connection) return undefined;
  // The peer of a connection that goes on keeps the buffers that it had to make.
  const kept = before.connection ? { grants: before.harness.grants } : {};
  const ofHarness = (): string | undefined => leaked(before.harness, { ...look().harness, ...kept });
  const ofDriver = (then: Inventory): string | undefined => {
    const { driver } = look();
    return then.driver && driver && leaked(then.driver, driver);
  };
  // What was closed may take a while to be gone.
  const goes = async (left: () => string | undefined): Promise<boolean> => {
    try {
      return await patience.until('end of what the test made', () => left() === undefined);
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      return false;
    }
  };
  if (!(await goes(ofHarness))) {
    return { verdict: 'error', message: `the harness still holds ${ofHarness() ?? 'something'}`, requirements: [] };
  }
  if (await goes(() => ofDriver(before))) return undefined;
  await clear();
  if (await goes(() => ofDriver(idle))) return undefined;
  const message = `the driver still holds ${ofDriver(idle) ?? 'something'} of vifs that are gone`;
  return { verdict: 'fail', class: 'leak', message, requirements: ['XB-12'] };
}
