/** netif.h, "Control ring", and the "Control messages" that a frontend sends. */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import {
  agree,
  type Answer,
  type BackendControl,
  GREF_ROOM,
  MAPPING_ROOM,
  refuse,
} from '../../harness/peer/backend-control.js';
import { type CtrlRequest, printCtrlRequest } from '../../harness/protocol/ctrl.js';
import { encodeExtra, type ExtraHash } from '../../harness/protocol/extra.js';
import type { NetifGref } from '../../harness/protocol/gref.js';
import {
  ALL_HASH_TYPES,
  CTRL_STATUS,
  CTRL_TYPE,
  EXTRA_FLAG_MORE,
  GREF_FLAG,
  GREF_LIST_MAX,
  GSO_TYPE,
  HASH_ALGORITHM,
  HASH_FLAG,
  HASH_TYPE,
  KEY,
  queueDirectory,
  RX_BLANK,
  RXF,
} from '../../harness/protocol/netif.js';
import { advance, distance } from '../../harness/protocol/ring.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { Patience } from '../../harness/xen/wait.js';
import { describes, gsoExtra, LARGE, largeAfter, largeFrame, MTU_FRAME } from '../support/large-packets.js';
import { awaitRequest, controlled, entriesOf, OFFERED, pending, stillPending } from './control-verbs.js';
import { awaitSettled, goOffline, happens, hasBuffers, readable, stillPasses, writable } from './verbs.js';

const { test, tests } = frontendChapter('control');
export const control = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
/** Control requests up to an event index that is not reached. */
const FAR_AHEAD = 16;
const HASHED: ExtraHash = { type: 'hash', flags: 0, hashType: HASH_TYPE.ipv4, algorithm: 1, value: 0x12345678 };

/** The reserved data words of each message. */
const RESERVED_WORDS: Readonly<Record<number, readonly number[]>> = {
  [CTRL_TYPE.setHashAlgorithm]: [1, 2],
  [CTRL_TYPE.getHashFlags]: [0, 1, 2],
  [CTRL_TYPE.setHashFlags]: [1, 2],
  [CTRL_TYPE.setHashKey]: [2],
  [CTRL_TYPE.getHashMappingSize]: [0, 1, 2],
  [CTRL_TYPE.setHashMappingSize]: [1, 2],
  [CTRL_TYPE.getGrefMappingSize]: [1, 2],
};

const controlKeys = (keys: Readonly<Record<string, string>>): string[] =>
  [KEY.ctrlRingRef, KEY.eventChannelCtrl].filter((key) => key in keys);

test('not-offered', 'provides no control ring to a backend without one', async (t) => {
  const keys = await (await t.connect()).otherKeys();
  await t.check('CTRL-04', () => expect(controlKeys(keys), 'keys of a control ring').to.deep.equal([]));
});

test(
  'not-offered-0',
  'provides no control ring to a backend with feature-ctrl-ring = 0',
  { fresh: true },
  async (t) => {
    const keys = await (await t.fresh({ ...BACKEND_KEYS, [KEY.featureCtrlRing]: '0' })).otherKeys();
    await t.check('CTRL-04', () => expect(controlKeys(keys), 'keys of a control ring').to.deep.equal([]));
  },
);

test('keys', 'publishes its control ring before Connected, above its queues', PING, async (t) => {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  await t.check('CTRL-02', () => vif.connect());
  const early = vif.control !== undefined;
  await awaitSettled(t, vif);
  const below = await vif.otherKeys(queueDirectory(0));
  await t.check('CTRL-02', () => expect(controlKeys(below), 'keys of a control ring in queue-0').to.deep.equal([]));
  const late = await vif.otherKeys();
  if (!early && late[KEY.ctrlRingRef] === undefined) t.skip('the frontend provides no control ring');
  await t.check('CTRL-03', () => expect(early, 'control ring at Connected').to.equal(true));
});

test('zero-words', 'sets reserved data words to 0', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  // By the time another vif has connected, the frontend has sent all requests that it sends on its own.
  await awaitSettled(t, vif);
  await t.check('CTRL-12', () => expectNoStray(stray(ring)));
});

test('hash-words', 'sets the reserved data words of hash messages to 0', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  await awaitRequest(t, vif, () => ring.requestsOf(CTRL_TYPE.setHashMapping).length > 0);
  await t.check('HASH-40', () => {
    expectNoStray(stray(ring).filter(({ type }) => type <= CTRL_TYPE.setHashAlgorithm));
  });
});

