/** netif.h, "feature-gso-tcpv4", "feature-gso-tcpv6" and XEN_NETIF_EXTRA_TYPE_GSO. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import {
  EXTRA_FLAG_MORE,
  GSO_TYPE,
  KEY,
  NR_SLOTS_MIN,
  RSP,
  RX_BLANK,
  RXF,
  TX_BLANK,
  TXF,
} from '../../harness/protocol/netif.js';
import { distance, TX_RING } from '../../harness/protocol/ring.js';
import { encodeTxResponse } from '../../harness/protocol/tx.js';
import { ETHERNET_HEADER } from '../../harness/packet/ethernet.js';
import { BackendRx } from '../../harness/peer/backend-rx.js';
import { fragmentLengths } from '../../harness/peer/backend-tx.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import {
  describes,
  gsoExtra,
  gsoOf,
  LARGE,
  LARGE_HEADERS,
  largeFrame,
  LARGEST,
  MSS,
  MTU_FRAME,
  payloadOf,
  throughLarge,
  unsegmented,
} from '../support/large-packets.js';
import { LOST_TRIES, sendUntilArrival } from '../support/losses.js';
import {
  answer,
  copied,
  expectUnchanged,
  GRANT_ENDED,
  happens,
  hasBuffers,
  repeat,
  respondTo,
  survives,
} from './verbs.js';

const { test, tests } = frontendChapter('gso');
export const gso = tests;

/** Packets after which a frontend has used a buffer again that it had freed. */
const REUSED = 64;
const BRIDGE = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
const BRIDGE6 = { ...BRIDGE, gate: KEY.featureGsoTcpv6 } as const;
/** The first slots of a large packet: they end within its headers, or at the end of a page. */
const FIRST_SLOTS = [[14], [34], [40], [54], [14, 20, 20], [PAGE_SIZE - 1], [PAGE_SIZE], [PAGE_SIZE - 1, PAGE_SIZE, 1]];
/** Slots for the extra of a large packet, and some to spare. */
const EXTRA_SLOTS = 3;
/** Packets that are sent at once to fill a ring. */
const AT_ONCE = 8;
/** Bytes beyond whole pages. */
const AROUND = [-LARGE_HEADERS, -15, -14, -1, 0, 1, 2, 12, 13, 14, 15];
const PING = { gate: KEY.featureGsoTcpv4, fresh: true, reflector: 'icmp' } as const;

const ACCEPTS_V4 = { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' };
const ACCEPTS_V6 = { ...BACKEND_KEYS, [KEY.featureGsoTcpv6]: '1', [KEY.featureIpv6CsumOffload]: '1' };

test('needs-sg', 'offers feature-sg if it offers GSO', { gate: KEY.featureGsoTcpv4 }, async (t) => {
  const vif = await t.connect();
  const sg = await vif.otherKey(KEY.featureSg);
  await t.check('GSO-12', () => expect(sg, KEY.featureSg).to.equal('1'));
});

for (const [name, keys] of [
  ['tcpv4', ACCEPTS_V4],
  ['tcpv6', ACCEPTS_V6],
] as const) {
  test(`only-${name}`, `works with a backend that offers GSO for ${name} only`, { ...PING }, async (t) => {
    await t.check('GSO-02', async () => (await t.fresh(keys)).ping());
  });
}

test('passed-on', 'describes a large packet in a GSO extra', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  const extra = gsoOf(packet);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05', 'EXTRA-04'], () => describes(packet, GSO_TYPE.tcpv4));
  await t.check(['GSO-09', 'GSO-14'], () => expect(extra?.features, 'features').to.equal(0));
  await t.check(['TXW-06', 'EXTRA-01', 'EXTRA-03'], () => expect(packet.extras.length, 'extras').to.equal(1));
  await t.check('EXTRA-08', () => expect((extra?.flags ?? 0) & EXTRA_FLAG_MORE, 'more flag of the extra').to.equal(0));
  await t.check('CSUM-13', () => {
    const later = packet.requests.slice(1).map(({ flags }) => flags & TX_BLANK);
    expect(later, 'checksum flags of later fragments').to.deep.equal(later.map(() => 0));
  });
  await t.check('GSO-08', () => expect((packet.requests[0]?.flags ?? 0) & TXF.csumBlank, 'csum_blank').to.be.above(0));
});

