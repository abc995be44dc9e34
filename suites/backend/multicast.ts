/** netif.h, "feature-multicast-control" and "feature-dynamic-multicast-control". */
import { expect } from 'chai';
import { BROADCAST_MAC, formatMac } from '../../harness/packet/address.js';
import { sameBytes } from '../../harness/packet/bytes.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { KEY, RSP } from '../../harness/protocol/netif.js';
import { backendChapter } from '../../harness/run/suite.js';
import { queuesOffered, statuses, stillPasses, through } from './verbs.js';

const { test, tests } = backendChapter('multicast');
export const multicast = tests;

const CONTROL = { gate: KEY.featureMulticastControl } as const;
const BRIDGE = { ...CONTROL, fresh: true, needs: 'bridge' } as const;
const DYNAMIC = { ...BRIDGE, gate: [KEY.featureMulticastControl, KEY.featureDynamicMulticastControl] } as const;
const STATIC = { ...BRIDGE, gate: [KEY.featureMulticastControl, `!${KEY.featureDynamicMulticastControl}`] } as const;

const requested = (value: '0' | '1'): Record<string, string> => ({ [KEY.requestMulticastControl]: value });
const REQUESTED = { keys: requested('1') };

const group = (last: number): Uint8Array => Uint8Array.of(0x01, 0x00, 0x5e, 0x7f, 0x6e, last);
const [A, B, C] = [group(1), group(2), group(3)];
/** More addresses than any list is known to hold. */
const MANY = 256;

test('features', 'writes its features as 0 or 1, the dynamic one beside the other', async (t) => {
  const vif = await t.connect();
  const control = await vif.otherKey(KEY.featureMulticastControl);
  const dynamic = await vif.otherKey(KEY.featureDynamicMulticastControl);
  await t.check('MCAST-01', () => expect([undefined, '0', '1']).to.include(control).and.to.include(dynamic));
  await t.check('MCAST-20', () => {
    if (dynamic === '1') expect(control, KEY.featureMulticastControl).to.equal('1');
  });
});

test('filter', 'sends only the groups of the list to who asked for that', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await to.changeGroups('mcast-add', A);
  const seen = await delivered(from, to, [A, B]);
  await t.check('MCAST-09', () => expect(seen).to.include(formatMac(A)));
  await t.check('MCAST-06', () => expect(seen).not.to.include(formatMac(B)));
});

test('delete', 'no longer sends a group that was taken out', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  for (const address of [A, B]) await to.changeGroups('mcast-add', address);
  await to.changeGroups('mcast-del', A);
  const seen = await delivered(from, to, [A, B]);
  await t.check('MCAST-09', () => expect(seen).to.deep.equal([formatMac(B)]));
});

test('flood', 'sends every group to who did not ask for a filter', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  await to.changeGroups('mcast-add', A);
  const seen = await delivered(from, to, [A, B]);
  await t.check('MCAST-07', () => expect(seen).to.deep.equal([formatMac(A), formatMac(B)]));
});

test('unfiltered', 'sends unicast and broadcast whatever the list holds', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await t.check('MCAST-13', async () => {
    const seen = await delivered(from, to, [to.link.iut.mac, BROADCAST_MAC]);
    expect(seen).to.deep.equal([to.link.iut.mac, BROADCAST_MAC].map(formatMac));
  });
});

test('on-request', 'filters from the moment that it is asked to, by the list as it is then', DYNAMIC, async (t) => {
  const [from, to] = await t.bridged();
  await to.changeGroups('mcast-add', A);
  await to.writeKeys(requested('1'));
  await t.check('MCAST-05', () => settles(from, to, B, false));
  await t.check('MCAST-08', async () => expect(await delivered(from, to, [A])).to.deep.equal([formatMac(A)]));
});

test('on-withdrawal', 'floods again when the request is withdrawn', DYNAMIC, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await to.writeKeys(requested('0'));
  await t.check('MCAST-05', () => settles(from, to, B, true));
});

test('sampled', 'takes the request as it stood at the connection, for good', STATIC, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await to.changeGroups('mcast-add', A);
  await to.writeKeys(requested('0'));
  // A change that is heeded all the same has come through by the time that another vif has connected.
  await t.fresh();
  await t.check('MCAST-04', async () => expect(await delivered(from, to, [A, B])).to.deep.equal([formatMac(A)]));
});

