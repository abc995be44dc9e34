/** netif.h, checksum flags and GSO extras: what a backend completes, cuts or hashes itself is right for every packet. */
import { expect } from 'chai';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import { GSO_TYPE, HASH_FLAG, HASH_TYPE, KEY, TX_BLANK } from '../../harness/protocol/netif.js';
import { hashInput, toeplitz, VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { ping4 } from '../../harness/packet/build.js';
import { decodeFrame } from '../../harness/packet/frame.js';
import { backendChapter } from '../../harness/run/suite.js';
import { ACCEPTED, checkAccepted, OFFERS_ALL } from '../support/accepted.js';
import { blanksThrough, blankThrough, type CameOut, cameOut, withForeignSum } from '../support/completed.js';
import { CHECKSUMMED, cut, GROWING, TAGGED_SUMS, UNFIT } from '../support/frame-shapes.js';
import { gsoExtra, LARGE, largeAfter, throughCut, throughLarge } from '../support/large-packets.js';
import { CUT_CASES, expectContinuous, frameOfCase } from '../support/segments.js';
import { NO_HASH } from './hash-verbs.js';
import { queuesOffered } from './connection-verbs.js';
import { keepsVif, unlessGivenUp } from './refusal-verbs.js';
import { saysBlank, setHashing, through } from './verbs.js';

const { test, tests } = backendChapter('completed');
export const completed = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const GSO = { ...BRIDGE, gate: KEY.featureGsoTcpv4 } as const;

for (const [version, gate, options] of [
  [4, `!${KEY.featureNoCsumOffload}`, { keys: { [KEY.featureNoCsumOffload]: '1' } }],
  [6, KEY.featureIpv6CsumOffload, {}],
] as const satisfies readonly (readonly [4 | 6, string, FrontendOptions])[]) {
  for (const [name, where, kinds] of [
    ['sums', '', CHECKSUMMED],
    ['tagged-sums', ' after a VLAN tag', TAGGED_SUMS],
  ] as const) {
    const title = `completes every blank checksum over IPv${version}${where} for a frontend that accepts none`;
    test(`${name}-v${version}`, title, { ...BRIDGE, gate }, async (t) => {
      const own = kinds.filter(({ ipv6 }) => ipv6 === (version === 6));
      const out = await blanksThrough(await t.bridged({}, options), own, { flags: TX_BLANK });
      if (out.length === 0) t.skip('the guest forwards none of the packets');
      t.info(`${out.length} kinds of packets came through the guest`);
      const isBlank = out.filter(({ packet }) => saysBlank(packet)).map(({ name }) => name);
      // The features name IPv4 and IPv6, and no tags.
      if (kinds === CHECKSUMMED)
        await t.check(version === 4 ? 'CSUM-02' : 'CSUM-04', () => expect(isBlank, 'csum_blank').to.deep.equal([]));
      // Without the flag, the field holds the real checksum.
      await t.check(['CSUM-06', 'CSUM-10'], () => expectComplete(out));
    });
  }
}

/** A frontend that accepts no blank checksum, where the backend offers to complete them. */
const NO_BLANK = { ...BRIDGE, gate: `!${KEY.featureNoCsumOffload}` } as const;
/** Bytes of the first of two slots: less than any packet has. */
const FIRST_SLOT = 50;
/** The slots before the last one of a packet, by the offset in their pages: some end inside of a header. */
const CUTS_AT = { 2: [[], [FIRST_SLOT]], 66: [[], [14], [33]], 2000: [[], [20], [14, 20]] } as const;
const ACCEPTS_NONE = { keys: { [KEY.featureNoCsumOffload]: '1' }, rxBuffers: 64 } as const;

for (const offset of [2, 66, 2000] as const) {
  const title = `completes blank checksums of packets of any size, in one slot and more, at offset ${offset} of their pages`;
  test(`sums-at-${offset}`, title, NO_BLANK, async (t) => {
    const peers = await t.bridged({}, ACCEPTS_NONE);
    const isSg = (await peers[0].otherKey(KEY.featureSg)) === '1';
    const out: CameOut<QueuePacket>[] = [];
    for (const kind of GROWING) {
      // A guest may filter out this kind of packet.
      if (!(await blankThrough(peers, kind, () => ({ flags: TX_BLANK })))) continue;
      for (const first of isSg ? CUTS_AT[offset] : CUTS_AT[offset].slice(0, 1)) {
        const shapeOf = (frame: Uint8Array): TxShape => ({ flags: TX_BLANK, offset, fragments: cut(frame, first) });
        const came = await blankThrough(peers, kind, shapeOf);
        await t.check('CSUM-06', () => expect(came?.name, 'packet that came through').to.equal(kind.name));
        if (came) out.push(came);
      }
    }
    if (out.length === 0) t.skip('the guest forwards none of the packets');
    await t.check(['CSUM-06', 'CSUM-10'], () => expectComplete(out));
  });
}

test('sums-in-batch', 'completes blank checksums of packets that are published among others', NO_BLANK, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_NONE);
  const isSg = (await from.otherKey(KEY.featureSg)) === '1';
  const sent = [...GROWING, ...GROWING].map(({ name, make }) => ({ name, forms: make(from.link.peer, to.link.peer) }));
  for (const [n, { forms }] of sent.entries()) {
    const isBlank = n % 3 !== 1;
    const frame = isBlank ? forms.blank : forms.complete;
    const fragments = cut(frame, isSg && n % 4 === 2 ? [FIRST_SLOT] : []);
    from.queue.tx.enqueue(frame, { flags: isBlank ? TX_BLANK : 0, offset: 64 * n, fragments });
  }
  from.queue.pushTx();
  // When this one arrives, all those have arrived that were not dropped.
  await through(from, to, from.frameTo(to.link.peer.mac));
  const out = sent.flatMap(({ name, forms }) => cameOut(to.received, name, forms) ?? []);
  if (out.length === 0) t.skip('the guest forwards none of the packets');
  t.info(`${out.length} of ${sent.length} packets came through the guest`);
  await t.check(['CSUM-06', 'CSUM-10'], () => expectComplete(out));
});