test('hash-offer', 'sets only what the backend reports and the header defines', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  await awaitRequest(t, vif, () => ring.requestsOf(CTRL_TYPE.setHashMapping).length > 0);
  const largest = (type: number): number => Math.max(0, ...ring.requestsOf(type).map(({ data }) => data[0]));
  await t.check('HASH-43', () => {
    expect(largest(CTRL_TYPE.setHashAlgorithm), 'algorithm').to.be.at.most(HASH_ALGORITHM.toeplitz);
    expect(largest(CTRL_TYPE.setHashFlags), 'hash types').to.be.at.most(ALL_HASH_TYPES);
    expect(largest(CTRL_TYPE.setHashMappingSize), 'size of the mapping table').to.be.at.most(MAPPING_ROOM);
    let size = 0;
    for (const { type, data } of ring.requests) {
      if (type === CTRL_TYPE.setHashMappingSize) size = data[0];
      if (type === CTRL_TYPE.setHashMapping) expect(data[1] + data[2], 'end of the mapping').to.be.at.most(size);
    }
  });
});

test('hash-types', 'sets only hash types that the backend reports', PING, async (t) => {
  const { vif, ring, request } = await pending(t, CTRL_TYPE.getHashFlags);
  // A whole connection of another vif is the sentinel: the frontend waits for the response by then.
  await t.fresh();
  const sets = (): CtrlRequest[] => ring.requestsOf(CTRL_TYPE.setHashFlags);
  if (sets().length > 0) t.skip('the frontend does not wait for the hash types of the backend');
  ring.respond(request, { status: CTRL_STATUS.success, data: HASH_FLAG.ipv4 });
  ring.push();
  await awaitRequest(t, vif, () => sets().length > 0);
  await t.check('HASH-43', () => {
    for (const { data } of sets()) expect(data[0] & ~HASH_FLAG.ipv4, 'other hash types').to.equal(0);
  });
});

test('gref-words', 'sets the reserved data words of GET_GREF_MAPPING_SIZE to 0', PING, async (t) => {
  const { vif, ring } = await controlled(t);
  await awaitRequest(t, vif, () => ring.requestsOf(CTRL_TYPE.getGrefMappingSize).length > 0);
  await t.check('GREF-06', () => {
    expectNoStray(stray(ring).filter(({ type }) => type === CTRL_TYPE.getGrefMappingSize));
  });
});

/** The queues that requests about mapped grants name. */
const queuesOf = (requests: readonly CtrlRequest[]): Set<number> => new Set(requests.map(({ data }) => data[0]));

test('any-order', 'accepts responses in any order and matches them by id', PING, async (t) => {
  // With responses in order the frontend continues with ADD_GREF_MAPPING, so it must do that here as well.
  const usual = await controlled(t);
  await awaitRequest(
    t,
    usual.vif,
    () => queuesOf(usual.ring.requestsOf(CTRL_TYPE.addGrefMapping)).size === usual.vif.queues.length,
  );
  // Each queue gets a different size.
  const size = (queue: number): number => 4 + queue;
  const sizeFor = ({ data }: CtrlRequest): Answer => ({ status: CTRL_STATUS.success, data: size(data[0]) });
  const held: CtrlRequest[] = [];
  let holds = true;
  const { vif, ring } = await controlled(t, (request) => {
    if (request.type !== CTRL_TYPE.getGrefMappingSize) return agree(request);
    if (!holds) return sizeFor(request);
    held.push(request);
    return undefined;
  });
  await awaitRequest(t, vif, () => held.length >= vif.queues.length);
  if (held.length < 2) t.skip('the frontend sends its requests one after the other');
  // The last request gets the first response.
  holds = false;
  for (const request of held.reverse()) ring.respond(request, sizeFor(request));
  ring.push();
  await t.check('CTRL-08', async () => {
    const added = (): CtrlRequest[] => ring.requestsOf(CTRL_TYPE.addGrefMapping);
    const all = (): boolean => queuesOf(added()).size === vif.queues.length;
    await vif.until('ADD_GREF_MAPPING for each queue', all, { on: [ring.asked] });
    for (const { data } of added()) {
      expect(data[2], `entries for queue ${data[0]}`).to.be.at.most(size(data[0]));
    }
  });
});

