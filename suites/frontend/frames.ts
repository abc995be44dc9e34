/** Frames of every kind and length, which a frontend passes on without regard to what they carry. */
import { expect } from 'chai';
import { LARGEST_FRAME } from '../../harness/packet/ethernet.js';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { KEY } from '../../harness/protocol/netif.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { cutLengths, oversizedFrames } from '../support/cut-frames.js';
import { CONTRADICTORY, frameOf, KINDS, TAGGED } from '../support/frame-shapes.js';
import { allCross, crossings, forwarded } from './bridge-verbs.js';
import { happens, hasBuffers, stillPasses, survives } from './verbs.js';

const { test, tests } = frontendChapter('frames');
export const frames = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const PING = { fresh: true, reflector: 'icmp' } as const;
const FULL = { fresh: true, reflector: 'icmp-full' } as const;
/** Lengths at the minimum of a wire, at the end of the headers that drivers copy, and at the MTU. */
const LENGTHS = [15, 42, 59, 60, 61, 64, 127, 128, 129, 255, 256, 257, LARGEST_FRAME - 1, LARGEST_FRAME];
/** Places in a buffer: where a backend aligns the IP header, where it leaves headroom, and near the end. */
const OFFSETS = [2, 66, 256, 2500];
const EACH_LENGTH = Object.fromEntries(LENGTHS.map((length) => [`${length} bytes`, frameOf(length)]));

for (const [name, title, table] of [
  ['kinds', 'passes on frames of every kind unchanged', KINDS],
  ['tagged', 'passes on frames with a VLAN tag unchanged', TAGGED],
  ['lengths', 'passes on frames of every length unchanged', EACH_LENGTH],
] as const) {
  test(name, title, BRIDGE, async (t) => {
    const peers = await t.bridged();
    await t.check('RXW-33', () => allCross(peers, crossings(peers, table)));
  });
}

test('tagged-offsets', 'passes on frames with a VLAN tag from any place in their buffer', BRIDGE, async (t) => {
  const peers = await t.bridged();
  const tagged = await forwarded(peers, TAGGED);
  await t.check('RXW-08', async () => {
    for (const offset of OFFSETS) {
      const all = crossings(peers, tagged).map((each) => ({ ...each, shape: { offset } }));
      await allCross(peers, all);
    }
  });
});

test('contradictory', 'passes on frames with a contradictory IP header unchanged', BRIDGE, async (t) => {
  const [from, to] = await t.bridged();
  // Such a frame seems to have bytes after its end.
  to.monitor.lookAway();
  await t.check('RXW-33', () => allCross([from, to], crossings([from, to], CONTRADICTORY)));
});

test('both-ways', 'passes on frames in both directions at once', BRIDGE, async (t) => {
  const [one, other] = await t.bridged();
  const table = { ...KINDS, ...TAGGED };
  await t.check('RXW-33', () =>
    Promise.all([
      allCross([one, other], crossings([one, other], table)),
      allCross([other, one], crossings([other, one], table)),
    ]),
  );
});

test('oversized', 'survives frames that are larger than its MTU', { ...PING, destructive: true }, async (t) => {
  const vif = await t.fresh();
  for (const length of [1515, 1516, 1517, 1518, 1519, 1522, 4095, 4096]) await vif.deliver(vif.quietFrame(length));
  await stillPasses(t, 'RXW-33', vif);
});

test(
  'cut',
  'passes on a frame that is larger than its MTU whole or not at all',
  { ...BRIDGE, destructive: true },
  async (t) => {
    const [from, to] = await t.bridged();
    const sent = oversizedFrames((payload) => from.frameTo(to.link.peer.mac, payload));
    for (const frame of sent) await from.deliver(frame);
    // When this one comes out, those before it have come out or are lost.
    await t.check('RXW-33', () => allCross([from, to], crossings([from, to], { 'a frame of 64 bytes': frameOf(64) })));
    await t.check('RXW-35', () => expect(cutLengths(to.received, sent), 'lengths of cut frames').to.deep.equal([]));
  },
);

test('runts', 'survives frames that are shorter than an Ethernet header', { ...PING, destructive: true }, async (t) => {
  const vif = await t.fresh();
  for (const length of [1, 6, 12, 13, 14]) await vif.deliver(vif.quietFrame().subarray(0, length));
  await survives(t, 'ROB-02', vif);
});

for (const mtu of [1280, 9000]) {
  test(`mtu-${mtu}`, `passes on frames where the toolstack sets an MTU of ${mtu}`, FULL, async (t) => {
    const vif = await t.fresh(BACKEND_KEYS, { [KEY.mtu]: String(mtu) });
    const largest = Math.min(mtu, LARGEST_FRAME - 14) + 14 - PING_HEADERS;
    await t.check('RXW-33', async () => {
      for (const length of [64, largest - 1, largest]) await vif.ping({ length });
    });
    if (mtu < LARGEST_FRAME || ((await vif.otherKey(KEY.featureSg)) ?? '0') === '0') return;
    // The frontend may ignore the key, and its guest may drop what is larger than its own MTU.
    await hasBuffers(t, vif, 3);
    const { frame, isReply } = vif.pingFrame(mtu - 28);
    await vif.deliver(frame);
    const replies = (): boolean => vif.received.some((packet) => isReply(packet.frame));
    t.info(`${(await happens(vif, 'reply', replies)) ? 'a' : 'no'} reply to a ping of ${frame.length} bytes`);
    await stillPasses(t, 'RXW-33', vif);
  });
}
