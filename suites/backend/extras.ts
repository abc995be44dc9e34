/** netif.h, "Extra Info": chains of extras of any type. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { SentSlot, TxShape } from '../../harness/peer/frontend-tx.js';
import { encodeExtra, type Extra, type ExtraHash, linked } from '../../harness/protocol/extra.js';
import {
  EXTRA_FLAG_MORE,
  EXTRA_TYPE,
  GSO_TYPE,
  HASH_FLAG,
  KEY,
  NR_SLOTS_MIN,
  RSP,
  RX_BLANK,
  RXF,
  TX_BLANK,
  TXF,
} from '../../harness/protocol/netif.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { encodeTxRequest } from '../../harness/protocol/tx.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import {
  describes,
  gsoExtra,
  gsoOf,
  inSlots,
  LARGE,
  LARGE_HEADERS,
  isPiece,
  largeAfter,
  largeFrame,
  payloadOf,
  unsegmented,
} from '../support/large-packets.js';
import { cut } from '../support/frame-shapes.js';
import { expectRsp, statusList } from '../support/statuses.js';
import { queuesOffered } from './connection-verbs.js';
import {
  continues,
  givenUp,
  keepsVif,
  REFUSALS,
  refuses,
  statuses,
  statusesOrSilence,
  survivesElsewhere,
  unlessGivenUp,
} from './refusal-verbs.js';
import { setHashing, setToeplitz, through } from './verbs.js';

const { test, tests } = backendChapter('extras');
export const extras = tests;

const GSO = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
const BOTH = { ...GSO, gate: [KEY.featureGsoTcpv4, KEY.featureCtrlRing] } as const;
const PING = { gate: KEY.featureGsoTcpv4, fresh: true, reflector: 'icmp', destructive: true } as const;
const ACCEPTS_V4 = { keys: { [KEY.featureGsoTcpv4]: '1' } };

/** Rounds of a race without --slow. */
const CHANGING_ROUNDS = 8;

const gso = gsoExtra(GSO_TYPE.tcpv4);
const hash: ExtraHash = { type: 'hash', flags: 0, hashType: 0, algorithm: 1, value: 0x12345678 };

test('between-fragments', 'accepts extras between the first fragment and the others', GSO, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  const slots: SentSlot[] = [];
  await t.check(['TXW-09', 'EXTRA-01'], async () => {
    slots.push(...(await passes(t, from, to, [encodeExtra(gso)])).slots);
  });
  const [first, extra, ...later] = statuses(slots);
  await t.check('TXW-12', () => expectRsp(extra, RSP.null, 'the extra'));
  await t.check('TXW-14', () => {
    for (const [n, status] of [first, ...later].entries()) expectRsp(status, RSP.okay, `fragment ${n}`);
  });
});

test('uneven', 'finds the data of a packet with an extra whose first fragment is short', GSO, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  for (const first of [LARGE_HEADERS, 200, 1000]) {
    // In a fragment that ends with its page, a backend that expects more data than it has finds the right amount.
    const shapeOf = (frame: Uint8Array): TxShape => ({
      fragments: cut(frame, [first, 700, 2000, 1500, 3000]),
      offset: 66,
    });
    await t.check(['TXW-02', 'TXW-09'], () => passes(t, from, to, [encodeExtra(gso)], shapeOf));
  }
});

test('trailing-bytes', 'ignores the padding of the slot after an extra', GSO, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  await t.check('EXTRA-02', () => passes(t, from, to, [Uint8Array.of(...encodeExtra(gso), 0xff, 0xff, 0xff, 0xff)]));
});

for (const [name, chain] of [
  ['gso-first', [gso, hash]],
  ['hash-first', [hash, gso]],
] as const) {
  test(name, `accepts extras of different types, ${name.replace('-', ' ')}`, BOTH, async (t) => {
    const [from, to] = await t.bridged({ control: true }, ACCEPTS_V4);
    // Only a backend with Toeplitz hashing is assumed to accept HASH extras.
    await setToeplitz(t, from);
    await t.check(['EXTRA-05', 'EXTRA-04'], async () => {
      const { packet } = await passes(t, from, to, chained(chain));
      describes(packet, gso.gsoType);
    });
    await t.check('SLOT-01', () => passes(t, from, to, chained(chain), (frame) => inSlots(frame, NR_SLOTS_MIN - 2)));
  });
}

test('other-flags', 'ignores undefined flags of an extra', GSO, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  await t.check('EXTRA-11', () => passes(t, from, to, [encodeExtra({ ...gso, flags: 0xfe })]));
});

