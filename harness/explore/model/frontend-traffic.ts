/** Packets through a frontend: any frame, in any layout, alone, many at once and in both directions. */
import fc from 'fast-check';
import type { BackendPeer } from '../../peer/backend.js';
import type { QueuePacket } from '../../peer/backend-queue.js';
import { GSO_TYPE, RSP, RX_BLANK, TXF } from '../../protocol/netif.js';
import { all } from '../../xen/wait.js';
import { allCross, cross, type Crossing, crossings } from '../../../suites/frontend/bridge-verbs.js';
import { frameOf, KINDS, TAGGED } from '../../../suites/support/frame-shapes.js';
import { LARGE, throughLarge } from '../../../suites/support/large-packets.js';
import type { Step } from '../step.js';
import { END, type EndIndex, otherEnd, queueAt, slotsOf, way } from './ends.js';
import type { FrontendModel, FrontendWorld } from './frontend.js';
import { brokenBySum, passesSum, SUM_CHECKS, SUMMED, type Summed, takesLarge, takesSum } from './offload.js';

type FrontendStep<A> = Step<FrontendWorld, FrontendModel, A>;

/** Kinds that every guest forwards; it may filter out others. */
const FORWARDED = [
  'an unknown EtherType',
  'UDP',
  'UDP of the largest size',
  'TCP with options',
  'UDP over IPv6',
  'TCP over IPv6',
  'a VLAN tag and UDP',
];
const TABLE = { ...KINDS, ...TAGGED };
const LENGTH = fc.oneof(fc.constantFrom(60, 61, 127, 128, 129, 256, 1513, 1514), fc.integer({ min: 60, max: 1514 }));
const LAYOUT = fc.constantFrom('', '14', '15', '34', '38', '54', '14+20', '18+1+1');

/** Buffers that a frontend certainly keeps posted for a packet; none has to keep more than one. */
const enough = (vif: BackendPeer, slots: number): boolean =>
  slots === 1 || vif.queues.every(({ rx }) => rx.buffers.length >= slots);

/** Plain frames of a length, each with its own bytes. */
function plain(vifs: readonly [BackendPeer, BackendPeer], count: number, length: number): Crossing[] {
  const make = frameOf(length);
  return crossings(
    vifs,
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`frame ${n} of ${length} bytes`, make])),
  );
}

/** A frame from each vif to the other shows that both still work. */
export async function bothPass(world: FrontendWorld, requirement: string): Promise<void> {
  await world.t.check(requirement, async () => {
    for (const end of [0, 1] as const) await allCross(way(world, end), plain(way(world, end), 1, 100));
  });
}

const send: FrontendStep<{ from: EndIndex; kind: string; layout: string }> = {
  name: 'send',
  checks: ['RXW-32', 'RXW-33'],
  args: fc.record({ from: END, kind: fc.constantFrom(...FORWARDED), layout: LAYOUT }),
  // A bridge may filter out tagged frames, which only RXW-33 is about.
  when: ({ offers }, { from, kind, layout }) => layout === '' || (offers[from].sg && !(kind in TAGGED)),
  async run(world, model, { from, kind, layout }) {
    const ends = way(world, from);
    const make = TABLE[kind];
    if (!make || !enough(ends[0], slotsOf(layout).length + 1)) return model;
    await world.t.check(layout !== '' ? 'RXW-32' : 'RXW-33', () =>
      allCross(ends, crossings(ends, { [kind]: make }, slotsOf(layout))),
    );
    return model;
  },
};

const burst: FrontendStep<{ from: EndIndex; count: number; length: number }> = {
  name: 'burst',
  checks: ['RXW-33'],
  args: fc.record({ from: END, count: fc.integer({ min: 1, max: 32 }), length: LENGTH }),
  when: () => true,
  async run(world, model, { from, count, length }) {
    const ends = way(world, from);
    await world.t.check('RXW-33', () => allCross(ends, plain(ends, count, length)));
    return model;
  },
};

const bothWays: FrontendStep<{ count: number; length: number }> = {
  name: 'both-ways',
  checks: ['RXW-33'],
  args: fc.record({ count: fc.integer({ min: 1, max: 16 }), length: LENGTH }),
  when: () => true,
  async run(world, model, { count, length }) {
    const ways = [way(world, 0), way(world, 1)] as const;
    await world.t.check('RXW-33', () => all(ways.map((ends) => allCross(ends, plain(ends, count, length)))));
    return model;
  },
};

