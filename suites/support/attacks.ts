/** What the peers of both roles do that no peer may do. */
import type { TestContext } from '../../harness/run/suite.js';

/** An attack on the driver through `vif`; after `hasActed` the driver has had time to act. */
type Attack<T, V> = (t: T, vif: V, hasActed: () => Promise<unknown>) => unknown;

/** Attacks that a vif of its own bears. */
export type Attacks<T, V> = readonly (readonly [name: string, title: string, attack: Attack<T, V>])[];

/** A context that checks. */
export type Checking = Pick<TestContext<never>, 'check'>;

/** A vif that can be given up. */
export interface Victim {
  readonly monitor: { lookAway(): void };
  readonly queues: readonly { deaf: boolean }[];
}

/** Attacks the driver through a vif, which does nothing else from then on, and checks `requirement` meanwhile. */
export async function underAttack<T extends Checking, V extends Victim>(
  [t, vif]: readonly [T, V],
  requirement: string,
  attack: Attack<T, V>,
  hasActed: () => Promise<unknown>,
): Promise<void> {
  vif.monitor.lookAway();
  for (const queue of vif.queues) queue.deaf = true;
  await t.check(requirement, () => attack(t, vif, hasActed));
}