test('passed-on-v6', 'describes a large IPv6 packet in a GSO extra', BRIDGE6, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V6);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv6);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05'], () => describes(packet, GSO_TYPE.tcpv6));
});

test('extras-cost-no-buffer', 'accepts extras between fragments and posts their buffers again', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4);
  await t.check('RXW-10', () => passed(t, from, to, LARGE, GSO_TYPE.tcpv4));
  await t.check('TXW-21', () => passed(t, from, to, LARGE, GSO_TYPE.tcpv4));
  // More extras than the ring has slots.
  await t.check('RXW-11', () => repeat(t, from, 280, () => passed(t, from, to, LARGE, GSO_TYPE.tcpv4)));
});

test('null-response', 'ignores a response with status NULL', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4);
  for (const { tx } of to.queues) tx.respond = false;
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  const { queue } = packet;
  const { tx } = queue;
  const [first] = packet.requests;
  if (!first) throw new Error('a packet has a request');
  // The extra's response comes first, under the id of the packet.
  tx.ring.put(encodeTxResponse({ id: first.id, status: RSP.null }));
  queue.pushTx();
  await happens(to, 'consumed response', () => {
    const { rspProd, rspEvent } = tx.ring.indices();
    return rspEvent !== rspProd && distance(rspProd, rspEvent) <= TX_RING.size;
  });
  // Some frontends look at responses when they send, and what has been freed is used again then, or later.
  for (let n = 0; n < REUSED; n++) await from.send(from.frameTo(to.link.peer.mac));
  await happens(to, 'another packet', () => to.received.length > 0);
  // Only the bytes of the first fragment count, not those after it in its page.
  const own = packet.requests.slice(1).reduce((rest, { size }) => rest - size, first.size);
  const length = Math.min(100, own);
  const at = { domain: to.iutDomain, ref: first.gref, offset: first.offset, length };
  const [now] = t.domain.grants.copyFrom([at]);
  await t.check('TXW-18', () => {
    const bytes = copied(now, GRANT_ENDED);
    expect(sameBytes(bytes, packet.frame.subarray(0, length)), 'its bytes are unchanged').to.equal(true);
  });
});

test('largest', 'accepts packets of 65,535 bytes', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4, LARGEST);
  await t.check('GSO-15', () => segments(from, to, GSO_TYPE.tcpv4, LARGEST));
});

test('largest-kept', 'does not touch the buffers of the largest packet before their responses', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4, LARGEST);
  for (const { tx } of to.queues) tx.respond = false;
  const packet = await passed(t, from, to, LARGEST, GSO_TYPE.tcpv4);
  to.received.length = 0;
  for (let n = 0; n < AT_ONCE; n++) await from.send(from.frameTo(to.link.peer.mac));
  await happens(to, 'small packets', () => to.received.length >= AT_ONCE);
  await t.check('TXW-16', () => expectUnchanged(t, to, packet));
});

test('slots', 'accepts a large packet in slots of any sizes', BRIDGE, async (t) => {
  const [from, to] = await t.bridged(BACKEND_KEYS, ACCEPTS_V4);
  await hasBuffers(t, from, 8);
  for (const first of FIRST_SLOTS) {
    await t.check(first[0] === undefined || first[0] < LARGE_HEADERS ? 'RXW-32' : 'RXW-09', () =>
      segments(from, to, GSO_TYPE.tcpv4, LARGE, first),
    );
  }
});

