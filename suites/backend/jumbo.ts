/** netif.h, "Guest receive": frames of several slots for a frontend without GSO, whose vif has a large MTU. */
import { expect } from 'chai';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { RX_RING } from '../../harness/protocol/ring.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { demanded } from '../../harness/xen/wait.js';
import { newFrame } from '../support/frames.js';
import { arrives } from '../support/losses.js';
import { BAD_REF, RX_PAD, through } from './verbs.js';

const { test, tests } = backendChapter('jumbo');
export const jumbo = tests;

/** A backend without GSO receives several slots in no other way than by a large MTU. */
const JUMBO = { fresh: true, needs: 'bridge', gate: KEY.featureSg } as const;
const JUMBO_FRAME = 9014;
/** Milliseconds for frames at every place of the ring: a bridge may lose some, which are sent again. */
const AROUND_MS = 30_000;
const JUMBO_KEYS = { keys: { mtu: '9000' } } as const;

for (const place of [0, 1, 2]) {
  const title = `continues a frame of three slots whose buffer ${place} it may not write as it announced`;
  test(`bad-buffer-${place}`, title, JUMBO, async (t) => {
    const [from, to] = await bridgedForJumbo(t, { rxBuffers: 0 });
    const { queue } = to;
    const frame = newFrame(from.link.peer, to.link.peer, JUMBO_FRAME);
    queue.post(place);
    queue.rx.nextRef = () => BAD_REF;
    queue.post(1);
    queue.rx.nextRef = undefined;
    queue.post(30);
    await from.send(frame);
    // What follows the packet begins as a packet does.
    await demanded(['GNT-10'], through(from, to, from.frameTo(to.link.peer.mac)));
    const part = to.received.find((packet) => isPartOf(packet.frame, frame));
    await t.check('RXW-09', () => expect(part?.frame.length, 'length of a part of the frame').to.equal(undefined));
    if (queue.rx.errors.length === 0) t.info('the backend has used no bad buffer');
  });
}

test('around', 'delivers frames of three slots wherever in the ring they begin', JUMBO, async (t) => {
  const [from, to] = await bridgedForJumbo(t);
  await t.check('TXW-36', async () => {
    const end = t.domain.clock.now() + AROUND_MS;
    // Seven slots each time: the ring ends at another one in each turn.
    for (let n = 0; n < RX_RING.size / 2; n++) {
      if (t.domain.clock.now() > end) return t.info(`${n} of ${RX_RING.size / 2} rounds in ${AROUND_MS} ms`);
      for (const length of [JUMBO_FRAME, JUMBO_FRAME, 64]) {
        await through(from, to, newFrame(from.link.peer, to.link.peer, length));
      }
    }
  });
});

/** Two bridged vifs with a large MTU; skips the test where something in the guest drops such frames. */
async function bridgedForJumbo(t: BackendTest, own: FrontendOptions = {}): Promise<[FrontendPeer, FrontendPeer]> {
  const [from, to] = await t.bridged(JUMBO_KEYS, JUMBO_KEYS);
  const passes = through(from, to, newFrame(from.link.peer, to.link.peer, JUMBO_FRAME));
  if (!(await arrives(passes))) t.skip(`the guest drops frames of ${JUMBO_FRAME} bytes`);
  return t.bridged(JUMBO_KEYS, { ...JUMBO_KEYS, rxPad: RX_PAD, ...own });
}

/** Whether a frame consists of some bytes of another one, and not of all. */
function isPartOf(found: Uint8Array, sent: Uint8Array): boolean {
  return found.length < sent.length && Buffer.from(sent).includes(Buffer.from(found.subarray(0, 64)));
}