const large: FrontendStep<{ from: EndIndex; ipv6: boolean; length: number }> = {
  name: 'large',
  checks: ['GSO-06'],
  args: fc.record({
    from: END,
    ipv6: fc.boolean(),
    length: fc.oneof(fc.constantFrom(1400, 1401, 2800, 4042, 8138), fc.integer({ min: 1, max: LARGE })),
  }),
  when: ({ offers }, { from, ipv6 }) => takesLarge(offers[from], ipv6),
  async run(world, model, { from: end, ipv6, length }) {
    const [from, to] = way(world, end);
    if (!enough(from, Math.ceil(length / 4096) + 2)) return model;
    await world.t.check('GSO-06', () =>
      throughLarge(from, to, RX_BLANK, ipv6 ? GSO_TYPE.tcpv6 : GSO_TYPE.tcpv4, length),
    );
    return model;
  },
};

const checksum: FrontendStep<Summed> = {
  name: 'checksum',
  checks: SUM_CHECKS,
  args: SUMMED,
  when: ({ offers }, sum) => takesSum(offers[sum.from], sum),
  async run(world, model, sum) {
    await world.t.check(brokenBySum(sum), () => passesSum(way(world, sum.from), sum, RX_BLANK, saysBlank));
    return model;
  },
};

const saysBlank = ({ requests }: QueuePacket): boolean => requests.some(({ flags }) => (flags & TXF.csumBlank) !== 0);

/** Responses that the backend holds back, and then gives in any order and with any status. */
const withhold: FrontendStep<{
  at: EndIndex;
  count: number;
  order: 'forward' | 'backward' | 'even-first';
  status: number;
}> = {
  name: 'withhold',
  checks: ['TXW-17'],
  args: fc.record({
    at: END,
    count: fc.integer({ min: 1, max: 32 }),
    order: fc.constantFrom('forward' as const, 'backward' as const, 'even-first' as const),
    status: fc.constantFrom(RSP.okay, RSP.error, RSP.dropped),
  }),
  when: () => true,
  async run(world, model, { at, count, order, status }) {
    const ends = way(world, otherEnd(at));
    const [, to] = ends;
    for (const { tx } of to.queues) tx.respond = false;
    // These have their responses.
    to.received.length = 0;
    const held = [...(await cross(ends, plain(ends, count, 100))).values(), ...to.received.splice(0)];
    for (const packet of ordered(held, order)) packet.queue.tx.answer(packet, status);
    for (const queue of to.queues) {
      queue.tx.respond = true;
      queue.pushTx();
    }
    for (const packet of to.received.splice(0)) packet.queue.tx.answer(packet);
    for (const queue of to.queues) queue.pushTx();
    await bothPass(world, 'TXW-17');
    return model;
  },
};

function ordered<T>(items: readonly T[], order: 'forward' | 'backward' | 'even-first'): T[] {
  if (order === 'backward') return [...items].reverse();
  if (order === 'forward') return [...items];
  return [...items.filter((_, n) => n % 2 === 0), ...items.filter((_, n) => n % 2 === 1)];
}

/** Rx packets that report an error, among good ones. */
const spoil: FrontendStep<{ to: EndIndex; count: number; slots: number; queue: number }> = {
  name: 'spoil',
  checks: ['RXW-12'],
  args: fc.record({
    to: END,
    count: fc.integer({ min: 1, max: 16 }),
    slots: fc.integer({ min: 1, max: 3 }),
    queue: fc.nat(2),
  }),
  when: ({ offers }, { to, slots }) => slots === 1 || offers[to].sg,
  async run(world, model, { to: end, count, slots, queue: n }) {
    const vif = world.vifs[end];
    const queue = queueAt(vif, n);
    for (let sent = 0; sent < count; sent++) {
      if (!enough(vif, slots)) return model;
      const frame = vif.quietFrame(60 * slots);
      const fragments = Array<number>(slots).fill(60);
      const alter = (response: { status: number; id: number; flags: number; offset: number }, at: number) =>
        at === 0 ? { ...response, status: RSP.error } : response;
      await vif.deliver(frame, { fragments, alter }, queue);
    }
    await bothPass(world, 'RXW-12');
    return model;
  },
};

/** The backend does not look at its rings while the frontend sends. */
const deaf: FrontendStep<{ at: EndIndex; count: number }> = {
  name: 'deaf',
  checks: ['NOTIFY-02'],
  args: fc.record({ at: END, count: fc.integer({ min: 1, max: 32 }) }),
  when: () => true,
  async run(world, model, { at, count }) {
    const [from, to] = way(world, otherEnd(at));
    for (const queue of to.queues) queue.deaf = true;
    for (const { frame } of plain([from, to], count, 100)) await from.deliver(frame);
    for (const queue of to.queues) {
      queue.deaf = false;
      queue.service();
    }
    await bothPass(world, 'NOTIFY-02');
    return model;
  },
};

/** The steps of this file. */
export const FRONTEND_TRAFFIC: readonly Step<FrontendWorld, FrontendModel, unknown>[] = [
  send,
  burst,
  bothWays,
  large,
  checksum,
  withhold,
  spoil,
  deaf,
];
