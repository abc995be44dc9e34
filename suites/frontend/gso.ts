/** netif.h, "feature-gso-tcpv4", "feature-gso-tcpv6" and XEN_NETIF_EXTRA_TYPE_GSO. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/packet/bytes.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { GSO_TYPE, KEY, RSP, RXF, TXF } from '../../harness/protocol/netif.js';
import { distance, TX_RING } from '../../harness/protocol/ring.js';
import { encodeTxResponse } from '../../harness/protocol/tx.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { gsoOf, LARGE, LARGEST, MSS, MTU_FRAME, payloadOf, throughLarge, uncut } from '../large-packets.js';
import { survives } from './verbs.js';

const { test, tests } = frontendChapter('gso');
export const gso = tests;

const BRIDGE = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
const BRIDGE6 = { ...BRIDGE, gate: KEY.featureGsoTcpv6 } as const;
const BLANK = RXF.csumBlank | RXF.dataValidated;
const PING = { gate: KEY.featureGsoTcpv4, fresh: true, reflector: 'icmp' } as const;

const TAKES_V4 = { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' };
const TAKES_V6 = { ...BACKEND_KEYS, [KEY.featureGsoTcpv6]: '1', [KEY.featureIpv6CsumOffload]: '1' };

test('needs-sg', 'takes scatter-gather where it takes GSO', { gate: KEY.featureGsoTcpv4 }, async (t) => {
  const vif = await t.connect();
  const sg = await vif.otherKey(KEY.featureSg);
  await t.check('GSO-12', () => expect(sg, KEY.featureSg).to.equal('1'));
});

for (const [name, keys] of [
  ['tcpv4', TAKES_V4],
  ['tcpv6', TAKES_V6],
] as const) {
  test(`only-${name}`, `works with a backend that takes only ${name}`, { ...PING }, async (t) => {
    await t.check('GSO-02', async () => (await t.fresh(keys)).ping());
  });
}

test('passed-on', 'sends a large packet with what is to be known of it', BRIDGE, async (t) => {
  const [from, to] = await t.bridged(BACKEND_KEYS, TAKES_V4);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  const extra = gsoOf(packet);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05'], () => expect(extra).to.include({ size: MSS, gsoType: GSO_TYPE.tcpv4 }));
  await t.check(['GSO-09', 'GSO-14'], () => expect(extra?.features, 'features').to.equal(0));
  await t.check(['TXW-06', 'EXTRA-01', 'EXTRA-03'], () => expect(packet.extras.length, 'extras').to.equal(1));
  await t.check('EXTRA-08', () => expect(extra?.flags, 'flags of the extra').to.equal(0));
  await t.check('CSUM-13', () => {
    const later = packet.requests.slice(1).map(({ flags }) => flags & (TXF.csumBlank | TXF.dataValidated));
    expect(later, 'checksum flags of later fragments').to.deep.equal(later.map(() => 0));
  });
  await t.check('GSO-08', () => expect((packet.requests[0]?.flags ?? 0) & TXF.csumBlank, 'csum_blank').to.be.above(0));
});

test('passed-on-v6', 'sends a large packet of IPv6 so too', BRIDGE6, async (t) => {
  const [from, to] = await t.bridged(BACKEND_KEYS, TAKES_V6);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv6);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05'], () => {
    expect(gsoOf(packet)).to.include({ size: MSS, gsoType: GSO_TYPE.tcpv6 });
  });
});

test('extras-cost-no-buffer', 'takes extras between fragments, and posts their buffers again', BRIDGE, async (t) => {
  const [from, to] = await t.bridged(BACKEND_KEYS, TAKES_V4);
  await t.check(['RXW-10', 'RXW-11', 'TXW-21'], async () => {
    // More extras than the ring has slots.
    for (let n = 0; n < 280; n++) await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  });
});

test('null-response', 'takes a response with status NULL for no answer', BRIDGE, async (t) => {
  const [from, to] = await t.bridged(BACKEND_KEYS, TAKES_V4);
  const { tx } = to.queue;
  tx.respond = false;
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  const [first] = packet.requests;
  if (!first) throw new Error('a packet has a request');
  // The extra's response comes first, under the id of the packet.
  tx.ring.put(encodeTxResponse({ id: first.id, status: RSP.null }));
  to.queue.pushTx();
  await to.until('response taken', () => {
    const { rspProd, rspEvent } = tx.ring.indices();
    return rspEvent !== rspProd && distance(rspProd, rspEvent) <= TX_RING.size;
  });
  // What is behind the first fragment in its page is nobody's business.
  const own = packet.requests.slice(1).reduce((rest, { size }) => rest - size, first.size);
  const length = Math.min(100, own);
  const at = { domain: to.iutDomain, ref: first.gref, offset: first.offset, length };
  const [now] = t.domain.grants.copyFrom([at]);
  await t.check('TXW-18', () => {
    expect(now?.status, 'GNTST of its buffer').to.equal(0);
    expect(sameBytes(now?.bytes ?? packet.frame, packet.frame.subarray(0, length)), 'the bytes in it').to.equal(true);
  });
});

test('largest', 'takes packets of 65,535 bytes', BRIDGE, async (t) => {
  const [from, to] = await t.bridged(BACKEND_KEYS, TAKES_V4);
  await t.check('GSO-06', () => segments(from, to, GSO_TYPE.tcpv4, LARGEST));
});

test('cut', 'cuts a large packet for a backend that takes none', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const packets = await segments(from, to, GSO_TYPE.tcpv4);
  await t.check('GSO-01', () => expect(packets.map(gsoOf), 'GSO extras').to.deep.equal(packets.map(() => undefined)));
  await t.check('GSO-13', () => {
    for (const { frame } of packets) expect(frame.length, 'bytes of a frame').to.be.at.most(MTU_FRAME);
  });
  await t.check('GSO-06', () => {
    for (const { frame } of packets) expect(payloadOf(frame).length, 'payload of a segment').to.be.at.most(MSS);
  });
});

test('cut-v6', 'cuts a large packet of IPv6 for a backend that takes none', BRIDGE6, async (t) => {
  const [from, to] = await t.bridged(BACKEND_KEYS, TAKES_V4);
  const packets = await segments(from, to, GSO_TYPE.tcpv6);
  await t.check('GSO-01', () => expect(packets.map(gsoOf), 'GSO extras').to.deep.equal(packets.map(() => undefined)));
});

test('prefix', 'outlives the deprecated flag of large packets', { ...PING, destructive: true }, async (t) => {
  const vif = await t.fresh();
  await vif.deliver(vif.quietFrame(), { flags: RXF.gsoPrefix | RXF.moreData });
  await survives(t, 'GSO-11', vif);
});

/** Sends a large packet and answers it as it comes out of the bridge; skips the test where the guest cuts it. */
async function passed(
  t: FrontendTest,
  from: BackendPeer,
  to: BackendPeer,
  length: number,
  type: number,
): Promise<QueuePacket> {
  return uncut(t, await segments(from, to, type, length));
}

/** Sends a large packet and answers what it has become at the other end. */
function segments(from: BackendPeer, to: BackendPeer, type: number, length = LARGE): Promise<QueuePacket[]> {
  return throughLarge(from, to, BLANK, type, length);
}
