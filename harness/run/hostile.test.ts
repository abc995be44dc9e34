/** Drivers that do anything at all, against the peers: no fault of theirs may become a fault of ours. */
import fc from 'fast-check';
import { expect } from 'chai';
import { BACKEND_KEYS, BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { type Link, linkOf } from '../peer/link.js';
import { createVif, removeVif, type VifAddress, vifOf } from '../peer/vif.js';
import { formatMac } from '../packet/address.js';
import { Stack } from '../packet/stack.js';
import { CTRL_TYPE, KEY } from '../protocol/netif.js';
import { RING_OFFSET } from '../protocol/ring.js';
import { type Attack, ATTACKED_KEYS, INDEX_OFFSETS, ODD_VALUES, ODD_WORDS, Rogue } from '../reference/rogue.js';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import { attackRuns, isSoak } from '../soak.js';
import { EventPump } from '../xen/event-pump.js';
import { Patience } from '../xen/wait.js';
import type { AnyPeer } from './connections.js';
import { blamesIut } from './judge.js';
import type { Role } from './record.js';

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
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lie'), key, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('endless'), of: fc.constantFrom('data', 'extra') }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('frame'),
      which: fc.nat(100),
      at: fc.nat(80),
      value: fc.oneof(fc.constantFrom(...ODD_WORDS), word),
      cut: fc.oneof(fc.nat(80), fc.constant(200)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove'), key }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('event') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('vanish') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke'), n: fc.nat(600) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('spoil'),
      what: fc.constantFrom('slot', 'slot', 'index', 'data'),
      at: fc.nat(64),
      value: fc.oneof(fc.constantFrom(...ODD_WORDS), word),
      times: fc.constantFrom(1, 1, 2, 300),
    }),
  },
);

/** What there is to do to a vif, as it's counted; only a frontend offers pages that it can withdraw. */
const KINDS = ['endless', 'event', 'frame', 'index', 'key', 'remove', 'slot', 'vanish'].concat(
  ['data', 'index', 'key', 'slot'].map((written) => `spoil ${written}`),
);
const KINDS_OF: Record<Role, string[]> = { frontend: [...KINDS, 'revoke'], backend: KINDS };

/** A backend with all that a frontend may use, so that there is more to attack. */
const OFFERED = {
  ...BACKEND_KEYS,
  [KEY.featureCtrlRing]: '1',
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureMulticastControl]: '1',
  [KEY.multiQueueMaxQueues]: '2',
};
/** Bytes of a ping that takes several slots. */
const LONG_PING = 9000;

/**
 * Lets the peer do its work among the attacks; answers what it threw that isn't the driver's to answer for.
 *
 * @param strike counts an attack that found something to attack
 */
async function suffer(
  role: Role,
  seed: number,
  attacks: readonly Attack[],
  strike: (what: string) => void,
): Promise<unknown[]> {
  const hypervisor = new Hypervisor({ seed });
  const [harness, guest] = [hypervisor.domain(0), hypervisor.domain(1)];
  const hostile = new Rogue(role, guest, (handle) => new Stack(linkOf(handle).iut));
  await hostile.start();
  const context = { domain: harness, pump: new EventPump(harness.events), patience: new Patience(harness.clock) };
  const handle = 20;
  const vif = vifOf(role, guest.id, harness.id, handle);
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
    backendKeys: role === 'frontend' ? OFFERED : {},
  });
  const [peer, work] =
    role === 'frontend' ? await backendWork(context, vif, link) : await frontendWork(context, vif, link);
  // As the driver knows it: below its own domain's directory.
  const path = role === 'frontend' ? `device/vif/${handle}` : `backend/vif/0/${handle}`;
  const perform = async (attack: Attack): Promise<void> => {
    if ((await hostile.perform(attack, path)) && attack.kind !== 'spoil' && attack.kind !== 'lie') strike(attack.kind);
  };
  // Some of them before there is a connection.
  const [early, late] = [attacks.slice(0, 2), attacks.slice(2)];
  for (const step of early) await perform(step);
  await attempt(work.connect);
  for (const step of late) {
    await perform(step);
    if (peer.queues.length > 0) for (const step of work.steps) await attempt(step);
  }
  await attempt(() => peer.disconnect({ ms: 50 }));
  await attempt(() => peer.close());
  await attempt(() => removeVif(harness.store, vif));
  const held = hypervisor.holdings(0);
  if (Object.values(held).some((count) => count > 0)) {
    faults.push(new Error(`the harness still holds ${JSON.stringify(held)}`));
  }
  for (const what of hostile.spoilt) strike(`spoil ${what}`);
  await hostile.close();
  await guest.close();
  await harness.close();
  return faults;
}

interface Work {
  readonly connect: () => Promise<void>;
  /** What is done after each attack. */
  readonly steps: readonly (() => Promise<unknown>)[];
}

async function backendWork(context: PeerContext, vif: VifAddress, link: Link): Promise<[BackendPeer, Work]> {
  const peer = await BackendPeer.create(context, vif, link);
  const ping = (length: number) => () => peer.ping({ ms: 20, length });
  return [peer, { connect: () => peer.connect(), steps: [ping(64), ping(LONG_PING), ...questions(peer)] }];
}

async function frontendWork(context: PeerContext, vif: VifAddress, link: Link): Promise<[FrontendPeer, Work]> {
  const peer = await FrontendPeer.create(context, vif, link);
  const connect = (): Promise<void> => peer.connect({ control: true, keys: { [KEY.featureGsoTcpv4]: '1' } });
  const ping = (length: number) => () => peer.ping({ ms: 20, length });
  const ask = (): Promise<unknown> => peer.control.ask(CTRL_TYPE.getHashFlags);
  return [peer, { connect, steps: [ping(64), ping(LONG_PING), ask, ...questions(peer)] }];
}

/** What the stack behind the driver answers beside pings. */
function questions(peer: AnyPeer): Work['steps'] {
  return [() => peer.arp({ ms: 20 }), () => peer.syn({ ms: 20, ipv6: true })];
}

describe('hostile drivers', function () {
  this.timeout(isSoak ? 0 : 60_000);
  for (const role of ['frontend', 'backend'] as const) {
    it(`(${role}s) get no peer to fail in any other way than by finding them in the wrong`, async () => {
      const struck = new Set<string>();
      const strike = (what: string): void => void struck.add(what);
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.array(attack, { minLength: 4, maxLength: 24 }), async (seed, attacks) => {
          expect(await suffer(role, seed, attacks, strike)).to.deep.equal([]);
        }),
        attackRuns(150),
      );
      // An attack that never finds what it's for would prove nothing.
      expect([...struck]).to.have.members(KINDS_OF[role]);
    });
  }
});
