/** netif.h, "feature-gso-tcpv4", "feature-gso-tcpv6" and XEN_NETIF_EXTRA_TYPE_GSO. */
import { expect } from 'chai';
import { decodeFrame } from '../../harness/packet/frame.js';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import type { ExtraGso } from '../../harness/protocol/extra.js';
import { GSO_TYPE, HASH_FLAG, KEY, NR_SLOTS_MIN, RSP, RXF, TX_BLANK } from '../../harness/protocol/netif.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import {
  describes,
  gsoExtra,
  gsoOf,
  inSlots,
  isPiece,
  LARGE,
  LARGE_HEADERS,
  largeAfter,
  largeFrame,
  LARGEST,
  MSS,
  MTU_FRAME,
  payloadOf,
  throughCut,
  throughLarge,
  unsegmented,
} from '../support/large-packets.js';
import { expectRsp } from '../support/statuses.js';
import { crosses, hashed } from './hash-verbs.js';
import { queuesOffered } from './connection-verbs.js';
import { refuses } from './refusal-verbs.js';
import { setHashing, through } from './verbs.js';

const { test, tests } = backendChapter('gso');
export const gso = tests;

const BRIDGE = { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' } as const;
const BRIDGE6 = { ...BRIDGE, gate: KEY.featureGsoTcpv6 } as const;
const BOTH = { ...BRIDGE, gate: [KEY.featureGsoTcpv4, KEY.featureGsoTcpv6] } as const;
const PING = { gate: KEY.featureGsoTcpv4, fresh: true, reflector: 'icmp' } as const;

/** Each of these queues costs the peer pages and the backend a thread. */
const MOST_QUEUES = 4;

const ACCEPTS_V4: FrontendOptions = { keys: { [KEY.featureGsoTcpv4]: '1' } };
const ACCEPTS_V6: FrontendOptions = { keys: { [KEY.featureGsoTcpv6]: '1', [KEY.featureIpv6CsumOffload]: '1' } };

test('needs-sg', 'offers feature-sg if it offers GSO', { gate: KEY.featureGsoTcpv4 }, async (t) => {
  const vif = await t.connect();
  const sg = await vif.otherKey(KEY.featureSg);
  await t.check('GSO-12', () => expect(sg, KEY.featureSg).to.equal('1'));
});

for (const [name, options, own, other] of [
  ['tcpv4', ACCEPTS_V4, GSO_TYPE.tcpv4, GSO_TYPE.tcpv6],
  ['tcpv6', ACCEPTS_V6, GSO_TYPE.tcpv6, GSO_TYPE.tcpv4],
] as const) {
  test(
    `only-${name}`,
    `sends ${name} large packets only, to a frontend with feature-gso-${name} alone`,
    BOTH,
    async (t) => {
      const pairs: [FrontendPeer, FrontendPeer][] = [];
      await t.check('GSO-02', async () => {
        const pair = await t.bridged({}, options);
        pairs.push(pair);
        await segments(...pair, own);
      });
      const [pair] = pairs;
      if (pair) await t.check('GSO-01', async () => expectNoGso(await cut(...pair, other)));
    },
  );
}

test('zeros', 'sends no large packets to a frontend that writes its GSO keys as 0', BOTH, async (t) => {
  const keys = { [KEY.featureGsoTcpv4]: '0', [KEY.featureGsoTcpv6]: '0', [KEY.featureIpv6CsumOffload]: '1' };
  const pair = await t.bridged({}, { keys });
  for (const type of [GSO_TYPE.tcpv4, GSO_TYPE.tcpv6]) {
    await t.check('GSO-01', async () => expectNoGso(await cut(...pair, type)));
  }
});

test(
  'without-sg',
  'sends no packet of several slots to a frontend with GSO and without feature-sg',
  BRIDGE,
  async (t) => {
    for (const value of ['0', undefined]) {
      const [from, to] = await t.bridged({}, { keys: { ...ACCEPTS_V4.keys, [KEY.featureSg]: value } });
      const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
      await from.transmit(frame, shaped(GSO_TYPE.tcpv4));
      // The backend may segment the packet or drop it.
      await through(from, to, from.frameTo(to.link.peer.mac));
      const pieces = to.received.filter((packet) => isPiece(packet.frame, frame));
      if (pieces.length === 0) t.info('the large packet is dropped');
      await t.check('RXW-22', () => {
        for (const { slots } of pieces) expect(slots.length, 'slots of a packet').to.equal(1);
      });
    }
  },
);

test('passed-on', 'forwards a large packet and describes it in a GSO extra', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv4);
  const extra = gsoOf(packet);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05'], () => describes(packet, GSO_TYPE.tcpv4));
  await t.check(['GSO-09', 'GSO-14'], () => expect(extra?.features, 'features').to.equal(0));
  await t.check('GSO-08', () => expect(flagsOf(packet) & RXF.csumBlank, 'csum_blank').to.be.above(0));
  await t.check('GSO-10', () => expect(flagsOf(packet) & RXF.gsoPrefix, 'gso_prefix').to.equal(0));
});