/** Packets that hold no checksum of TCP or UDP. */
const WITHOUT_SUM = ['ARP', 'an IEEE 802.3 length', 'SCTP', 'a later fragment of IPv4', 'a later fragment of IPv6'];

test('unfit', 'writes no checksum into packets flagged csum_blank that have none', NO_BLANK, async (t) => {
  const [from, to] = await t.bridged({}, ACCEPTS_NONE);
  const ping = ping4(from.link.peer, to.link.peer, { id: 1, seq: 1, payload: new Uint8Array(33) });
  const sent = { ICMP: ping, ...Object.fromEntries(WITHOUT_SUM.map((name) => [name, unfit(name, from, to)])) };
  for (const frame of Object.values(sent)) {
    const slots = from.queue.tx.enqueue(frame, { flags: TX_BLANK });
    from.queue.pushTx();
    await keepsVif(t, from, slots);
  }
  // When this one arrives, all those have arrived that were not dropped.
  await unlessGivenUp(t, from, through(from, to, from.frameTo(to.link.peer.mac)));
  const changed = Object.entries(sent).filter(([, frame]) => withForeignSum(to.received, frame));
  await t.check('CSUM-12', () =>
    expect(
      changed.map(([name]) => name),
      'packets that came out with a checksum',
    ).to.deep.equal([]),
  );
});

const unfit = (name: string, from: FrontendPeer, to: FrontendPeer): Uint8Array =>
  UNFIT[name]?.(from.link.peer, to.link.peer) ?? new Uint8Array();

/** Asserts that the checksum of each packet is complete, where no flag says that it is blank. */
function expectComplete(out: readonly CameOut<QueuePacket>[]): void {
  const wrong = out.filter(({ packet, isComplete }) => !saysBlank(packet) && !isComplete).map(({ name }) => name);
  expect(wrong, 'packets with a wrong checksum').to.deep.equal([]);
}