test('unanswered', 'keeps working without a response', PING, async (t) => {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  vif.answer = () => undefined;
  await vif.connect();
  const ring = vif.control ?? t.skip('the frontend provides no control ring');
  await t.check('CTRL-19', () => t.configure(vif));
  await awaitRequest(t, vif, () => ring.requests.length > 0);
  await stillPasses(t, 'CTRL-19', vif);
});

test('unanswered-closing', 'closes although a control request has no response', PING, async (t) => {
  const first = await t.plug(OFFERED);
  await first.connect();
  if (!first.control) t.skip('the frontend provides no control ring');
  await goOffline(first, XENBUS_STATE.closing);
  const isClosed = (vif: BackendPeer) => (): boolean => vif.other.value === String(XENBUS_STATE.closed);
  if (!(await happens(first, 'state Closed', isClosed(first), Patience.defaultMs)))
    t.skip('the frontend does not close with its backend');
  const vif = await t.plug(OFFERED);
  vif.answer = () => undefined;
  await vif.connect();
  const ring = vif.control ?? t.skip('the frontend provides no control ring');
  await awaitRequest(t, vif, () => ring.requests.length > 0);
  await goOffline(vif, XENBUS_STATE.closing);
  await t.check('CTRL-19', () => vif.until('state Closed of the frontend', isClosed(vif), { on: [vif.other.changed] }));
});

for (const [name, title, answer] of [
  ['refused', 'refuses gref mapping', refuse],
  ['no-room', 'has no room for mapped grants', (request: CtrlRequest) => ({ ...agree(request), data: 0 })],
] as const) {
  test(name, `continues with ordinary grants when the backend ${title}`, PING, async (t) => {
    const { vif, ring } = await controlled(t, answer);
    await awaitRequest(t, vif, () => ring.requestsOf(CTRL_TYPE.getGrefMappingSize).length > 0);
    await t.check('GREF-32', async () => {
      // The first reply may be in flight when the frontend learns that nothing will be mapped.
      for (let n = 0; n < 3; n++) await vif.ping();
    });
  });
}

for (const [name, title, answer] of [
  ['invalid', 'INVALID_PARAMETER', () => ({ status: CTRL_STATUS.invalidParameter, data: 0 })],
  ['overflow', 'BUFFER_OVERFLOW', () => ({ status: CTRL_STATUS.bufferOverflow, data: 0 })],
  ['undefined-status', 'a status that no header has', () => ({ status: 0x1234, data: 0 })],
  ['largest-data', 'the largest values', (request: CtrlRequest) => ({ ...agree(request), data: 0xffffffff })],
] as const) {
  test(name, `continues when the backend responds to control requests with ${title}`, PING, async (t) => {
    const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
    vif.answer = answer;
    await vif.connect();
    const ring = vif.control ?? t.skip('the frontend provides no control ring');
    await t.check('CTRL-22', () => t.configure(vif));
    await awaitRequest(t, vif, () => ring.requests.length > 0);
    // By the time another vif has connected, the frontend has handled all responses.
    await t.fresh();
    await stillPasses(t, 'CTRL-22', vif);
  });
}

test('one-refused', 'continues when the backend refuses one kind of control request alone', PING, async (t) => {
  const usual = await controlled(t);
  await awaitSettled(t, usual.vif);
  for (const type of new Set(usual.ring.requests.map((request) => request.type))) {
    const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
    vif.answer = (request) => (request.type === type ? refuse() : agree(request));
    await vif.connect();
    await t.check('CTRL-22', () => t.configure(vif));
    // By the time another vif has connected, the frontend has handled all responses.
    const other = await t.fresh();
    await stillPasses(t, 'CTRL-22', vif);
    for (const each of [vif, other]) await t.unplug(each);
  }
});

test('late', 'continues when the response to a control request arrives late', PING, async (t) => {
  const { vif, ring } = await controlled(t, () => undefined);
  for (let n = 0; n < 3; n++) await vif.ping();
  vif.answer = agree;
  for (const request of [...ring.requests]) ring.respond(request, agree(request));
  ring.push();
  // By the time another vif has connected, the frontend has handled the response.
  await t.fresh();
  await stillPasses(t, 'CTRL-22', vif);
});

