/**
 * netif.h, "Guest receive": the slots that follow an error in their packet are no packet of their own, and packets in
 * pieces do not mix.
 */
import { expect } from 'chai';
import { concat } from '../../harness/bytes/bytes.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { RxShape } from '../../harness/peer/backend-rx.js';
import { EXTRA_TYPE, KEY, RSP, RXF } from '../../harness/protocol/netif.js';
import { Violation } from '../../harness/peer/violation.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { arrives, countLost } from '../support/losses.js';
import { hasBuffers, seenByFrontend, survives } from './verbs.js';

const { test, tests } = frontendChapter('pieces');
export const pieces = tests;

const PING = { gate: KEY.featureSg, fresh: true, reflector: 'icmp' } as const;
/** Payload of the ping that a single fragment holds. */
const BAIT_LENGTH = 100;
export const ROUNDS = 4;
/** Milliseconds for a reply. A frontend may drop a packet that comes in pieces, so that most waits end without one. */
const REPLY_MS = 750;
/** An extra that, read as a response, is the first byte of a packet that continues in the next slot. */
export const LURE = Uint8Array.of(EXTRA_TYPE.hash, 0, 0, 0, RXF.moreData, 0, 1, 0);

for (const [name, status] of Object.entries({ error: RSP.error, dropped: RSP.dropped })) {
  for (const bad of [0, 1]) {
    const title = `mistakes no fragment after status ${name.toUpperCase()} in slot ${bad + 1} of 3 for a packet`;
    test(`${name}-in-${bad}`, title, PING, async (t) => {
      const vif = await t.fresh();
      await noneComesOut(t, vif, 'RXW-34', (response, n) => (n === bad ? { ...response, status } : response));
    });
  }
}

test('empty', 'mistakes no fragment after an empty one for a packet', { ...PING, destructive: true }, async (t) => {
  const vif = await t.fresh();
  await noneComesOut(t, vif, 'RXW-13', (response, n) => (n === 1 ? { ...response, status: 0 } : response));
});

test(
  'beyond-page',
  'mistakes no fragment after one beyond its page for a packet',
  { ...PING, destructive: true },
  async (t) => {
    const vif = await t.fresh();
    await noneComesOut(t, vif, 'RXW-14', (response, n) => (n === 0 ? { ...response, offset: 4090 } : response));
  },
);

test(
  'extra-after-error',
  'reads no response in the extra of a packet with an error',
  { ...PING, destructive: true },
  async (t) => {
    const vif = await t.fresh();
    const lost = await countMisled(t, vif, 3, () => {
      const shape: RxShape = { flags: RXF.extraInfo, alter: (response) => ({ ...response, status: RSP.error }) };
      vif.queue.rx.enqueue(vif.pingFrame().frame, shape);
      vif.queue.rx.putExtraBytes(LURE);
    });
    await t.check('RXW-16', () => expect(lost, `packets lost of ${ROUNDS}`).to.be.below(ROUNDS));
  },
);

test('later-extra', 'reads no response in the second extra of a packet', { ...PING, destructive: true }, async (t) => {
  const vif = await t.fresh();
  // Only bit 0 says that another extra follows.
  for (const more of [0x01, 0x81]) {
    const lost = await countMisled(t, vif, 4, () => {
      vif.queue.rx.enqueue(vif.quietFrame(), { flags: RXF.extraInfo });
      vif.queue.rx.putExtraBytes(Uint8Array.of(0x55, more, 0, 0, 0, 0, 0, 0));
      vif.queue.rx.putExtraBytes(LURE);
    });
    await t.check('RXW-16', () => expect(lost, `packets lost of ${ROUNDS}`).to.be.below(ROUNDS));
  }
});

test('interleaved-vifs', 'keeps the packets of two vifs apart while one is incomplete', PING, async (t) => {
  const [vif, other] = [await t.fresh(), await t.fresh()];
  await keptApart(t, 'ROB-02', vif, vif.queue, () => other.ping({ tries: 1, ms: REPLY_MS }));
});

