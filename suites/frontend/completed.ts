/** netif.h, checksum flags and GSO extras: what a frontend completes or cuts itself is right for every packet. */
import { expect } from 'chai';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { GSO_TYPE, KEY, RSP, RX_BLANK } from '../../harness/protocol/netif.js';
import type { RxResponse } from '../../harness/protocol/rx.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { ACCEPTED, checkAccepted, OFFERS_ALL } from '../support/accepted.js';
import { blanksThrough } from '../support/completed.js';
import { CHECKSUMMED, TAGGED_SUMS } from '../support/frame-shapes.js';
import { gsoExtra, LARGE, largeAfter, largeFrame } from '../support/large-packets.js';
import { sendUntilArrival } from '../support/losses.js';
import { mixed, orderOf } from '../support/order.js';
import { isPadded } from '../support/padding.js';
import { CUT_CASES, expectContinuous, frameOfCase } from '../support/segments.js';
import { hasBuffers, saysBlank } from './verbs.js';

const { test, tests } = frontendChapter('completed');
export const completed = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const BLANK = { flags: RX_BLANK } as const;
/** Slots of a packet of the largest size in these tests, with its extra. */
const SLOTS = Math.ceil(LARGE / PAGE_SIZE) + 2;

for (const [version, gate, keys] of [
  [4, `!${KEY.featureNoCsumOffload}`, { [KEY.featureNoCsumOffload]: '1' }],
  [6, KEY.featureIpv6CsumOffload, {}],
] as const) {
  for (const [name, where, kinds] of [
    ['sums', '', CHECKSUMMED],
    ['tagged-sums', ' after a VLAN tag', TAGGED_SUMS],
  ] as const) {
    const title = `sends no checksum over IPv${version}${where} that is neither complete nor flagged blank`;
    test(`${name}-v${version}`, title, { ...BRIDGE, gate }, async (t) => {
      const peers = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, ...keys });
      await hasBuffers(t, peers[0], 2);
      const own = kinds.filter(({ ipv6 }) => ipv6 === (version === 6));
      const out = await blanksThrough(peers, own, BLANK);
      if (out.length === 0) t.skip('the guest forwards none of the packets');
      t.info(`${out.length} kinds of packets came through the guest`);
      // Whether one may be blank is a question of another test. Without the flag, the field holds the real checksum.
      const wrong = out.filter(({ packet, isComplete }) => !saysBlank(packet) && !isComplete).map(({ name }) => name);
      await t.check(['CSUM-06', 'CSUM-10'], () => expect(wrong, 'packets with a wrong checksum').to.deep.equal([]));
    });
  }
}

for (const [version, type, gate] of [
  [4, GSO_TYPE.tcpv4, KEY.featureGsoTcpv4],
  [6, GSO_TYPE.tcpv6, KEY.featureGsoTcpv6],
] as const) {
  const title = `cuts large packets of IPv${version} wherever the last segment and the sequence numbers end`;
  test(`cuts-v${version}`, title, { ...BRIDGE, gate }, async (t) => {
    const [from, to] = await t.bridged();
    await hasBuffers(t, from, SLOTS);
    const shape = { ...BLANK, extras: [gsoExtra(type)] };
    await t.check('GSO-06', async () => {
      for (const each of CUT_CASES) {
        const frame = frameOfCase(from.link.peer, to.link.peer, each, type);
        expectContinuous(await largeAfter(to, frame, () => from.send(frame, shape)), each);
      }
    });
  });
}

for (const [n, [name, keys]] of Object.entries(ACCEPTED).entries()) {
  const title = `sends only what a backend accepts that writes ${keys.join(', ')}`;
  test(name, title, { ...BRIDGE, gate: OFFERS_ALL }, async (t) => {
    // A feature that a backend lacks has no key, or the value 0.
    const own: Record<string, string> = { [KEY.featureRxCopy]: '1' };
    if (n % 2 === 1) for (const key of Object.values(ACCEPTED).flat()) own[key] = '0';
    for (const key of keys) own[key] = '1';
    const [from, to] = await t.bridged(BACKEND_KEYS, own);
    await hasBuffers(t, from, SLOTS);
    const slots = (packet: QueuePacket): number => packet.requests.length;
    await checkAccepted(t, [from, to], keys, {
      blank: BLANK.flags,
      saysBlank,
      slots,
      complete: 'CSUM-15',
      single: 'TXW-32',
    });
  });
}

test(
  'offsets',
  'finds the data of a large packet at any offset',
  { ...BRIDGE, gate: KEY.featureGsoTcpv4 },
  async (t) => {
    const [from, to] = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' });
    await hasBuffers(t, from, SLOTS + 1);
    const frame = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
    const extras = [gsoExtra(GSO_TYPE.tcpv4)];
    await t.check('RXW-08', async () => {
      for (const offset of [2, 64, 256]) {
        await largeAfter(to, frame, () => from.send(frame, { ...BLANK, extras, offset }));
      }
    });
  },
);

for (const [name, which, status, requirement] of [
  ['after-refused', 'with an error', RSP.error, 'RXW-12'],
  ['after-large', 'that was published together with it', undefined, 'EXTRA-01'],
] as const) {
  const title = `takes over nothing from a large packet ${which}`;
  test(name, title, { ...BRIDGE, gate: KEY.featureGsoTcpv4 }, async (t) => {
    const [from, to] = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' });
    const { rx } = from.queue;
    const large = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
    const alter = (response: RxResponse): RxResponse => ({ ...response, status: status ?? response.status });
    const plain = from.frameTo(to.link.peer.mac);
    const arrival = (): Promise<QueuePacket> => to.receive('plain packet', ({ frame }) => isPadded(frame, plain));
    await sendUntilArrival(() => from.send(plain), arrival);
    const sendBoth = async (): Promise<void> => {
      await hasBuffers(t, from, SLOTS + 2);
      rx.enqueue(large, { ...BLANK, extras: [gsoExtra(GSO_TYPE.tcpv4)], alter });
      rx.enqueue(plain);
      from.queue.pushRx();
    };
    let packet: QueuePacket | undefined;
    await t.check(requirement, async () => {
      packet = await sendUntilArrival(sendBoth, arrival);
    });
    await t.check('GSO-05', () => expect(packet?.extras, 'extras of a plain packet').to.deep.equal([]));
    await t.check('CSUM-14', () => expect(packet && saysBlank(packet), 'csum_blank').to.equal(false));
  });
}

test(
  'order',
  'passes on small and large packets in the order of the ring',
  { ...BRIDGE, gate: KEY.featureGsoTcpv4 },
  async (t) => {
    const [from, to] = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' });
    const frames = mixed(from, to);
    await hasBuffers(t, from, (frames.length / 2) * (SLOTS + 1));
    const extras = [gsoExtra(GSO_TYPE.tcpv4)];
    for (const { frame, isLarge } of frames) from.queue.rx.enqueue(frame, isLarge ? { ...BLANK, extras } : {});
    from.queue.pushRx();
    const order = await orderOf(to, frames);
    if (order.length < 2) t.skip(`${order.length} of ${frames.length} packets came through the guest`);
    await t.check('RXW-30', () => {
      expect(order, 'order of the packets').to.deep.equal([...order].sort((a, b) => a - b));
    });
  },
);