for (const [name, type, gate, keys] of [
  ['cuts-v4', GSO_TYPE.tcpv4, KEY.featureGsoTcpv4, {}],
  ['cuts-v6', GSO_TYPE.tcpv6, KEY.featureGsoTcpv6, { [KEY.featureIpv6CsumOffload]: '1' }],
] as const) {
  const title = `cuts large packets of ${name.endsWith('v4') ? 'IPv4' : 'IPv6'} wherever the last segment and the sequence numbers end`;
  test(name, title, { ...BRIDGE, gate }, async (t) => {
    const [from, to] = await t.bridged({}, { keys, rxBuffers: 40 });
    const shape = { flags: TX_BLANK, extras: [gsoExtra(type)] };
    await t.check('GSO-06', async () => {
      for (const each of CUT_CASES) {
        const frame = frameOfCase(from.link.peer, to.link.peer, each, type);
        expectContinuous(await largeAfter(to, frame, () => from.send(frame, shape)), each);
      }
    });
  });
}

for (const [name, keys] of Object.entries(ACCEPTED)) {
  const title = `sends only what a frontend accepts that writes ${keys.join(', ')}`;
  test(name, title, { ...BRIDGE, gate: OFFERS_ALL }, async (t) => {
    const own = { [KEY.featureSg]: undefined, ...Object.fromEntries(keys.map((key) => [key, '1'])) };
    const peers = await t.bridged({}, { keys: own, rxBuffers: 40 });
    const slots = (packet: QueuePacket): number => packet.slots.length;
    await checkAccepted(t, peers, keys, { blank: TX_BLANK, saysBlank, slots, complete: 'CSUM-02', single: 'RXW-22' });
  });
}

for (const [name, title, isCut] of [
  ['large', 'gives a large packet the hash of its flow', false],
  ['segments', 'gives the segments of a large packet the hash of their flow', true],
] as const) {
  test(`hash-of-${name}`, title, { ...GSO, gate: [KEY.featureGsoTcpv4, KEY.featureCtrlRing] }, async (t) => {
    const queues = Math.min(2, await queuesOffered(t));
    const keys = isCut ? {} : { [KEY.featureGsoTcpv4]: '1' };
    const [from, to] = await t.bridged({}, { keys, control: true, queues });
    await setHashing(t, to, HASH_FLAG.ipv4 | HASH_FLAG.ipv4Tcp, VERIFICATION_KEY);
    const packets = isCut
      ? await throughCut(from, to, TX_BLANK, GSO_TYPE.tcpv4)
      : await throughLarge(from, to, TX_BLANK, GSO_TYPE.tcpv4, LARGE);
    const hashes = packets.flatMap(({ frame, extras }) =>
      extras.flatMap((extra) => (extra.type === 'hash' ? [{ frame, extra }] : [])),
    );
    if (hashes.length === 0) t.skip(NO_HASH);
    await t.check('HASH-33', () => {
      for (const { frame, extra } of hashes) {
        const ports = extra.hashType === HASH_TYPE.ipv4Tcp;
        expect(extra.value, 'hash').to.equal(flowHash(from, to, frame, ports));
      }
    });
    if (hashes.length < packets.length) t.info(`${hashes.length} of ${packets.length} segments have a hash`);
  });
}

/** The hash of a TCP packet from one vif to another, over its addresses and perhaps its ports. */
function flowHash(from: FrontendPeer, to: FrontendPeer, frame: Uint8Array, ports: boolean): number {
  const it = decodeFrame(frame);
  if (!it.ok || it.value.kind !== 'tcp') throw new Error('netifspec bug: a segment is TCP');
  const { sport, dport } = it.value.tcp;
  const ends = { src: from.link.peer.ipv4, dst: to.link.peer.ipv4 };
  return toeplitz(VERIFICATION_KEY, hashInput(ports ? { ...ends, sport, dport } : ends));
}
