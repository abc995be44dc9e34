/** What several chapters do to a frontend. */
import type { BackendPeer } from '../../harness/peer/backend.js';
import type { FrontendTest } from '../../harness/run/suite.js';
import { blamesIut } from '../../harness/run/judge.js';

/** The vif passes a ping once more: nothing that went before has hurt it. */
export async function stillPasses(t: FrontendTest, requirement: string, vif: BackendPeer): Promise<void> {
  await t.check(requirement, () => vif.ping());
}

/** The guest is as well as before: its other vif passes a ping, whatever became of the one that was mistreated. */
export async function survives(t: FrontendTest, requirement: string, vif: BackendPeer): Promise<void> {
  try {
    await vif.ping({ ms: 200 });
  } catch (error) {
    if (!blamesIut(error)) throw error;
    t.info('the frontend gave the vif up');
  }
  await t.check(requirement, async () => (await t.connect()).ping());
}

/**
 * Waits until the frontend has seen that it is connected, and done what it does then on its own. A whole connection of
 * another vif is the sentinel: drivers take what happens on xenbus one after the other.
 */
export async function isSettled(t: FrontendTest, vif: BackendPeer): Promise<void> {
  await t.configure(vif);
  await (await t.fresh()).ping();
}