for (const at of [0, 1]) {
  const title = `keeps the packets of two queues apart while one on queue ${at} is incomplete`;
  test(`interleaved-queue-${at}`, title, PING, async (t) => {
    const vif = await t.fresh({ ...BACKEND_KEYS, [KEY.multiQueueMaxQueues]: '2' });
    const [queue, other] = [vif.queues[at], vif.queues[1 - at]];
    if (!queue || !other) return t.skip('the frontend uses a single queue');
    await keptApart(t, 'RING-17', vif, queue, () => vif.ping({ queue: other, tries: 1, ms: REPLY_MS }));
  });
}

/**
 * Publishes a ping in three fragments, the last of them after `between` has sent a whole ping elsewhere. Nothing is
 * sent again, because the second attempt may succeed.
 */
async function keptApart(
  t: FrontendTest,
  requirement: string,
  vif: BackendPeer,
  queue: BackendPeer['queue'],
  between: () => Promise<unknown>,
): Promise<void> {
  // The peer knows the pieces, the frontend's stack the whole.
  vif.monitor.lookAway('toFrontendStack');
  const inPieces = async (meanwhile: () => Promise<unknown>): Promise<void> => {
    await hasBuffers(t, vif, 3, queue);
    const { frame, isReply } = vif.pingFrame(600);
    queue.rx.enqueue(frame.subarray(0, 100), { flags: RXF.moreData });
    queue.rx.enqueue(frame.subarray(100, 300), { flags: RXF.moreData });
    queue.pushRx();
    await seenByFrontend(vif, queue);
    await meanwhile();
    queue.rx.enqueue(frame.subarray(300));
    queue.pushRx();
    await vif.receive('reply', (packet) => isReply(packet.frame), { ms: REPLY_MS });
  };
  // A frontend may drop a packet whose last slot is not published yet.
  const dropped = await countLost(ROUNDS, () => inPieces(() => Promise.resolve()));
  let lost = 0;
  const lostInPieces = await countLost(ROUNDS, () => inPieces(async () => (lost += await countLost(1, between))));
  await t.check(requirement, () => {
    expect(lost, `whole packets lost of ${ROUNDS}`).to.be.below(ROUNDS);
    if (dropped === 0) expect(lostInPieces, `packets in pieces lost of ${ROUNDS}`).to.be.below(ROUNDS);
  });
}

/**
 * Writes misleading slots and pings, several times; returns how many pings are lost. What a frontend that was misled does
 * to its rings breaks no requirement of its own.
 */
export async function countMisled(
  t: FrontendTest,
  vif: BackendPeer,
  slots: number,
  mislead: () => void,
): Promise<number> {
  let lost = 0;
  vif.monitor.lookAway('toFrontendStack');
  for (let round = 0; round < ROUNDS; round++) {
    try {
      await hasBuffers(t, vif, slots);
      mislead();
      vif.queue.pushRx();
      if (!(await arrives(vif.ping({ tries: 1 })))) lost++;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      vif.forgive();
      lost++;
    }
  }
  return lost;
}

/**
 * Delivers packets of three fragments, changed by `alter`. Each later fragment holds a whole ping, to which nobody may
 * reply.
 */
async function noneComesOut(
  t: FrontendTest,
  vif: BackendPeer,
  requirement: string,
  alter: NonNullable<RxShape['alter']>,
): Promise<void> {
  const baits: ReturnType<BackendPeer['pingFrame']>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await hasBuffers(t, vif, 4);
    const own = [vif.pingFrame(BAIT_LENGTH), vif.pingFrame(BAIT_LENGTH)];
    const head = vif.pingFrame(BAIT_LENGTH).frame;
    const parts = [head, ...own.map(({ frame }) => frame)];
    await vif.deliver(concat(...parts), { fragments: parts.map(({ length }) => length), alter });
    baits.push(...own);
    // Replies come in the order of the requests, unless a stack is odd.
    await countLost(1, () => vif.ping({ tries: 1 }));
  }
  const replies = vif.received.filter(({ frame }) => baits.some(({ isReply }) => isReply(frame)));
  await t.check(requirement, () => expect(replies.length, 'replies to pings within fragments').to.equal(0));
  // It may give up a vif whose backend makes such mistakes.
  await survives(t, requirement, vif);
}
