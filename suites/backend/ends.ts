/** xenbus.h, states, and grants: however a connection ends, and whatever it has in use, the backend keeps nothing of it. */
import { expect } from 'chai';
import { OPTIONAL } from '../../harness/peer/xenbus-end.js';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { arrives } from '../support/losses.js';
import { rich, useAll } from './rich-verbs.js';
import { grantUses } from './verbs.js';

const { test, tests } = backendChapter('ends');
export const ends = tests;

const { initialising, initWait, closed } = XENBUS_STATE;
const OBSERVED = { fresh: true, observer: true } as const;

/** How a connection ends: what obliges the backend to release it, and whether the backend has followed. */
interface End {
  readonly what: string;
  readonly requirement: string;
  readonly end: (t: BackendTest, vif: FrontendPeer) => Promise<boolean>;
}

const ENDS: Readonly<Record<string, End>> = {
  closing: { what: 'closes', requirement: 'GNT-08', end: (_, vif) => arrives(vif.shut(OPTIONAL)) },
  closed: {
    what: 'goes to Closed at once',
    requirement: 'GNT-08',
    end: async (_, vif) => {
      await vif.setState(closed);
      return arrives(vif.awaitEnd([closed], OPTIONAL));
    },
  },
  initialising: {
    what: 'starts again without a close',
    requirement: 'GNT-08',
    end: async (_, vif) => {
      await vif.setState(initialising);
      return arrives(vif.awaitState([initWait], OPTIONAL));
    },
  },
  'frontend-removed': {
    what: 'has its directory removed',
    requirement: 'XB-37',
    end: async (t, vif) => {
      await t.domain.store.remove(vif.path);
      return true;
    },
  },
  'backend-removed': {
    what: 'is connected while the directory of the backend is removed',
    requirement: 'XB-38',
    end: async (t, vif) => {
      await t.domain.store.remove(vif.otherPath);
      return true;
    },
  },
};

for (const [name, { what, requirement, end }] of Object.entries(ENDS)) {
  test(name, `keeps nothing of a frontend with everything in use that ${what}`, OBSERVED, async (t) => {
    const vif = await usesAll(t, await rich(t));
    await endsWithout(t, vif, requirement, end);
  });
}

test('parts', 'keeps nothing of a frontend with a control ring, a tx pool or an rx pool alone', OBSERVED, async (t) => {
  const { control = false, pools } = await rich(t);
  const without = (...keys: readonly string[]): Record<string, undefined> =>
    Object.fromEntries(keys.map((key) => [key, undefined]));
  const parts: FrontendOptions[] = [
    ...(control ? [{ control }] : []),
    ...(pools ? [{ pools, keys: without(KEY.rxPoolRef, KEY.rxPoolSize) }] : []),
    ...(pools ? [{ pools, keys: without(KEY.txPoolRef, KEY.txPoolSize) }] : []),
  ];
  if (parts.length === 0) t.skip('the backend offers neither a control ring nor pools');
  for (const options of parts) {
    const vif = await usesAll(t, options);
    await endsWithout(t, vif, 'GNT-08', (_, each) => arrives(each.shut(OPTIONAL)));
  }
});

/** A connection that has everything in use that its options allow. */
async function usesAll(t: BackendTest, options: FrontendOptions): Promise<FrontendPeer> {
  const vif = await t.fresh(options);
  await useAll(vif, options);
  return vif;
}

/** Ends a connection, and checks that the backend then uses none of its pages. */
async function endsWithout(t: BackendTest, vif: FrontendPeer, requirement: string, end: End['end']): Promise<void> {
  const refs = [...vif.refs, ...vif.queues.flatMap(({ tables }) => tables.map(({ ref }) => ref))];
  const kept = async (): Promise<number> => (await grantUses(t, refs)).filter((use) => use !== 'unused').length;
  await kept();
  // Events of responses may be lost with the connection.
  vif.monitor.lookAwayFromRings();
  if (!(await end(t, vif))) t.skip('the backend does not follow its frontend');
  await t.check(requirement, async () => {
    await arrives(vif.context.patience.until('end of all uses', async () => (await kept()) === 0));
    expect(await kept(), `pages still in use, of ${refs.length}`).to.equal(0);
  });
}
