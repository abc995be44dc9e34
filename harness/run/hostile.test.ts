/** Drivers with arbitrary behaviour against the peers: no behaviour of a driver may cause an error of netifspec. */
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
import { attackRuns, isSoak } from '../soak.fixture.js';
import { EventPump } from '../xen/event-pump.js';
import { Patience } from '../xen/wait.js';
import type { AnyPeer } from '../peer/any-peer.js';
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
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('falsify'), key, value }) },
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
      kind: fc.constant('alter'),
      what: fc.constantFrom('slot', 'slot', 'index', 'data'),
      at: fc.nat(64),
      value: fc.oneof(fc.constantFrom(...ODD_WORDS), word),
      times: fc.constantFrom(1, 1, 2, 300),
    }),
  },
);

/** The kinds of attacks on a vif, as they are counted; only a frontend offers pages that it can withdraw. */
const KINDS = ['endless', 'event', 'frame', 'index', 'key', 'remove', 'slot', 'vanish'].concat(
  ['data', 'index', 'key', 'slot'].map((written) => `alter ${written}`),
);
const KINDS_OF: Record<Role, string[]> = { frontend: [...KINDS, 'revoke'], backend: KINDS };

/** A backend that advertises everything that a frontend may use, so that there is more to attack. */
const OFFERED = {
  ...BACKEND_KEYS,
  [KEY.featureCtrlRing]: '1',
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureMulticastControl]: '1',
  [KEY.multiQueueMaxQueues]: '2',
};
/** Payload of a ping that needs several slots, in bytes. */
const LONG_PING = 9000;

/**
 * Runs the peer during the attacks. Returns the errors that are not the driver's fault.
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
  // As the driver sees it: relative to the directory of its own domain.
  const path = role === 'frontend' ? `device/vif/${handle}` : `backend/vif/0/${handle}`;
  const perform = async (attack: Attack): Promise<void> => {
    if ((await hostile.perform(attack, path)) && attack.kind !== 'alter' && attack.kind !== 'falsify')
      strike(attack.kind);
  };
  // Some attacks run before the connection.
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
  for (const what of hostile.injected) strike(`alter ${what}`);
  await hostile.close();
  await guest.close();
  await harness.close();
  return faults;
}

interface Work {
  readonly connect: () => Promise<void>;
  /** The steps to run after each attack. */
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

/** The requests, in addition to pings, to which the driver's network stack replies. */
function questions(peer: AnyPeer): Work['steps'] {
  return [() => peer.arp({ ms: 20 }), () => peer.syn({ ms: 20, ipv6: true })];
}

describe('hostile drivers', function () {
  this.timeout(isSoak ? 0 : 60_000);
  for (const role of ['frontend', 'backend'] as const) {
    it(`(${role}s) cause no error in a peer other than a violation`, async () => {
      const struck = new Set<string>();
      const strike = (what: string): void => void struck.add(what);
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.array(attack, { minLength: 4, maxLength: 24 }), async (seed, attacks) => {
          expect(await suffer(role, seed, attacks, strike)).to.deep.equal([]);
        }),
        attackRuns(150),
      );
      // An attack that never finds its object would prove nothing.
      expect([...struck]).to.have.members(KINDS_OF[role]);
    });
  }
});