test('full-ring', 'fills its ring with large packets and keeps them whole', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4);
  await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  // The free slots at the end are fewer than a packet has, by a number that each round changes.
  for (const lead of [0, 1, 2, 3]) {
    for (const { tx } of to.queues) tx.respond = false;
    to.received.length = 0;
    for (let n = 0; n < lead; n++) await from.send(from.frameTo(to.link.peer.mac));
    const held = await sendUntilFull(from, to);
    for (const { tx } of to.queues) tx.respond = true;
    answer(to, held);
    to.queue.pushTx();
    await t.check(['TXW-06', 'RING-06'], () => passed(t, from, to, LARGE, GSO_TYPE.tcpv4));
  }
});

test('fill-levels', 'sends the largest packet only if its ring has room, however full it is', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4, LARGEST);
  await passed(t, from, to, LARGEST, GSO_TYPE.tcpv4);
  for (const { tx } of to.queues) tx.respond = false;
  to.received.length = 0;
  let level = TX_RING.size - NR_SLOTS_MIN - EXTRA_SLOTS;
  if (!(await fill(from, to, level))) t.skip(`the frontend keeps only ${outstanding(to)} requests outstanding`);
  const frame = largeFrame(from.link.peer, to.link.peer, LARGEST, GSO_TYPE.tcpv4);
  await t.check('RING-06', async () => {
    // The peer looks at the indices of the ring whenever it is notified.
    while (level < TX_RING.size && (await fill(from, to, level))) {
      level++;
      const shape = { flags: RX_BLANK, extras: [gsoExtra(GSO_TYPE.tcpv4)] };
      await hasBuffers(t, from, BackendRx.slotsFor(frame, shape));
      await from.send(frame, shape);
      const large = (): QueuePacket[] => to.received.filter((each) => sameBytes(each.frame, frame));
      await happens(to, 'large packet', () => large().length > 0);
      for (const packet of large()) answer(to, to.received.splice(to.received.indexOf(packet), 1));
    }
  });
  t.info(`the frontend keeps ${outstanding(to)} requests outstanding`);
  respondTo(to, to.received.splice(0));
  // What the frontend has queued comes first.
  await sendThrough(from, to);
  await t.check(['TXW-06', 'RING-06'], () => passed(t, from, to, LARGE, GSO_TYPE.tcpv4));
});

test('cut', 'segments a large packet for a backend without feature-gso-tcpv4', BRIDGE, async (t) => {
  const [from, to] = await bridge(t);
  const packets = await segments(from, to, GSO_TYPE.tcpv4);
  await t.check('GSO-01', () => expect(packets.map(gsoOf), 'GSO extras').to.deep.equal(packets.map(() => undefined)));
  await t.check('GSO-13', () => {
    for (const { frame } of packets) expect(frame.length, 'bytes of a frame').to.be.at.most(MTU_FRAME);
  });
  await t.check('GSO-06', () => {
    for (const { frame } of packets) expect(payloadOf(frame).length, 'payload of a segment').to.be.at.most(MSS);
  });
});

test('cut-v6', 'segments a large IPv6 packet for a backend without feature-gso-tcpv6', BRIDGE6, async (t) => {
  // With checksums of IPv6 offloaded, nothing but the missing key makes the guest segment the packet.
  const [from, to] = await bridge(t, { ...ACCEPTS_V4, [KEY.featureIpv6CsumOffload]: '1' });
  const packets = await segments(from, to, GSO_TYPE.tcpv6);
  await t.check('GSO-01', () => expect(packets.map(gsoOf), 'GSO extras').to.deep.equal(packets.map(() => undefined)));
  await t.check('GSO-13', () => {
    for (const { frame } of packets) expect(frame.length, 'bytes of a frame').to.be.at.most(MTU_FRAME);
  });
  await t.check('GSO-06', () => {
    for (const { frame } of packets) expect(payloadOf(frame).length, 'payload of a segment').to.be.at.most(MSS);
  });
});

test('around-a-page', 'passes on large packets of any length around one and two pages', BRIDGE, async (t) => {
  const [from, to] = await bridge(t, ACCEPTS_V4);
  const lengths = [1, 2].flatMap((pages) => AROUND.map((more) => pages * PAGE_SIZE - LARGE_HEADERS + more));
  const packets: QueuePacket[] = [];
  await t.check('GSO-15', async () => {
    for (const length of lengths) packets.push(...(await segments(from, to, GSO_TYPE.tcpv4, length)));
  });
  await t.check('TXW-35', () => {
    for (const { requests } of packets) {
      expect(fragmentLengths(requests)[0], 'bytes of the first fragment').to.be.at.least(ETHERNET_HEADER);
    }
  });
});

