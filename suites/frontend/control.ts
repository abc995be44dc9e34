/** netif.h, "Control ring", and what a frontend says by it: "Control messages". */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { agree, type Answering, type BackendControl, GREF_ROOM, refuse } from '../../harness/peer/backend-control.js';
import type { CtrlRequest } from '../../harness/protocol/ctrl.js';
import type { ExtraHash } from '../../harness/protocol/extra.js';
import { decodeGrefList, type NetifGref } from '../../harness/protocol/gref.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_TYPE, KEY } from '../../harness/protocol/netif.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';
import { awaitSettled, readable, stillPasses, writable } from './verbs.js';

const { test, tests } = frontendChapter('control');
export const control = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const OFFERED = { ...BACKEND_KEYS, [KEY.featureCtrlRing]: '1' };

/** Words of a request that a message gives as 0. */
const ZERO_WORDS: Readonly<Record<number, readonly number[]>> = {
  [CTRL_TYPE.setHashAlgorithm]: [1, 2],
  [CTRL_TYPE.getHashFlags]: [0, 1, 2],
  [CTRL_TYPE.setHashFlags]: [1, 2],
  [CTRL_TYPE.setHashKey]: [2],
  [CTRL_TYPE.getHashMappingSize]: [0, 1, 2],
  [CTRL_TYPE.setHashMappingSize]: [1, 2],
  [CTRL_TYPE.getGrefMappingSize]: [1, 2],
};

test('not-offered', 'provides no control ring to a backend that has none', async (t) => {
  const keys = await (await t.connect()).otherKeys();
  await t.check('CTRL-04', () => expect(keys).not.to.have.any.keys(KEY.ctrlRingRef, KEY.eventChannelCtrl));
});

test('keys', 'tells of its control ring before it is connected, above its queues', PING, async (t) => {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  await t.check('CTRL-02', () => vif.connect());
  const early = vif.control !== undefined;
  await awaitSettled(t, vif);
  const late = await vif.otherKeys();
  if (!early && late[KEY.ctrlRingRef] === undefined) t.skip('the frontend provides no control ring');
  await t.check('CTRL-03', () => expect(early, 'a control ring when it went to Connected').to.equal(true));
});

test('zero-words', 'leaves words 0 that a message gives no meaning', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  // Whatever it asks on its own, it has asked when another vif has connected.
  await awaitSettled(t, vif);
  await t.check('CTRL-12', () => expect(stray(ring)).to.deep.equal([]));
});

test('hash-words', 'leaves words 0 that a hash message gives no meaning', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  await asked(t, vif, () => ring.of(CTRL_TYPE.setHashMapping).length > 0);
  await t.check('HASH-40', () => {
    expect(stray(ring).filter(({ type }) => type <= CTRL_TYPE.setHashAlgorithm)).to.deep.equal([]);
  });
});

test('gref-words', 'leaves words 0 that GET_GREF_MAPPING_SIZE gives no meaning', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  await asked(t, vif, () => ring.of(CTRL_TYPE.getGrefMappingSize).length > 0);
  await t.check('GREF-06', () => {
    expect(stray(ring).filter(({ type }) => type === CTRL_TYPE.getGrefMappingSize)).to.deep.equal([]);
  });
});

test('any-order', 'takes responses in any order, by their ids', PING, async (t) => {
  // With responses in the order of its requests it goes on to have grants mapped: then it must here too.
  const usual = await controlled(t);
  await asked(t, usual.vif, () => usual.ring.of(CTRL_TYPE.addGrefMapping).length === usual.vif.queues.length);
  const held: CtrlRequest[] = [];
  const { vif, ring } = await controlled(t, (request) => {
    if (request.type !== CTRL_TYPE.getGrefMappingSize) return agree(request);
    held.push(request);
    return undefined;
  });
  await asked(t, vif, () => held.length === vif.queues.length);
  if (held.length < 2) t.skip('the frontend sends its requests one after the other');
  // Each queue is told another size, the last one first.
  const size = (queue: number): number => 4 + queue;
  for (const request of held.reverse()) {
    ring.respond(request, { status: CTRL_STATUS.success, data: size(request.data[0]) });
  }
  ring.push();
  await t.check('CTRL-08', async () => {
    const added = (): CtrlRequest[] => ring.of(CTRL_TYPE.addGrefMapping);
    await vif.until('ADD_GREF_MAPPING for each queue', () => added().length === held.length, { on: [ring.asked] });
    for (const { data } of added()) {
      expect(data[2], `entries for queue ${data[0]}`).to.be.at.most(size(data[0]));
    }
  });
});