test('unknown-id', 'continues after a control response with an id that it did not send', PING, async (t) => {
  const { vif, ring } = await controlled(t, () => undefined);
  const [request] = ring.requests;
  if (!request) return;
  const used = ring.requests.map(({ id }) => id);
  const id = [0x8000, 0x8001, 0xffff].map((bits) => request.id ^ bits).find((each) => !used.includes(each));
  ring.respond({ ...request, id: id ?? 0 }, agree(request));
  ring.push();
  // By the time another vif has connected, the frontend has handled the response.
  await t.fresh();
  await stillPasses(t, 'CTRL-24', vif);
});

test('event', 'notifies its control requests', PING, async (t) => {
  const vif = await t.plug(OFFERED);
  await vif.connect();
  await awaitSettled(t, vif);
  const ring = vif.control?.ring ?? t.skip('the frontend provides no control ring');
  // Only an event makes the peer read a request.
  const unread = (): number => distance(ring.reqCons, ring.indices().reqProd);
  if (unread() === 0 && ring.reqCons === 0) t.skip('the frontend sends no control request');
  await t.check('NOTIFY-02', () => vif.until('event for a control request', () => unread() === 0));
});

test('event-ahead', 'sends no event before the event index of the control ring is reached', PING, async (t) => {
  const { vif, ring } = await controlled(t, () => undefined);
  // A whole connection of another vif is the sentinel: the frontend waits for a response by then.
  await t.fresh();
  const asked = [...ring.requests];
  const before = ring.events;
  ring.ring.setReqEvent(advance(ring.ring.reqCons, FAR_AHEAD));
  for (const request of asked) ring.respond(request, agree(request));
  ring.push();
  const sent = (): number =>
    ring.requests.length - asked.length + distance(ring.ring.reqCons, ring.ring.indices().reqProd);
  await happens(vif, 'control request after a response', () => sent() > 0);
  await happens(vif, 'event before the index', () => ring.events > before);
  if (sent() === 0 || sent() >= FAR_AHEAD) t.skip(`the frontend sends ${sent()} requests after a response`);
  await t.check('NOTIFY-11', () => expect(ring.events - before, 'events before the index').to.equal(0));
});

test('hash-key', 'keeps the key granted until the response', PING, async (t) => {
  const { vif, request } = await stillPending(t, CTRL_TYPE.setHashKey);
  await t.check('HASH-15', () => expect(readable(t, vif, request.data[0]), 'the page of the key').to.equal(true));
});

test('hash-mapping', 'keeps the mapping table granted until the response', PING, async (t) => {
  const { vif, request } = await stillPending(t, CTRL_TYPE.setHashMapping);
  await t.check('HASH-31', () => expect(readable(t, vif, request.data[0]), 'the page of the table').to.equal(true));
});

test('hashed', 'accepts packets with a HASH extra once it has enabled hashing', PING, async (t) => {
  const vif = await hashing(t, 2);
  await t.check('HASH-34', () => vif.ping({ shape: { extras: [HASHED] } }));
});

test('hashed-twice', 'accepts packets with two HASH extras', PING, async (t) => {
  const vif = await hashing(t, 3);
  await t.check('EXTRA-07', () => vif.ping({ shape: { extras: [{ ...HASHED, flags: EXTRA_FLAG_MORE }, HASHED] } }));
});

test('extra-flags', 'ignores undefined bits in the flags of an extra', PING, async (t) => {
  const vif = await hashing(t, 2);
  await t.check('EXTRA-11', () => vif.ping({ shape: { extras: [{ ...HASHED, flags: 0x80 }] } }));
});

test('half-extras', 'reads no extra beyond rsp_prod', PING, async (t) => {
  const vif = await hashing(t, 2);
  const { rx } = vif.queue;
  const { frame, isReply } = vif.pingFrame();
  rx.enqueue(frame, { flags: RXF.extraInfo });
  vif.queue.pushRx();
  const replied = (): boolean => vif.received.some((packet) => isReply(packet.frame));
  await happens(vif, 'reply to a ping whose extra is not published', replied);
  await t.check('EXTRA-10', () => expect(replied(), 'reply before the extra is published').to.equal(false));
  rx.putExtraBytes(encodeExtra(HASHED));
  vif.queue.pushRx();
  await stillPasses(t, 'EXTRA-10', vif);
});

