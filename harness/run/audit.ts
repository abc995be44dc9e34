/** Whether a test left something behind. */
import { Expired, type Patience } from '../xen/wait.js';
import type { AnyPeer } from './connections.js';
import type { Holdings } from './iut.js';
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

/**
 * Waits until driver and harness hold no more than they did `before`; what doesn't go is the finding. It counts where
 * the connection that tests share is the same as then, or there was and is none.
 */
export async function findLeak(
  before: Inventory,
  look: () => Inventory,
  patience: Patience,
): Promise<Finding | undefined> {
  if (look().connection !== before.connection) return undefined;
  const ofDriver = (): string | undefined => {
    const { driver } = look();
    return before.driver && driver && leaked(before.driver, driver);
  };
  const ofHarness = (): string | undefined => {
    // The peer of a connection that goes on keeps the buffers that it had to make.
    const kept = before.connection ? { grants: before.harness.grants } : {};
    return leaked(before.harness, { ...look().harness, ...kept });
  };
  try {
    // What was closed may take a while to be gone.
    await patience.until('end of what the test made', () => ofDriver() === undefined && ofHarness() === undefined);
    return undefined;
  } catch (error) {
    if (!(error instanceof Expired)) throw error;
  }
  const ours = ofHarness();
  if (ours !== undefined) return { verdict: 'error', message: `the harness still holds ${ours}`, requirements: [] };
  const message = `the driver still holds ${ofDriver() ?? 'nothing'} of vifs that are gone`;
  return { verdict: 'fail', class: 'leak', message, requirements: ['XB-12'] };
}