test('passed-on-v6', 'forwards a large IPv6 packet and describes it in a GSO extra', BRIDGE6, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V6);
  const packet = await passed(t, from, to, LARGE, GSO_TYPE.tcpv6);
  await t.check(['GSO-03', 'GSO-04', 'GSO-05'], () => describes(packet, GSO_TYPE.tcpv6));
});

test('largest', 'accepts packets of 65,535 bytes', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  await t.check('GSO-06', async () => {
    for (const { slots } of await segments(from, to, GSO_TYPE.tcpv4, LARGEST)) {
      await t.check('SLOT-07', () => expect(slots.length, 'slots').to.be.at.most(NR_SLOTS_MIN));
    }
  });
});

for (const pages of [1, 2, 3]) {
  const bytes = pages * PAGE_SIZE;
  test(`bytes-${bytes}`, `delivers a packet of ${bytes} bytes, whatever the ids of its buffers`, BRIDGE, async (t) => {
    const [from, to] = await t.bridged({}, { ...ACCEPTS_V4, rxIds: (n) => (0xffff - n * 257) & 0xffff });
    const packets = await segments(from, to, GSO_TYPE.tcpv4, bytes - LARGE_HEADERS);
    await t.check('RXW-02', () => {
      for (const { request, response } of packets.flatMap(({ slots }) => slots)) {
        expect(response.id, 'id of the response').to.equal(request.id);
      }
    });
    await t.check('RXW-05', () => {
      for (const { response } of packets.flatMap(({ slots }) => slots)) {
        expect(response.status, 'bytes of a fragment').to.be.above(0);
      }
    });
  });
}

test('slots', 'accepts 18 slots of which one is an extra, and 18 slots plus an extra', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
  for (const [requirement, count] of [
    ['SLOT-01', NR_SLOTS_MIN - 1],
    ['SLOT-04', NR_SLOTS_MIN],
  ] as const) {
    await t.check(requirement, async () => {
      await largeAfter(to, frame, async () => {
        const slots = await from.transmit(frame, { ...shaped(GSO_TYPE.tcpv4), ...inSlots(frame, count) });
        expectRsp(slots[0]?.response?.status, RSP.okay, 'the first slot');
      });
    });
  }
});

test('cut', 'segments a large packet for a frontend without feature-gso-tcpv4', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const packets = await cut(from, to, GSO_TYPE.tcpv4);
  await t.check('GSO-01', () => expectNoGso(packets));
  await t.check('GSO-13', () => {
    for (const { frame } of packets) expect(frame.length, 'bytes of a frame').to.be.at.most(MTU_FRAME);
  });
  await t.check('GSO-06', () => {
    for (const { frame } of packets) expect(payloadOf(frame).length, 'payload of a segment').to.be.at.most(MSS);
  });
});

for (const [name, keys] of [
  ['cut-checksums', {}],
  ['cut-checksums-opted-out', { [KEY.featureNoCsumOffload]: '1' }],
] as const) {
  const whom = name === 'cut-checksums' ? 'a frontend' : 'a frontend with feature-no-csum-offload';
  test(name, `gives each segment for ${whom} a checksum that fits its flags`, BRIDGE, async (t) => {
    const [from, to] = await t.bridged({}, { keys });
    const packets = await cut(from, to, GSO_TYPE.tcpv4);
    const states = packets.map((packet) => [(flagsOf(packet) & RXF.csumBlank) !== 0, checksumOf(packet)] as const);
    if (name !== 'cut-checksums') {
      await t.check('CSUM-02', () => {
        for (const [blank] of states) expect(blank, 'csum_blank').to.equal(false);
      });
    }
    await t.check('CSUM-08', () => {
      const wrong = states.filter(([blank, checksum]) => !blank && checksum !== 'complete');
      expect(wrong, 'segments with an incomplete checksum and without csum_blank').to.deep.equal([]);
    });
  });
}

test(
  'queues',
  'accepts large packets on each queue',
  { ...BRIDGE, gate: [KEY.featureGsoTcpv4, KEY.multiQueueMaxQueues] },
  async (t) => {
    const queues = Math.min(MOST_QUEUES, await queuesOffered(t));
    if (queues < 2) return t.skip('the backend offers only one queue');
    const [from, to] = await t.bridged({ queues }, { ...ACCEPTS_V4, queues });
    const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
    for (const queue of from.queues) {
      await t.check('GSO-06', () => largeAfter(to, frame, () => from.transmit(frame, shaped(GSO_TYPE.tcpv4), queue)));
    }
  },
);

