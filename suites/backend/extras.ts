/** netif.h, "Extra Info": chains of extras, whatever is in them. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { SentSlot } from '../../harness/peer/frontend-tx.js';
import { encodeExtra, type Extra, type ExtraHash } from '../../harness/protocol/extra.js';
import { EXTRA_FLAG_MORE, EXTRA_TYPE, GSO_TYPE, KEY, RSP, RXF, TXF } from '../../harness/protocol/netif.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { arrivedLarge, gsoExtra, LARGE, largeFrame, payloadOf, uncut } from '../large-packets.js';
import { refuses, statuses } from './verbs.js';

const { test, tests } = backendChapter('extras');
export const extras = tests;

const GSO = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
const BOTH = { ...GSO, gate: [KEY.featureGsoTcpv4, KEY.featureCtrlRing] } as const;
const PING = { gate: KEY.featureGsoTcpv4, fresh: true, reflector: 'icmp', destructive: true } as const;
const TAKES_V4 = { keys: { [KEY.featureGsoTcpv4]: '1' } };

const gso = gsoExtra(GSO_TYPE.tcpv4);
const hash: ExtraHash = { type: 'hash', flags: 0, hashType: 0, algorithm: 1, value: 0x12345678 };

test('between-fragments', 'takes extras between the first fragment and the others', GSO, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  const slots: SentSlot[] = [];
  await t.check(['TXW-09', 'EXTRA-01'], async () => {
    slots.push(...(await passes(t, from, to, [encodeExtra(gso)])).slots);
  });
  await t.check('TXW-12', () => expect(statuses(slots)).to.deep.equal([RSP.okay, RSP.null, RSP.okay, RSP.okay]));
});

test('trailing-bytes', 'ignores what fills the slot behind an extra', GSO, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  await t.check('EXTRA-02', () => passes(t, from, to, [Uint8Array.of(...encodeExtra(gso), 0xff, 0xff, 0xff, 0xff)]));
});

for (const [name, chain] of [
  ['gso-first', [gso, hash]],
  ['hash-first', [hash, gso]],
] as const) {
  test(name, `takes extras of different types, ${name.replace('-', ' ')}`, BOTH, async (t) => {
    const [from, to] = await t.bridged({}, TAKES_V4);
    await t.check(['EXTRA-05', 'EXTRA-04'], () => passes(t, from, to, chained(chain)));
  });
}

test('other-flags', 'ignores the flags of an extra that have no meaning', GSO, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  await t.check('EXTRA-08', () => passes(t, from, to, [encodeExtra({ ...gso, flags: 0xfe })]));
});

test('twice', 'outlives two extras of one type', PING, async (t) => {
  const vif = await t.fresh();
  const frame = largeFrame(vif.link.peer, vif.link.iut, LARGE, GSO_TYPE.tcpv4);
  const slots = put(vif, frame, chained([gso, gso]));
  await t.check('EXTRA-07', async () => {
    await vif.answered(slots);
    await (await t.connect()).ping();
  });
});

test('none', 'refuses an extra of type NONE', PING, (t) =>
  refusesExtra(t, 'TXW-29', Uint8Array.of(EXTRA_TYPE.none, 0, 0, 0, 0, 0, 0, 0)),
);

test('endless', 'refuses a chain of extras without an end', PING, (t) =>
  refusesExtra(t, 'EXTRA-10', encodeExtra({ ...gso, flags: EXTRA_FLAG_MORE })),
);

test('received', 'puts an extra into a slot of its own, behind the first fragment', GSO, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  const { packet } = await passes(t, from, to, [encodeExtra(gso)]);
  const indices = packet.slots.map(({ index }) => index);
  const [at = 0] = indices;
  await t.check(['RXW-04', 'EXTRA-06'], () => {
    expect(
      packet.extraSlots.map(({ index }) => index),
      'ring index of the extra',
    ).to.deep.equal([at + 1]);
    expect(indices, 'ring indices of the fragments').to.deep.equal(indices.map((_, n) => (n === 0 ? at : at + 1 + n)));
  });
  await t.check('RXW-04', () => expect(packet.extraSlots.every(({ untouched }) => untouched)).to.equal(true));
  await t.check('EXTRA-08', () => expect(packet.extras.map(({ flags }) => flags)).to.deep.equal([0]));
  // Neither of type NONE nor one of those that go the other way.
  await t.check(['EXTRA-03', 'EXTRA-09'], () => expect(packet.extras.map(({ type }) => type)).to.deep.equal(['gso']));
  await t.check('CSUM-13', () => {
    const later = packet.slots.slice(1).map(({ response }) => response.flags & (RXF.csumBlank | RXF.dataValidated));
    expect(later, 'checksum flags of later fragments').to.deep.equal(later.map(() => 0));
  });
  await t.check('RXW-21', () => expect(to.queue.rx.splits, 'packets published in pieces').to.equal(0));
});

/** The bytes of a chain: each extra but the last says that another follows. */
function chained(chain: readonly Extra[]): Uint8Array[] {
  return chain.map((extra, n) => encodeExtra({ ...extra, flags: n < chain.length - 1 ? EXTRA_FLAG_MORE : 0 }));
}

/** Publishes a large packet with a chain of extras behind its first fragment. */
function put(vif: FrontendPeer, frame: Uint8Array, chain: readonly Uint8Array[]): SentSlot[] {
  const slots = vif.queue.tx.enqueue(frame, { flags: TXF.csumBlank | TXF.dataValidated, chain });
  vif.queue.pushTx();
  return slots;
}

/** Sends a large packet through the bridge, with a chain of extras; answers its slots, and the packet as it came out. */
async function passes(
  t: BackendTest,
  from: FrontendPeer,
  to: FrontendPeer,
  chain: readonly Uint8Array[],
): Promise<{ slots: SentSlot[]; packet: QueuePacket }> {
  const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
  const slots = put(from, frame, chain);
  await from.answered(slots);
  return { slots, packet: uncut(t, await arrivedLarge(to, payloadOf(frame))) };
}

/** The backend refuses a packet with an extra that is none. */
async function refusesExtra(t: BackendTest, requirement: string, extra: Uint8Array): Promise<void> {
  const vif = await t.fresh();
  const slots = vif.queue.tx.enqueue(vif.quietFrame(), { chain: [extra] });
  vif.queue.pushTx();
  await refuses(t, requirement, vif, slots, [RSP.error, RSP.dropped]);
}