test('unanswered', 'goes on without an answer', PING, async (t) => {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  vif.answer = () => undefined;
  await vif.connect();
  const ring = vif.control ?? t.skip('the frontend provides no control ring');
  await t.check('CTRL-19', () => t.configure(vif));
  await asked(t, vif, () => ring.requests.length > 0);
  await stillPasses(t, 'CTRL-19', vif);
});

for (const [name, title, answer] of [
  ['refused', 'maps none', refuse],
  ['no-room', 'has no room', (request: CtrlRequest) => ({ ...agree(request), data: 0 })],
] as const) {
  test(name, `goes on with ordinary grants when the backend ${title}`, PING, async (t) => {
    const { vif, ring } = await controlled(t, answer);
    await asked(t, vif, () => ring.of(CTRL_TYPE.getGrefMappingSize).length > 0);
    await t.check('GREF-32', async () => {
      // The first answer may be on its way when the frontend learns that nothing will be mapped.
      for (let n = 0; n < 3; n++) await vif.ping();
    });
  });
}

test('hash-key', 'keeps the key granted until it has the answer', PING, async (t) => {
  const { vif, request } = await pending(t, CTRL_TYPE.setHashKey);
  await t.check('HASH-15', () => expect(readable(t, vif, request.data[0]), 'the page of the key').to.equal(true));
});

test('hash-mapping', 'keeps the mapping table granted until it has the answer', PING, async (t) => {
  const { vif, request } = await pending(t, CTRL_TYPE.setHashMapping);
  await t.check('HASH-31', () => expect(readable(t, vif, request.data[0]), 'the page of the table').to.equal(true));
});

test('hashed', 'takes packets that come with a hash, once it asked for hashes', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  await asked(t, vif, () => ring.of(CTRL_TYPE.setHashFlags).length > 0);
  const extra: ExtraHash = { type: 'hash', flags: 0, hashType: HASH_TYPE.ipv4, algorithm: 1, value: 0x12345678 };
  await t.check('HASH-34', () => vif.ping({ shape: { extras: [extra] } }));
});

test('gref-list', 'grants its list and all in it until it has the answer', PING, async (t) => {
  const { vif, request } = await pending(t, CTRL_TYPE.addGrefMapping);
  const [, ref, size] = request.data;
  const list = entriesOf(t, vif, ref, size);
  await t.check('GREF-33', () => {
    expect(list.length, 'entries of the list').to.be.within(1, GREF_ROOM);
    for (const entry of list) expect(readable(t, vif, entry.ref), `grant ${entry.ref}`).to.equal(true);
  });
  await t.check('GREF-08', () => expect(writable(t, vif, ref), 'the page of the list').to.equal(true));
});

/** Requests with something in a word that should be 0. */
function stray(ring: BackendControl): CtrlRequest[] {
  return ring.requests.filter(({ type, data }) => (ZERO_WORDS[type] ?? []).some((word) => data[word] !== 0));
}

/** A connection whose frontend provides a control ring, and has sent a first request; skips the test for others. */
async function controlled(
  t: FrontendTest,
  answer: Answering = agree,
): Promise<{ vif: BackendPeer; ring: BackendControl }> {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  vif.answer = answer;
  await vif.connect();
  await t.configure(vif);
  const ring = vif.control ?? t.skip('the frontend provides no control ring');
  await asked(t, vif, () => ring.requests.length > 0);
  return { vif, ring };
}

/** Waits until the frontend has asked for something; skips the test if it never does. */
async function asked(t: FrontendTest, vif: BackendPeer, probe: () => boolean): Promise<void> {
  try {
    await vif.until('control request', probe, { on: vif.control ? [vif.control.asked] : [] });
  } catch (error) {
    if (!(error instanceof Expired)) throw error;
    t.skip('the frontend does not ask for that');
  }
}

/** A frontend that waits for the answer to a request of a type. */
async function pending(t: FrontendTest, type: number): Promise<{ vif: BackendPeer; request: CtrlRequest }> {
  const { vif, ring } = await controlled(t, (request) => (request.type === type ? undefined : agree(request)));
  await asked(t, vif, () => ring.of(type).length > 0);
  const [request] = ring.of(type);
  if (!request) throw new Error('waited for a request');
  return { vif, request };
}

function entriesOf(t: FrontendTest, vif: BackendPeer, ref: number, count: number): NetifGref[] {
  const at = { domain: vif.iutDomain, ref, offset: 0, length: Math.min(count, 512) * 8 };
  const list = decodeGrefList(t.domain.grants.copyFrom([at])[0]?.bytes ?? new Uint8Array(), count);
  return list.ok ? list.value : [];
}