test('dummy', 'sends nothing on of a request that changes the list', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const dummy = from.frameTo(BROADCAST_MAC);
  await from.transmit(dummy, { extras: [{ type: 'mcast-add', flags: 0, address: A }] });
  await delivered(from, to, []);
  await t.check('MCAST-10', () => {
    expect(to.received.filter(({ frame }) => sameBytes(frame, dummy)).length, 'dummies sent on').to.equal(0);
  });
});

test('responses', 'answers the dummy OKAY and its extra NULL', { ...CONTROL, fresh: true }, async (t) => {
  const vif = await t.fresh();
  for (const type of ['mcast-add', 'mcast-del'] as const) {
    await t.check('MCAST-11', async () => {
      expect(statuses(await vif.changeGroups(type, A)), type).to.deep.equal([RSP.okay, RSP.null]);
    });
  }
});

test('dummy-grant', 'does not touch the grant of a dummy request', { ...CONTROL, fresh: true }, async (t) => {
  const vif = await t.fresh();
  const slots = await vif.changeGroups('mcast-add', A, { alter: (request) => ({ ...request, gref: 0xfffffff0 }) });
  await t.check('MCAST-17', () => expect(statuses(slots)).to.deep.equal([RSP.okay, RSP.null]));
});

test('full', 'answers ERROR once its list is full', { ...CONTROL, fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  const seen = new Set<number | undefined>();
  for (let n = 0; n < MANY; n++) {
    const address = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, n >> 8, n & 0xff);
    const [request] = await vif.changeGroups('mcast-add', address);
    seen.add(request?.response?.status);
  }
  await t.check('MCAST-12', () => expect([RSP.okay, RSP.error]).to.include.members([...seen]));
  if (!seen.has(RSP.error)) t.info(`the list took ${MANY} addresses`);
  await stillPasses(t, 'MCAST-12', vif);
});

test('unknown', 'lets the list be when an address is deleted that is not in it', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await to.changeGroups('mcast-add', A);
  await to.changeGroups('mcast-del', B);
  await t.check('MCAST-14', async () => expect(await delivered(from, to, [A, B])).to.deep.equal([formatMac(A)]));
});

test('twice', 'filters on after an address was added twice and deleted once', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  for (const address of [A, A, B]) await to.changeGroups('mcast-add', address);
  await to.changeGroups('mcast-del', A);
  const seen = await delivered(from, to, [A, B, C]);
  t.info(`added twice and deleted once, the address is ${seen.includes(formatMac(A)) ? 'still' : 'no longer'} listed`);
  await t.check('MCAST-15', () => expect(seen.filter((mac) => mac !== formatMac(A))).to.deep.equal([formatMac(B)]));
});

test('reconnect', 'begins a new connection with an empty list', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, REQUESTED);
  await to.changeGroups('mcast-add', A);
  await to.reconnect(REQUESTED);
  await t.bridge([from, to]);
  await t.check('MCAST-16', async () => expect(await delivered(from, to, [A])).to.deep.equal([]));
});

test(
  'per-vif',
  'has one list for all queues',
  { ...BRIDGE, gate: [KEY.featureMulticastControl, KEY.multiQueueMaxQueues] },
  async (t) => {
    if ((await queuesOffered(t)) < 2) t.skip('the backend offers one queue');
    const [from, to] = await t.bridged({}, { ...REQUESTED, queues: 2 });
    await to.changeGroups('mcast-add', A, {}, to.queues[1]);
    // By whichever queue it comes.
    await t.check('MCAST-19', () => through(from, to, from.frameTo(A)));
  },
);

/** Which of `addresses` a frame reaches. A broadcast behind them, on the same way, tells that all have come. */
async function delivered(from: FrontendPeer, to: FrontendPeer, addresses: readonly Uint8Array[]): Promise<string[]> {
  const frames = addresses.map((address) => from.frameTo(address));
  const last = from.frameTo(BROADCAST_MAC);
  for (const frame of [...frames, last]) await from.transmit(frame);
  await to.receive('broadcast behind the frames', ({ frame }) => sameBytes(frame, last));
  const arrived = (wanted: Uint8Array): boolean => to.received.some(({ frame }) => sameBytes(frame, wanted));
  return addresses.filter((_, n) => arrived(frames[n] ?? last)).map(formatMac);
}

/** Waits until a frame to `address` is let through, or is not. */
async function settles(from: FrontendPeer, to: FrontendPeer, address: Uint8Array, through: boolean): Promise<void> {
  const what = `${through ? 'frame' : 'end of the frames'} to ${formatMac(address)}`;
  await to.until(what, async () => (await delivered(from, to, [address])).length > 0 === through);
}