test('prefix', 'survives the deprecated gso_prefix flag', { ...PING, destructive: true }, async (t) => {
  const vif = await t.fresh();
  // What follows may be taken for the rest of this packet.
  vif.monitor.lookAway('toFrontendStack');
  await vif.deliver(vif.quietFrame(), { flags: RXF.gsoPrefix | RXF.moreData });
  await survives(t, 'GSO-11', vif);
});

/**
 * A bridge whose near end has posted enough rx buffers for a packet of `length` bytes of payload; skips the test for a
 * frontend that keeps fewer.
 */
async function bridge(
  t: FrontendTest,
  far: Readonly<Record<string, string>> = BACKEND_KEYS,
  length = LARGE,
): Promise<[BackendPeer, BackendPeer]> {
  const [from, to] = await t.bridged(BACKEND_KEYS, far);
  const size = largeFrame(from.link.peer, to.link.peer, length, GSO_TYPE.tcpv6).length;
  await hasBuffers(t, from, Math.ceil(size / PAGE_SIZE) + 1);
  return [from, to];
}

/** Sends large packets until none comes out of the bridge any more. Returns all packets that came out. */
async function sendUntilFull(from: BackendPeer, to: BackendPeer): Promise<QueuePacket[]> {
  const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
  const held: QueuePacket[] = [];
  for (let sent = 0; sent <= TX_RING.size; sent++) {
    await from.send(frame, { flags: RX_BLANK, extras: [gsoExtra(GSO_TYPE.tcpv4)] });
    if (!(await happens(to, 'large packet', () => to.received.some((each) => sameBytes(each.frame, frame))))) break;
    held.push(...to.received.splice(0));
  }
  return [...held, ...to.received.splice(0)];
}

/** Requests of the frontend without a response. */
const outstanding = ({ queue }: BackendPeer): number => distance(queue.tx.ring.rspProdPvt, queue.tx.ring.reqCons);

/** Sends packets of one slot until as many requests are outstanding; whether the frontend sends as many. */
async function fill(from: BackendPeer, to: BackendPeer, level: number): Promise<boolean> {
  for (let lost = 0; lost < LOST_TRIES && outstanding(to) < level;) {
    const before = outstanding(to);
    const next = Math.min(level, before + AT_ONCE);
    for (let n = before; n < next; n++) await from.send(from.frameTo(to.link.peer.mac));
    await happens(to, `${next} outstanding requests`, () => outstanding(to) >= next);
    lost = outstanding(to) > before ? 0 : lost + 1;
  }
  return outstanding(to) >= level;
}

/** Sends a packet of one slot and waits until it comes out of the bridge. */
async function sendThrough(from: BackendPeer, to: BackendPeer): Promise<void> {
  const frame = from.frameTo(to.link.peer.mac);
  const arrival = (): Promise<QueuePacket> => to.receive('packet', (each) => sameBytes(each.frame, frame));
  await demanded(
    ['TXW-17'],
    sendUntilArrival(() => from.send(frame), arrival),
  );
  to.received.length = 0;
}

/** Sends a large packet and returns it as it comes out of the bridge; skips the test if the guest segments it. */
async function passed(
  t: FrontendTest,
  from: BackendPeer,
  to: BackendPeer,
  length: number,
  type: number,
): Promise<QueuePacket> {
  return unsegmented(t, await segments(from, to, type, length));
}

/** Sends a large packet and returns the packets that come out of the bridge. */
function segments(
  from: BackendPeer,
  to: BackendPeer,
  type: number,
  length = LARGE,
  first?: readonly number[],
): Promise<QueuePacket[]> {
  return demanded(['GSO-15'], throughLarge(from, to, RX_BLANK, type, length, first));
}
