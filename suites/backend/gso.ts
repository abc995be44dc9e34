/** netif.h, "feature-gso-tcpv4", "feature-gso-tcpv6" and XEN_NETIF_EXTRA_TYPE_GSO. */
import { expect } from 'chai';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import type { ExtraGso } from '../../harness/protocol/extra.js';
import { GSO_TYPE, HASH_FLAG, KEY, NR_SLOTS_MIN, RSP, RXF, TXF } from '../../harness/protocol/netif.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import {
  gsoExtra,
  gsoOf,
  LARGE,
  largeFrame,
  LARGEST,
  MSS,
  MTU_FRAME,
  payloadOf,
  throughLarge,
  uncut,
} from '../large-packets.js';
import { queuesOffered, refuses, setHashing } from './verbs.js';

const { test, tests } = backendChapter('gso');
export const gso = tests;

const BRIDGE = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
const BRIDGE6 = { ...BRIDGE, gate: KEY.featureGsoTcpv6 } as const;
const BLANK = TXF.csumBlank | TXF.dataValidated;
const PING = { gate: KEY.featureGsoTcpv4, fresh: true, reflector: 'icmp' } as const;

const TAKES_V4: FrontendOptions = { keys: { [KEY.featureGsoTcpv4]: '1' } };
const TAKES_V6: FrontendOptions = { keys: { [KEY.featureGsoTcpv6]: '1', [KEY.featureIpv6CsumOffload]: '1' } };

test('needs-sg', 'offers scatter-gather where it offers GSO', { gate: KEY.featureGsoTcpv4 }, async (t) => {
  const vif = await t.connect();
  const sg = await vif.otherKey(KEY.featureSg);
  await t.check('GSO-12', () => expect(sg, KEY.featureSg).to.equal('1'));
});

for (const [name, options] of [
  ['tcpv4', TAKES_V4],
  ['tcpv6', TAKES_V6],
] as const) {
  test(`only-${name}`, `connects a frontend that takes only ${name}`, { ...PING }, async (t) => {
    await t.check('GSO-02', async () => (await t.fresh(options)).ping());
  });
}

test('passed-on', 'passes a large packet on, with what is to be known of it', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  const extra = gsoOf(packet);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05'], () => expect(extra).to.include({ size: MSS, gsoType: GSO_TYPE.tcpv4 }));
  await t.check(['GSO-09', 'GSO-14'], () => expect(extra?.features, 'features').to.equal(0));
  await t.check('GSO-08', () => expect(flagsOf(packet) & RXF.csumBlank, 'csum_blank').to.be.above(0));
  await t.check('GSO-10', () => expect(flagsOf(packet) & RXF.gsoPrefix, 'gso_prefix').to.equal(0));
});

test('passed-on-v6', 'passes a large packet of IPv6 on', BRIDGE6, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V6);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv6);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05'], () => {
    expect(gsoOf(packet)).to.include({ size: MSS, gsoType: GSO_TYPE.tcpv6 });
  });
});

test('largest', 'takes packets of 65,535 bytes', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  await t.check('GSO-06', async () => {
    for (const { slots } of await segments(from, to, GSO_TYPE.tcpv4, LARGEST)) {
      await t.check('SLOT-07', () => expect(slots.length, 'slots').to.be.at.most(NR_SLOTS_MIN));
    }
  });
});

test('slots', 'takes 18 slots and an extra besides', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
  const size = Math.floor(frame.length / NR_SLOTS_MIN);
  const fragments = Array.from({ length: NR_SLOTS_MIN }, (_, n) => (n === 0 ? frame.length - 17 * size : size));
  await t.check('SLOT-04', async () => {
    const slots = await from.transmit(frame, { ...shaped(GSO_TYPE.tcpv4), fragments });
    expect(slots[0]?.response?.status, 'status of the first slot').to.equal(RSP.okay);
  });
});

test('cut', 'cuts a large packet for a frontend that takes none', BRIDGE, async (t) => {
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

test('cut-v6', 'cuts a large packet of IPv6 for a frontend that takes none', BRIDGE6, async (t) => {
  const [from, to] = await t.bridged({}, TAKES_V4);
  const packets = await segments(from, to, GSO_TYPE.tcpv6);
  await t.check('GSO-01', () => expect(packets.map(gsoOf), 'GSO extras').to.deep.equal(packets.map(() => undefined)));
});

for (const [name, change] of [
  ['size-0', { size: 0 }],
  ['unknown-type', { gsoType: 7 }],
] as const) {
  test(name, `refuses a GSO extra of ${name.replace('-', ' ')}`, { ...PING, destructive: true }, async (t) => {
    const vif = await t.fresh();
    const frame = largeFrame(vif.link.peer, vif.link.iut, LARGE, GSO_TYPE.tcpv4);
    const slots = vif.queue.tx.enqueue(frame, shaped(GSO_TYPE.tcpv4, change));
    vif.queue.pushTx();
    await refuses(t, 'GSO-07', vif, slots, [RSP.error, RSP.dropped]);
  });
}

test(
  'hashed',
  'tells size and hash of a packet in one chain',
  { ...BRIDGE, gate: [KEY.featureGsoTcpv4, KEY.featureCtrlRing] },
  async (t) => {
    const queues = Math.min(2, await queuesOffered(t));
    const [from, to] = await t.bridged({}, { ...TAKES_V4, control: true, queues });
    await setHashing(t, to, HASH_FLAG.ipv4Tcp, VERIFICATION_KEY);
    const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
    await t.check('HASH-37', () => {
      expect(packet.extras.map(({ type }) => type).sort(), 'extras').to.deep.equal(['gso', 'hash']);
    });
  },
);

/** How a large packet is sent; `change` makes its extra a wrong one. */
function shaped(gsoType: number, change: Partial<ExtraGso> = {}): TxShape {
  return { flags: BLANK, extras: [gsoExtra(gsoType, change)] };
}

/** Sends a large packet and answers it as it comes out of the bridge; skips the test where the guest cuts it. */
async function passed(
  t: BackendTest,
  from: FrontendPeer,
  to: FrontendPeer,
  length: number,
  type: number,
): Promise<QueuePacket> {
  return uncut(t, await segments(from, to, type, length));
}

/** Sends a large packet and answers what it has become at the other end. */
function segments(from: FrontendPeer, to: FrontendPeer, type: number, length = LARGE): Promise<QueuePacket[]> {
  return throughLarge(from, to, BLANK, type, length);
}

const flagsOf = (packet: QueuePacket): number => packet.slots[0]?.response.flags ?? 0;
