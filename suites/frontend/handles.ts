/** The handles of vifs: one that is used again, and one that begins like another. */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { demanded } from '../../harness/xen/wait.js';
import { stillPasses } from './verbs.js';

const { test, tests } = frontendChapter('handles');
export const handles = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const { initialising, initWait, initialised, connected } = XENBUS_STATE;
/** Vifs whose handles differ by a multiple of this number have the same addresses. */
const ADDRESSES = 128;

type Reach = (t: FrontendTest, vif: BackendPeer) => Promise<unknown>;

/** How far a vif comes before its directories disappear. */
const STAGES: readonly Reach[] = [
  // A whole connection of another vif is the sentinel: by then the frontend has seen this one.
  (t) => t.fresh(),
  async (_, vif) => {
    await vif.setState(initWait);
    await demanded(['XB-08'], vif.awaitState([initialised, connected]));
  },
  connects,
];

test('again', 'connects a vif with the handle of vifs that disappeared in other states', PING, async (t) => {
  let vif = await t.plug();
  for (const reach of STAGES) {
    await t.check('XB-14', () => reach(t, vif));
    vif = await replaced(t, vif);
  }
  await t.check('XB-14', () => connects(t, vif));
  if (vif.queues.length === 0) return;
  const value = await vif.otherKey(KEY.requestRxCopy);
  await t.check('XB-19', () => expect(value, KEY.requestRxCopy).to.equal('1'));
});

test('prefix', 'keeps a vif when another is removed whose handle is the start of its own', PING, async (t) => {
  const { handle: shared } = await t.connect();
  const vif = await t.fresh();
  const { handle } = vif;
  const longer = Array.from({ length: 10 }, (_, digit) => 10 * handle + digit);
  const isApart = (each: number): boolean => [shared, handle].every((used) => (each - used) % ADDRESSES !== 0);
  const other = await t.plug(BACKEND_KEYS, {}, longer.find(isApart));
  await other.connect();
  await t.configure(other);
  await t.unplug(vif);
  await stillPasses(t, 'ROB-02', other);
});

test('accepted-later', 'connects a vif whose backend is acceptable the second time only', PING, async (t) => {
  const vif = await t.plug({ ...BACKEND_KEYS, [KEY.featureRxCopy]: '0' });
  await vif.setState(initWait);
  // A whole connection of another vif is the sentinel: by then the frontend has seen this one.
  await t.fresh();
  if (vif.other.value !== String(initialising)) t.skip('the frontend does not wait for another backend');
  await vif.writeKeys({ [KEY.featureRxCopy]: '1', state: String(initialising) });
  await t.check('XB-16', () => connects(t, vif));
});

async function connects(t: FrontendTest, vif: BackendPeer): Promise<void> {
  await vif.connect();
  await t.configure(vif);
  await vif.ping();
}

/** Has a vif disappear without a word, and plugs one with the same handle. */
async function replaced(t: FrontendTest, vif: BackendPeer): Promise<BackendPeer> {
  const { store } = t.domain;
  vif.release();
  await store.remove(vif.path);
  await store.remove(vif.otherPath);
  // A whole connection of another vif is the sentinel: by then the frontend has seen that the directories are gone.
  await t.fresh();
  await t.unplug(vif);
  return t.plug(BACKEND_KEYS, {}, vif.handle);
}