test('segment-sizes', 'passes or drops large packets of unusual segment sizes', BRIDGE, async (t) => {
  const pairs = [await t.bridged({}, ACCEPTS_V4), await t.bridged()];
  // Few enough segments for the buffers that are posted, since a backend may drop what does not fit.
  for (const [size, length] of [
    [1, 10],
    [8, 79],
    [536, 3000],
    [2999, 3000],
    [3000, 3000],
    [3001, 3000],
    [0xffff, 3000],
  ] as const) {
    for (const [from, to] of pairs) {
      const frame = largeFrame(from.link.peer, to.link.peer, length, GSO_TYPE.tcpv4);
      await t.check('RING-09', () => from.transmit(frame, shaped(GSO_TYPE.tcpv4, { size })));
      // No header has a least size, nor says what a size means that no segment reaches.
      await through(from, to, from.frameTo(to.link.peer.mac));
      const pieces = to.received.splice(0).filter((packet) => isPiece(packet.frame, frame));
      if (pieces.length === 0) t.info(`a packet with segments of ${size} bytes is dropped`);
      await t.check('GSO-06', () => {
        const cut = pieces.length > 1;
        for (const piece of pieces) {
          const most = gsoOf(piece)?.size ?? (cut ? payloadOf(piece.frame).length : 0);
          expect(most, 'payload of a segment').to.be.at.most(size);
        }
      });
    }
  }
});

test('cut-v6', 'segments a large IPv6 packet for a frontend without feature-gso-tcpv6', BRIDGE6, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_V4);
  const packets = await cut(from, to, GSO_TYPE.tcpv6);
  await t.check('GSO-01', () => expectNoGso(packets));
});

for (const [name, change] of [
  ['size-0', { size: 0 }],
  ['type-0', { gsoType: GSO_TYPE.none }],
  ['unknown-type', { gsoType: 7 }],
] as const) {
  test(name, `refuses a GSO extra with ${name.replace('-', ' ')}`, { ...PING, destructive: true }, async (t) => {
    const vif = await t.fresh();
    const frame = largeFrame(vif.link.peer, vif.link.iut, LARGE, GSO_TYPE.tcpv4);
    const slots = vif.queue.tx.enqueue(frame, shaped(GSO_TYPE.tcpv4, change));
    vif.queue.pushTx();
    await refuses(t, 'GSO-07', vif, slots);
  });
}

test(
  'hashed',
  'sends the GSO and the HASH extra of a packet in one chain',
  { ...BRIDGE, gate: [KEY.featureGsoTcpv4, KEY.featureCtrlRing] },
  async (t) => {
    const queues = Math.min(2, await queuesOffered(t));
    const [from, to] = await t.bridged({}, { ...ACCEPTS_V4, control: true, queues });
    await crosses(t, [from, to]);
    await setHashing(t, to, HASH_FLAG.ipv4Tcp, VERIFICATION_KEY);
    if (!(await hashed(from, to))) t.skip('the backend delivers no hash');
    const types = (await passed(t, from, to, LARGE, GSO_TYPE.tcpv4)).extras.map(({ type }) => type).sort();
    // No backend has to send a hash; but this one does.
    await t.check('HASH-44', () => expect(types, 'extras of a large packet').to.include('hash'));
    if (types.includes('hash')) await t.check('HASH-37', () => expect(types, 'extras').to.deep.equal(['gso', 'hash']));
  },
);

/** How a large packet is sent; `change` replaces fields of its extra with wrong values. */
function shaped(gsoType: number, change: Partial<ExtraGso> = {}): TxShape {
  return { flags: TX_BLANK, extras: [gsoExtra(gsoType, change)] };
}

/** Sends a large packet and returns it as it comes out of the bridge; skips the test if the guest segments it. */
async function passed(
  t: BackendTest,
  from: FrontendPeer,
  to: FrontendPeer,
  length: number,
  type: number,
): Promise<QueuePacket> {
  return unsegmented(t, await segments(from, to, type, length));
}

/** Sends a large packet and returns the packets that come out of the bridge. */
function segments(from: FrontendPeer, to: FrontendPeer, type: number, length = LARGE): Promise<QueuePacket[]> {
  return demanded(['GSO-06'], throughLarge(from, to, TX_BLANK, type, length));
}

/** Like {@link segments}, for a frontend that accepts no such packet. */
function cut(from: FrontendPeer, to: FrontendPeer, type: number): Promise<QueuePacket[]> {
  return demanded(['GSO-06'], throughCut(from, to, TX_BLANK, type));
}

function expectNoGso(packets: readonly QueuePacket[]): void {
  expect(packets.map(gsoOf), 'GSO extras').to.deep.equal(packets.map(() => undefined));
}

/** The state of the TCP checksum of a packet. */
function checksumOf({ frame }: QueuePacket): string | undefined {
  const it = decodeFrame(frame);
  return it.ok && it.value.kind === 'tcp' ? it.value.tcp.checksum : undefined;
}

const flagsOf = (packet: QueuePacket): number => packet.slots[0]?.response.flags ?? 0;
