/** Packets through a backend: any frame, in any layout, alone, many at once and in both directions. */
import fc from 'fast-check';
import { LARGEST_FRAME } from '../../packet/ethernet.js';
import type { FrontendPeer } from '../../peer/frontend.js';
import { GSO_TYPE, TX_BLANK } from '../../protocol/netif.js';
import { all } from '../../xen/wait.js';
import { PROTOCOLS } from '../../../suites/support/frames.js';
import { cut } from '../../../suites/support/frame-shapes.js';
import { throughLarge } from '../../../suites/support/large-packets.js';
import { arrives } from '../../../suites/support/losses.js';
import { postsAsked, saysBlank, through } from '../../../suites/backend/verbs.js';
import type { Step } from '../step.js';
import type { BackendModel, BackendWorld } from './backend.js';
import { END, type EndIndex, otherEnd, queueAt, slotsOf, way } from './ends.js';
import { brokenBySum, passesSum, SUM_CHECKS, SUMMED, type Summed, takesLarge, takesSum } from './offload.js';

type BackendStep<A> = Step<BackendWorld, BackendModel, A>;

const KINDS = PROTOCOLS.flatMap(([, , kinds]) => Object.entries(kinds));
/** Lengths at which all kinds of frames have their headers. */
const LENGTH = fc.oneof(
  fc.constantFrom(100, 127, 128, 129, 256, LARGEST_FRAME),
  fc.integer({ min: 100, max: LARGEST_FRAME }),
);
/** The first slots of a packet; the rest is in one more. */
const LAYOUT = fc.constantFrom('', '14', '15', '34', '38', '54', '90', '14+20', '18+1+1');
/** Bytes of a larger payload, which fits in the posted buffers even if it is cut into segments of 536 bytes. */
const LARGER = 30_000;
const OFFSET = fc.constantFrom(0, 1, 3, 255, 2000);

/** A frame from one vif to the other; no two are equal. */
function plainFrame(world: BackendWorld, from: FrontendPeer, to: FrontendPeer, length: number): Uint8Array {
  const [, make] = KINDS.at(-1) ?? [];
  if (!make) throw new Error('there are kinds of frames');
  return make(from.link.peer, to.link.peer, length, ++world.frames);
}

/** A frame on each queue shows that the vifs still work. */
export async function stillPasses(world: BackendWorld, end: EndIndex, requirement: string): Promise<void> {
  const [from, to] = way(world, end);
  await world.t.check(requirement, async () => {
    for (const queue of from.queues) await through(from, to, plainFrame(world, from, to, 100), {}, { queue });
  });
}

const send: BackendStep<{
  from: EndIndex;
  kind: number;
  length: number;
  layout: string;
  offset: number;
  queue: number;
}> = {
  name: 'send',
  checks: ['TXW-36'],
  args: fc.record({
    from: END,
    kind: fc.nat(KINDS.length - 1),
    length: LENGTH,
    layout: LAYOUT,
    offset: OFFSET,
    queue: fc.nat(2),
  }),
  when: ({ offer }, { layout }) => offer.sg || layout === '',
  async run(world, model, { from: end, kind, length, layout, offset, queue }) {
    const [from, to] = way(world, end);
    const [name, make] = KINDS[kind] ?? KINDS[0] ?? [];
    if (!make) throw new Error('there are kinds of frames');
    const frame = make(from.link.peer, to.link.peer, length, ++world.frames);
    const shape = { offset, fragments: cut(frame, slotsOf(layout)) };
    await world.t.check('TXW-36', () =>
      through(from, to, frame, shape, { queue: queueAt(from, queue), what: `frame (${name})` }),
    );
    return model;
  },
};

/** Publishes frames on one queue at once; waits for their responses only. */
async function publish(from: FrontendPeer, frames: readonly Uint8Array[], n: number): Promise<void> {
  const queue = queueAt(from, n);
  const slots = frames.flatMap((frame) => queue.tx.enqueue(frame));
  queue.pushTx();
  await from.answered(slots, queue);
}

const burst: BackendStep<{ from: EndIndex; count: number; length: number; queue: number }> = {
  name: 'burst',
  checks: ['RING-09', 'TXW-36'],
  args: fc.record({ from: END, count: fc.integer({ min: 1, max: 64 }), length: LENGTH, queue: fc.nat(2) }),
  when: () => true,
  async run(world, model, { from: end, count, length, queue }) {
    const [from, to] = way(world, end);
    const frames = Array.from({ length: count }, () => plainFrame(world, from, to, length));
    await world.t.check('RING-09', () => publish(from, frames, queue));
    await stillPasses(world, end, 'TXW-36');
    return model;
  },
};