test('twice', 'survives two extras of one type', PING, async (t) => {
  const vif = await t.fresh();
  const frame = largeFrame(vif.link.peer, vif.link.iut, LARGE, GSO_TYPE.tcpv4);
  const slots = put(vif, frame, chained([gso, gso]));
  const seen = await statusesOrSilence(vif, slots);
  await t.check('EXTRA-07', () => seen ?? givenUp(vif, slots));
  await survivesElsewhere(t);
  await continues(t, vif, slots, 'EXTRA-07');
});

test('none', 'refuses an extra of type NONE', PING, async (t) => {
  const vif = await t.fresh();
  const none = Uint8Array.of(EXTRA_TYPE.none, 0, 0, 0, 0, 0, 0, 0);
  const slots = vif.queue.tx.enqueue(vif.quietFrame(), { chain: [none] });
  vif.queue.pushTx();
  await refuses(t, 'TXW-29', vif, slots);
});

test('endless', 'waits for the rest of a chain of extras, or refuses it', PING, async (t) => {
  const vif = await t.fresh();
  const endless = encodeExtra({ ...gso, flags: EXTRA_FLAG_MORE });
  const [data] = vif.queue.tx.enqueue(vif.quietFrame(), { chain: [endless] });
  vif.queue.pushTx();
  // Later packets on this vif would belong to the chain, so another vif shows that the backend has seen it.
  await t.check('ROB-01', async () => (await t.fresh()).ping());
  await t.check('EXTRA-10', () => {
    vif.queue.tx.service();
    if (data?.response) expectRsp(data.response.status, REFUSALS, 'the data slot');
  });
});

for (const type of [6, 0x7f, 0xff]) {
  for (const [place, chain] of [
    ['before', [Uint8Array.of(type, EXTRA_FLAG_MORE, 0, 0, 0, 0, 0, 0), encodeExtra(gso)]],
    ['after', [encodeExtra({ ...gso, flags: EXTRA_FLAG_MORE }), Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0)]],
  ] as const) {
    test(`unknown-${type}-${place}`, `refuses an extra of type ${type} ${place} a known one`, PING, async (t) => {
      const vif = await t.fresh();
      const slots = put(vif, largeFrame(vif.link.peer, vif.link.iut, LARGE, GSO_TYPE.tcpv4), chain);
      await refuses(t, 'TXW-29', vif, slots);
    });
  }
}

test(
  'changing-type',
  'acts on one version of a GSO extra whose type changes',
  { ...GSO, destructive: true, flicker: true },
  async (t) => {
    const [from, to] = await t.bridged({}, ACCEPTS_V4);
    to.monitor.lookAway('packet', 'delivered');
    const bad = { ...gso, gsoType: 0x7f };
    const rounds = t.rounds(CHANGING_ROUNDS);
    for (let round = 0; round < rounds; round++) {
      const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
      await changing(t, from, frame, round % 2 === 0 ? [gso, bad] : [bad, gso]);
      await unlessGivenUp(t, from, through(from, to, from.frameTo(to.link.peer.mac)));
      // A backend may drop the packet; a piece that arrives is a segment, or describes itself as the good version does.
      const pieces = to.received.splice(0).filter((piece) => isPiece(piece.frame, frame));
      await t.check('RING-12', () => {
        for (const piece of pieces) {
          if (gsoOf(piece)) describes(piece, gso.gsoType);
          else expect(payloadOf(piece.frame).length, 'payload of a segment').to.be.at.most(gso.size);
        }
      });
    }
  },
);

test('three', 'accepts three extras in a chain if it accepts two of one type', BOTH, async (t) => {
  const [from, to] = await t.bridged({ control: true }, ACCEPTS_V4);
  // Only a backend with Toeplitz hashing is assumed to accept HASH extras.
  await setToeplitz(t, from);
  for (const chain of [
    [hash, gso],
    [hash, hash],
  ])
    if (!(await isAccepted(from, to, chain))) t.skip('the backend refuses two extras');
  for (const chain of [
    [hash, hash, gso],
    [hash, gso, hash],
    [gso, hash, hash],
  ]) {
    await t.check('EXTRA-07', async () => {
      const { packet } = await passes(t, from, to, chained(chain));
      describes(packet, gso.gsoType);
    });
  }
});

