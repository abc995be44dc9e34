/** netif.h never describes the packet itself: what a frame holds, and how long it is, is none of the backend's business. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { LARGEST_FRAME } from '../../harness/packet/ethernet.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import { KEY } from '../../harness/protocol/netif.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { cutLengths, oversizedFrames } from '../support/cut-frames.js';
import { plainFrame, PROTOCOLS, taggedFrame } from '../support/frames.js';
import { queuesOffered } from './connection-verbs.js';
import { through } from './verbs.js';

const { test, tests } = backendChapter('frames');
export const frames = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
/** Bytes of the first fragment: all headers, a part of them, one byte of a VLAN tag, the Ethernet header alone. */
const FIRSTS = [200, 38, 15, 14];

/** Two bridged vifs, each with two queues if the backend offers them. */
async function pair(t: BackendTest): Promise<[FrontendPeer, FrontendPeer]> {
  const queues = Math.min(await queuesOffered(t), 2);
  return t.bridged({ queues }, { queues });
}

/** The layouts in slots that the backend accepts for a frame of `length` bytes. */
async function shapes(vif: FrontendPeer, length: number): Promise<TxShape[]> {
  if ((await vif.otherKey(KEY.featureSg)) !== '1') return [{}];
  return [
    {},
    { offset: 3 },
    ...FIRSTS.filter((first) => first < length).map((first) => ({ fragments: [first, length - first] })),
  ];
}

for (const [name, what, kinds] of PROTOCOLS) {
  test(name, `passes on ${what} unchanged, in any layout and on each queue`, BRIDGE, async (t) => {
    const [from, to] = await pair(t);
    let nonce = 0;
    for (const [kind, make] of Object.entries(kinds)) {
      await t.check('TXW-36', async () => {
        for (const length of [100 + 4 * (nonce % 7), LARGEST_FRAME]) {
          for (const [n, shape] of (await shapes(from, length)).entries()) {
            const queue = from.queues[n % from.queues.length];
            await through(from, to, make(from.link.peer, to.link.peer, length, ++nonce), shape, {
              queue,
              what: `frame (${kind})`,
            });
          }
        }
      });
    }
  });
}

test('cut', 'passes on a frame that is larger than its MTU whole or not at all', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  const sent = oversizedFrames((payload) => from.frameTo(to.link.peer.mac, payload));
  for (const frame of sent) await from.transmit(frame);
  // When this one comes out, those before it have come out or are lost.
  await t.check('TXW-36', () => through(from, to, from.frameTo(to.link.peer.mac)));
  await t.check('TXW-37', () => expect(cutLengths(to.received, sent), 'lengths of cut frames').to.deep.equal([]));
});

test('both-ways', 'passes on frames with VLAN tags in both directions at once', BRIDGE, async (t) => {
  const [one, other] = await pair(t);
  const ways = [
    [one, other],
    [other, one],
  ] as const;
  await t.check('TXW-36', async () => {
    for (let n = 0; n < 8; n++) {
      await Promise.all(
        ways.map(([from, to]) => through(from, to, taggedFrame(from.link.peer, to.link.peer, 200 + n, n), {})),
      );
    }
  });
});

for (const length of [LARGEST_FRAME, 1515, 1516, 1517, 1518]) {
  test(`tagged-of-${length}`, `passes on a frame of ${length} bytes with a VLAN tag unchanged`, BRIDGE, async (t) => {
    const [from, to] = await pair(t);
    await t.check('TXW-36', async () => {
      for (const [n, shape] of (await shapes(from, length)).entries()) {
        await through(from, to, taggedFrame(from.link.peer, to.link.peer, length, n), shape);
      }
    });
  });
}

for (const length of [1515, 1518, 1519, 9014]) {
  const gate = length > PAGE_SIZE ? { gate: KEY.featureSg } : {};
  const title = `passes on a frame of ${length} bytes without a VLAN tag unchanged, or drops it`;
  test(`oversize-${length}`, title, { ...BRIDGE, ...gate }, async (t) => {
    // The toolstack may have set this MTU; an interface or a bridge in the guest may keep another one.
    const mtu = { keys: { mtu: String(length - 14) } };
    const [from, to] = await t.bridged(mtu, mtu);
    const frame = plainFrame(from.link.peer, to.link.peer, length, length);
    await t.check('RING-09', () => from.transmit(frame));
    // By the time that this frame arrives, the long one has arrived or was dropped.
    await through(from, to, from.frameTo(to.link.peer.mac));
    const same = to.received.some((packet) => sameBytes(packet.frame, frame));
    const part = to.received.find((packet) => isPart(packet.frame, frame));
    await t.check('TXW-36', () => expect(part?.frame.length, 'length of a part of the frame').to.equal(undefined));
    t.info(same ? 'the frame arrived' : 'the frame was dropped');
  });
}

/** Whether a frame begins like another one and differs from it. */
function isPart(found: Uint8Array, sent: Uint8Array): boolean {
  const begins = sameBytes(found.subarray(0, 40), sent.subarray(0, 40));
  return begins && !sameBytes(found, sent);
}