const bothWays: BackendStep<{ count: number; queue: number }> = {
  name: 'both-ways',
  checks: ['RING-09', 'TXW-36'],
  args: fc.record({ count: fc.integer({ min: 1, max: 32 }), queue: fc.nat(2) }),
  when: () => true,
  async run(world, model, { count, queue }) {
    await world.t.check('RING-09', () =>
      all(
        ([0, 1] as const).map((end) => {
          const [from, to] = way(world, end);
          return publish(
            from,
            Array.from({ length: count }, () => plainFrame(world, from, to, 200)),
            queue,
          );
        }),
      ),
    );
    for (const end of [0, 1] as const) await stillPasses(world, end, 'TXW-36');
    return model;
  },
};

const large: BackendStep<{ from: EndIndex; ipv6: boolean; length: number }> = {
  name: 'large',
  checks: ['GSO-06'],
  args: fc.record({
    from: END,
    ipv6: fc.boolean(),
    length: fc.oneof(fc.constantFrom(1400, 1401, 2800, 4042, 8138, LARGER), fc.integer({ min: 1, max: LARGER })),
  }),
  // What is not passed on whole is cut into segments, and dropped if the frontend accepts only one slot for a packet.
  when: ({ offer, vifs }, { from, ipv6 }) => takesLarge(offer, ipv6) && vifs[otherEnd(from)].choice.sg,
  async run(world, model, { from: end, ipv6, length }) {
    const [from, to] = way(world, end);
    await world.t.check('GSO-06', () =>
      throughLarge(from, to, TX_BLANK, ipv6 ? GSO_TYPE.tcpv6 : GSO_TYPE.tcpv4, length),
    );
    return model;
  },
};

const checksum: BackendStep<Summed> = {
  name: 'checksum',
  checks: SUM_CHECKS,
  args: SUMMED,
  when: ({ offer }, sum) => takesSum(offer, sum),
  async run(world, model, sum) {
    await world.t.check(brokenBySum(sum), () => passesSum(way(world, sum.from), sum, TX_BLANK, saysBlank));
    return model;
  },
};

/** Time in which a backend may respond to packets that it cannot deliver yet, in milliseconds. */
const WITHHELD_MS = 400;

/** The receiver has no buffers, or does not look at its rings, while packets come for it. */
const absent: BackendStep<{ to: EndIndex; how: 'no-buffers' | 'deaf'; count: number }> = {
  name: 'absent',
  checks: ['RING-09', 'RXW-27'],
  args: fc.record({
    to: END,
    how: fc.constantFrom('no-buffers' as const, 'deaf' as const),
    count: fc.integer({ min: 1, max: 80 }),
  }),
  when: () => true,
  async run(world, model, { to: end, how, count }) {
    const [from, to] = way(world, otherEnd(end));
    const frames = Array.from({ length: count }, () => plainFrame(world, from, to, 200));
    for (const queue of to.queues) {
      if (how === 'deaf') queue.deaf = true;
      else queue.rx.repost = false;
    }
    const slots = frames.flatMap((frame) => from.queue.tx.enqueue(frame));
    from.queue.pushTx();
    // A backend may keep requests until their packets are delivered, or respond at once and drop the packets.
    await arrives(from.answered(slots, from.queue, { ms: WITHHELD_MS }));
    for (const queue of to.queues) {
      queue.deaf = false;
      queue.rx.repost = true;
      queue.service();
      // A backend should ask for the event of new buffers (NOTIFY-10); one that does not may look at its next event.
      if (!postsAsked(queue, 20)) await to.transmit(to.quietFrame(), {}, queue);
    }
    await world.t.check('RING-09', () => from.answered(slots));
    // It may drop what comes before it has seen the buffers.
    await arrives(through(from, to, plainFrame(world, from, to, 100)));
    await stillPasses(world, otherEnd(end), 'RXW-27');
    return model;
  },
};

/** The steps of this file. */
export const BACKEND_TRAFFIC: readonly Step<BackendWorld, BackendModel, unknown>[] = [
  send,
  burst,
  bothWays,
  large,
  checksum,
  absent,
];