for (const count of [3, 16, 60, 250]) {
  test(`chain-of-${count}`, `survives a chain of ${count} extras`, PING, async (t) => {
    const vif = await t.fresh();
    const frame = largeFrame(vif.link.peer, vif.link.iut, LARGE, GSO_TYPE.tcpv4);
    const slots = put(vif, frame, chained(Array<Extra>(count).fill(gso)));
    const seen = await statusesOrSilence(vif, slots);
    await t.check('EXTRA-07', () => seen ?? givenUp(vif, slots));
    await survivesElsewhere(t);
    await continues(t, vif, slots, 'EXTRA-07');
  });
}

for (const [name, what, alter] of [
  ['flag-on-second', 'extra_info on the second fragment', (n: number) => (n === 1 ? TXF.extraInfo : 0)],
  ['flag-on-last', 'extra_info on the last fragment', (n: number) => (n === 2 ? TXF.extraInfo : 0)],
] as const) {
  test(name, `survives ${what}`, PING, async (t) => {
    const vif = await t.fresh();
    const slots = vif.queue.tx.enqueue(vif.quietFrame(180), {
      fragments: [60, 60, 60],
      alter: (request, n) => ({ ...request, flags: request.flags | alter(n) }),
    });
    vif.queue.pushTx();
    const seen = await statusesOrSilence(vif, slots);
    t.info(seen ? `the backend responded with ${statusList(seen)}` : 'the backend gave up the vif, or waits');
    await survivesElsewhere(t);
    await continues(t, vif, slots);
  });
}

test('flag-without-extra', 'survives a request where an extra must be', PING, async (t) => {
  const vif = await t.fresh();
  const { tx } = vif.queue;
  // The request in place of the extra has the id of no other, so that either kind of response is assigned to its slot.
  vif.monitor.lookAway('txResponse');
  const flags = TXF.extraInfo | TXF.moreData;
  const slots = tx.enqueue(vif.quietFrame(60), { alter: (request) => ({ ...request, flags, size: 180 }) });
  slots.push(tx.putExtraBytes(encodeTxRequest({ gref: 0x55, offset: 0, flags: TXF.moreData, id: 0xfff0, size: 60 })));
  slots.push(...tx.enqueue(vif.quietFrame(60)));
  vif.queue.pushTx();
  const seen = await statusesOrSilence(vif, slots);
  t.info(seen ? `the backend responded with ${statusList(seen)}` : 'the backend gave up the vif, or waits');
  await survivesElsewhere(t);
  await continues(t, vif, slots);
});

test('extra-after-second', 'survives an extra between the second fragment and the last', PING, async (t) => {
  const vif = await t.fresh();
  const { tx } = vif.queue;
  const frame = vif.quietFrame(180);
  const [first, last] = [frame.subarray(0, 120), frame.subarray(120)];
  // Whether the slot after the second fragment is an extra is what this packet leaves open.
  vif.monitor.lookAway('txResponse', 'toBackendStack');
  const slots = tx.enqueue(first, {
    fragments: [60, 60],
    alter: (request, n) => ({
      ...request,
      size: n === 0 ? frame.length : request.size,
      flags: TXF.moreData | (n === 1 ? TXF.extraInfo : 0),
    }),
  });
  slots.push(tx.putExtraBytes(encodeExtra(gso)), ...tx.enqueue(last));
  vif.queue.pushTx();
  const seen = await statusesOrSilence(vif, slots);
  t.info(seen ? `the backend responded with ${statusList(seen)}` : 'the backend gave up the vif, or waits');
  await survivesElsewhere(t);
  await continues(t, vif, slots);
});

test(
  'three-types',
  'sends a GSO, a HASH and an XDP extra in one chain',
  { ...GSO, gate: [KEY.featureGsoTcpv4, KEY.featureCtrlRing, KEY.featureXdpHeadroom] },
  async (t) => {
    const queues = Math.min(2, await queuesOffered(t));
    const keys = { ...ACCEPTS_V4.keys, [KEY.xdpHeadroom]: '256' };
    const [from, to] = await t.bridged({}, { keys, control: true, queues });
    await setHashing(t, to, HASH_FLAG.ipv4Tcp, VERIFICATION_KEY);
    const { packet } = await passes(t, from, to, [encodeExtra(gso)]);
    const types = packet.extras.map(({ type }) => type).sort();
    if (!types.includes('hash')) t.skip('the backend delivers no hash');
    // That the payload arrived shows that it was found after the headroom.
    await t.check('XDP-03', () => expect(types, 'types of extras').to.include('xdp'));
    await t.check('HASH-37', () => expect(types, 'types of extras').to.include('gso'));
  },
);

