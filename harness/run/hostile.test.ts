/** Drivers that do anything at all, against the peers: no fault of theirs may become a fault of ours. */
import fc from 'fast-check';
import { expect } from 'chai';
import { BACKEND_KEYS, BackendPeer } from '../peer/backend.js';
import { FrontendPeer } from '../peer/frontend.js';
import { linkOf } from '../peer/link.js';
import { backendPath, createVif, frontendPath, removeVif, type VifAddress } from '../peer/vif.js';
import { formatMac } from '../packet/address.js';
import { Stack } from '../packet/stack.js';
import { RING_OFFSET } from '../protocol/ring.js';
import { type Attack, ATTACKED_KEYS, INDEX_OFFSETS, ODD_VALUES, Rogue } from '../reference/rogue.js';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import { EventPump } from '../xen/event-pump.js';
import { Patience } from '../xen/wait.js';
import { blamesIut } from './judge.js';
import type { Role } from './record.js';

/** How often all of it is done, always alike; a soak sets it high, and goes another way each time. */
const SOAK = process.env['NETIFSPEC_ATTACKS'];
const RUNS = SOAK === undefined ? { numRuns: 150, seed: 1 } : { numRuns: Number(SOAK) };

const ring = fc.constantFrom<0 | 1>(0, 1);
const word = fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 0xffffffff }));
const key = fc.constantFrom(...ATTACKED_KEYS);
const value = fc.oneof(fc.constantFrom(...ODD_VALUES), fc.string({ maxLength: 40 }), word.map(String));
const attack: fc.Arbitrary<Attack> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('index'), ring, offset: fc.constantFrom(...INDEX_OFFSETS), value: word }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('slot'),
      ring,
      offset: fc.integer({ min: RING_OFFSET.slots, max: 1000 }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('key'), key, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove'), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('event') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('vanish') }) },
);

/** Lets the peer do its work among the attacks; answers what it threw that isn't the driver's to answer for. */
async function suffer(role: Role, seed: number, attacks: readonly Attack[]): Promise<unknown[]> {
  const hypervisor = new Hypervisor({ seed });
  const [harness, guest] = [hypervisor.domain(0), hypervisor.domain(1)];
  const hostile = new Rogue(role, guest, (handle) => new Stack(linkOf(handle).iut));
  await hostile.start();
  const context = { domain: harness, pump: new EventPump(harness.events), patience: new Patience(harness.clock) };
  const handle = 20;
  const vif: VifAddress =
    role === 'frontend'
      ? { frontend: 1, backend: 0, handle, peer: 'backend' }
      : { frontend: 0, backend: 1, handle, peer: 'frontend' };
  const link = linkOf(handle);
  const faults: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!blamesIut(error)) faults.push(error);
    }
  };
  await createVif(harness.store, vif, {
    mac: formatMac(link.iut.mac),
    backendKeys: role === 'frontend' ? BACKEND_KEYS : {},
  });
  const peer =
    role === 'frontend' ? await BackendPeer.create(context, vif, link) : await FrontendPeer.create(context, vif, link);
  const path = role === 'frontend' ? frontendPath(vif) : backendPath(vif);
  // Some of them before there is a connection.
  const [early, late] = [attacks.slice(0, 2), attacks.slice(2)];
  for (const step of early) await hostile.perform(step, path);
  await attempt(() => peer.connect());
  for (const step of late) {
    await hostile.perform(step, path);
    if (peer.queues.length > 0) await attempt(() => peer.ping({ ms: 20 }));
  }
  await attempt(() => peer.disconnect({ ms: 50 }));
  await attempt(() => peer.close());
  await attempt(() => removeVif(harness.store, vif));
  const held = hypervisor.holdings(0);
  if (Object.values(held).some((count) => count > 0)) {
    faults.push(new Error(`the harness still holds ${JSON.stringify(held)}`));
  }
  await hostile.close();
  await guest.close();
  await harness.close();
  return faults;
}

describe('hostile drivers', function () {
  this.timeout(SOAK === undefined ? 60_000 : 0);
  for (const role of ['frontend', 'backend'] as const) {
    it(`(${role}s) get no peer to fail in any other way than by finding them in the wrong`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.array(attack, { minLength: 4, maxLength: 24 }), async (seed, attacks) => {
          expect(await suffer(role, seed, attacks)).to.deep.equal([]);
        }),
        RUNS,
      );
    });
  }
});
