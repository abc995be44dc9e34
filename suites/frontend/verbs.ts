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
export async function awaitSettled(t: FrontendTest, vif: BackendPeer): Promise<void> {
  await t.configure(vif);
  await (await t.fresh()).ping();
}

/** Whether a page that the frontend granted can be read. */
export function readable(t: FrontendTest, vif: BackendPeer, ref: number): boolean {
  return t.domain.grants.copyFrom([{ domain: vif.iutDomain, ref, offset: 0, length: 1 }])[0]?.status === 0;
}

/** Whether such a page can be written: its first byte is written back as it was. */
export function writable(t: FrontendTest, vif: BackendPeer, ref: number): boolean {
  const at = { domain: vif.iutDomain, ref, offset: 0 };
  const [first] = t.domain.grants.copyFrom([{ ...at, length: 1 }]);
  return first?.status === 0 && t.domain.grants.copyTo([{ ...at, bytes: first.bytes }])[0] === 0;
}

/**
 * Whatever was done to `vifs` harms no other: a new one connects and passes a ping, and one that was there before does.
 * The new one is the sentinel as well: by then all that was done has been looked at.
 */
export async function outlives(
  t: FrontendTest,
  requirement: string,
  other: BackendPeer,
  vifs: readonly BackendPeer[],
): Promise<void> {
  await t.check(requirement, async () => (await t.fresh()).ping());
  await t.check(requirement, () => other.ping());
  await Promise.all(vifs.map((vif) => t.unplug(vif)));
}