test('received', 'puts an extra into its own slot after the first fragment', GSO, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  const packets: QueuePacket[] = [];
  await t.check(['RXW-04', 'EXTRA-06', 'EXTRA-08'], async () => {
    // Data does not arrive in the buffer of another request, nor in a slot that the extra before it calls an extra.
    const { packet } = await passes(t, from, to, [encodeExtra(gso)]);
    packets.push(packet);
    const indices = packet.slots.map(({ index }) => index);
    const [at = 0] = indices;
    expect(
      packet.extraSlots.map(({ index }) => index),
      'ring index of the extra',
    ).to.deep.equal([at + 1]);
    expect(indices, 'ring indices of the fragments').to.deep.equal(indices.map((_, n) => (n === 0 ? at : at + 1 + n)));
  });
  const [packet] = packets;
  if (!packet) return;
  await t.check('RXW-19', () => {
    expect(
      packet.extraSlots.every(({ untouched }) => untouched),
      'buffer of the extra is untouched',
    ).to.equal(true);
  });
  await t.check('EXTRA-08', () =>
    expect(
      packet.extras.map(({ flags }) => flags),
      'flags of the extras',
    ).to.deep.equal([0]),
  );
  // Neither of type NONE nor of a type that only frontends send.
  await t.check(['EXTRA-03', 'EXTRA-09'], () =>
    expect(
      packet.extras.map(({ type }) => type),
      'types of the extras',
    ).to.deep.equal(['gso']),
  );
  await t.check('CSUM-13', () => {
    const later = packet.slots.slice(1).map(({ response }) => response.flags & RX_BLANK);
    expect(later, 'checksum flags of later fragments').to.deep.equal(later.map(() => 0));
  });
  await t.check('RXW-09', () => {
    const later = packet.slots.slice(1).map(({ response }) => response.flags & ~RXF.moreData);
    expect(later, 'flags of later fragments other than more_data').to.deep.equal(later.map(() => 0));
  });
  await t.check('RXW-21', () => expect(to.queue.rx.splits, 'packets published in pieces').to.equal(0));
});

/** The bytes of a chain: every extra except the last has the more flag. */
function chained(chain: readonly Extra[]): Uint8Array[] {
  return linked(chain).map(encodeExtra);
}

/** Whether the backend accepts a packet with a chain of extras, which is large if one of them is a GSO extra. */
async function isAccepted(from: FrontendPeer, to: FrontendPeer, chain: readonly Extra[]): Promise<boolean> {
  const isLarge = chain.some(({ type }) => type === 'gso');
  const frame = isLarge
    ? largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4)
    : from.frameTo(to.link.peer.mac);
  const slots = from.queue.tx.enqueue(frame, {
    flags: isLarge ? TX_BLANK : 0,
    chain: chained(chain),
  });
  from.queue.pushTx();
  const seen = await statusesOrSilence(from, slots);
  if (seen?.[0] !== RSP.okay) return false;
  await through(from, to, from.frameTo(to.link.peer.mac));
  to.received.length = 0;
  return true;
}

/** Sends a large packet whose GSO extra alternates between two values; skips the test if the backend gives up. */
async function changing(
  t: BackendTest,
  from: FrontendPeer,
  frame: Uint8Array,
  [one, other]: readonly [Extra, Extra],
): Promise<void> {
  const slots = from.queue.tx.enqueue(frame, { flags: TX_BLANK, extras: [one] });
  const calm = from.queue.tx.flickerExtra(slots[1] as SentSlot, one, other);
  try {
    from.queue.pushTx();
    await keepsVif(t, from, slots);
  } finally {
    calm();
  }
}

/** Publishes a large packet with a chain of extras after its first fragment. */
function put(vif: FrontendPeer, frame: Uint8Array, chain: readonly Uint8Array[], shape: TxShape = {}): SentSlot[] {
  const slots = vif.queue.tx.enqueue(frame, { flags: TX_BLANK, chain, ...shape });
  vif.queue.pushTx();
  return slots;
}

/** Sends a large packet with a chain of extras through the bridge; returns its slots and the packet that came out. */
async function passes(
  t: BackendTest,
  from: FrontendPeer,
  to: FrontendPeer,
  chain: readonly Uint8Array[],
  shapeOf: (frame: Uint8Array) => TxShape = () => ({}),
): Promise<{ slots: SentSlot[]; packet: QueuePacket }> {
  const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
  const sent: SentSlot[][] = [];
  const packets = await largeAfter(to, frame, () => {
    const slots = put(from, frame, chain, shapeOf(frame));
    sent.push(slots);
    return from.answered(slots);
  });
  return { slots: sent.at(-1) ?? [], packet: unsegmented(t, packets) };
}