for (const first of ['gso', 'hash'] as const) {
  const options = { fresh: true, gate: KEY.featureGsoTcpv4, needs: 'bridge' } as const;
  test(
    `${first}-first`,
    `accepts a GSO and a HASH extra, the ${first.toUpperCase()} extra first`,
    options,
    async (t) => {
      const [from, to] = await t.bridged(OFFERED, { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' });
      const ring = from.control ?? t.skip('the frontend provides no control ring');
      await awaitRequest(t, from, () => ring.requestsOf(CTRL_TYPE.setHashFlags).length > 0);
      // Three pages of data and two extras.
      await hasBuffers(t, from, 5);
      const gso = gsoExtra(GSO_TYPE.tcpv4);
      const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
      const more = { flags: EXTRA_FLAG_MORE };
      const extras = first === 'gso' ? [{ ...gso, ...more }, HASHED] : [{ ...HASHED, ...more }, gso];
      const shape = { flags: RX_BLANK, extras };
      await t.check('EXTRA-05', async () => {
        for (const packet of await largeAfter(to, frame, () => from.deliver(frame, shape))) {
          if (packet.frame.length > MTU_FRAME) describes(packet, GSO_TYPE.tcpv4);
        }
      });
    },
  );
}

test('gref-list', 'keeps its list and all entries granted until the response', PING, async (t) => {
  const { vif, request } = await stillPending(t, CTRL_TYPE.addGrefMapping);
  const [, ref, size] = request.data;
  const list = entriesOf(t, vif, ref, size);
  await t.check('GREF-33', () => {
    expect(list.length, 'entries of the list').to.be.within(1, GREF_ROOM);
    for (const entry of list) expect(readable(t, vif, entry.ref), `grant ${entry.ref}`).to.equal(true);
  });
  await t.check('GREF-08', () => expect(writable(t, vif, ref), 'the page of the list').to.equal(true));
});

test('gref-flags', 'lists its read-only grants as readonly, and no buffer that it posts', PING, async (t) => {
  const isReadonly = ({ flags }: NetifGref): boolean => (flags & GREF_FLAG.readonly) !== 0;
  const listed: number[] = [];
  const mislabelled: number[] = [];
  const { vif, ring } = await controlled(t, (request, vif) => {
    // A frontend may list many grants.
    if (request.type === CTRL_TYPE.getGrefMappingSize) return { status: CTRL_STATUS.success, data: GREF_LIST_MAX };
    if (request.type !== CTRL_TYPE.addGrefMapping) return agree(request);
    // With the response the page of the list is the frontend's again.
    const list = entriesOf(t, vif, request.data[1], request.data[2]);
    listed.push(...list.filter(isReadonly).map(({ ref }) => ref));
    mislabelled.push(...list.filter((each) => !isReadonly(each) && !writable(t, vif, each.ref)).map(({ ref }) => ref));
    return agree(request);
  });
  const queues = (): number => queuesOf(ring.requestsOf(CTRL_TYPE.addGrefMapping)).size;
  await awaitRequest(t, vif, () => queues() > 0);
  await happens(vif, 'list of each queue', () => queues() === vif.queues.length);
  vif.answer = agree;
  await t.check('GREF-38', () => expect(mislabelled, 'read-only grants without the readonly flag').to.deep.equal([]));
  for (const queue of vif.queues) await hasBuffers(t, vif, 1, queue);
  const posted = vif.queues.flatMap(({ rx }) => rx.buffers.map(({ gref }) => gref));
  await t.check('GREF-38', () => {
    const readonly = posted.filter((gref) => listed.includes(gref));
    expect(readonly, 'posted buffers with the readonly flag').to.deep.equal([]);
  });
});

/** A connection whose frontend has enabled hashing and has posted `slots` rx buffers; skips the test for any other. */
async function hashing(t: FrontendTest, slots: number): Promise<BackendPeer> {
  const { vif, ring } = await controlled(t);
  await awaitRequest(t, vif, () => ring.requestsOf(CTRL_TYPE.setHashFlags).length > 0);
  await hasBuffers(t, vif, slots);
  return vif;
}

/** Expects no requests with a reserved word other than 0. */
function expectNoStray(requests: readonly CtrlRequest[]): void {
  expect(requests.map(printCtrlRequest), 'requests whose reserved words are not 0').to.deep.equal([]);
}

/** Requests with a non-zero reserved word. */
function stray(ring: BackendControl): CtrlRequest[] {
  return ring.requests.filter(({ type, data }) => (RESERVED_WORDS[type] ?? []).some((word) => data[word] !== 0));
}
