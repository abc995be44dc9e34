/** netif.h, "Extra Info" and the flags of slots: what is said of one packet or to one vif holds for no other. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { tcpChecksum, udpChecksum } from '../../harness/packet/match.js';
import { tcpSyn } from '../../harness/packet/build.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import type { TxShape } from '../../harness/peer/frontend-tx.js';
import { GSO_TYPE, KEY, RX_BLANK, TX_BLANK } from '../../harness/protocol/netif.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import { throughSyn, throughUdp } from '../support/checksums.js';
import {
  describes,
  gsoExtra,
  gsoOf,
  LARGE,
  largeFrame,
  throughCut,
  throughLarge,
  unsegmented,
} from '../support/large-packets.js';
import { keepsVif, unlessGivenUp } from './refusal-verbs.js';
import { BAD_REF, saysBlank, through } from './verbs.js';

const { test, tests } = backendChapter('metadata');
export const metadata = tests;

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const ACCEPTS_V4 = { [KEY.featureGsoTcpv4]: '1' };
const ACCEPTS_V6 = { [KEY.featureGsoTcpv6]: '1', [KEY.featureIpv6CsumOffload]: '1' };

/** How a packet is malformed. */
const REFUSED: Readonly<Record<string, readonly [what: string, alter: TxShape['alter']]>> = {
  'bad-grant': ['with an invalid grant', (request, n) => (n === 1 ? { ...request, gref: BAD_REF } : request)],
  'beyond-page': ['beyond its page', (request, n) => (n === 1 ? { ...request, offset: PAGE_SIZE - 1 } : request)],
};

/** Sends a malformed packet. Skips the test if the backend gives up the vif, as it may. */
async function refused(t: BackendTest, from: FrontendPeer, frame: Uint8Array, shape: TxShape): Promise<void> {
  const slots = from.queue.tx.enqueue(frame, shape);
  from.queue.pushTx();
  await keepsVif(t, from, slots);
}

/** The checksum flags of a packet. */
const flagsOf = ({ slots }: QueuePacket): number =>
  slots.reduce((flags, { response }) => flags | response.flags, 0) & RX_BLANK;

for (const [name, [what, alter]] of Object.entries(REFUSED)) {
  const GSO = { ...BRIDGE, gate: KEY.featureGsoTcpv4 } as const;
  test(`gso-${name}`, `sends a plain packet without GSO after it refused a large one ${what}`, GSO, async (t) => {
    const [from, to] = await t.bridged({}, { keys: ACCEPTS_V4 });
    const large = largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4);
    await refused(t, from, large, { flags: TX_BLANK, extras: [gsoExtra(GSO_TYPE.tcpv4)], ...(alter && { alter }) });
    const packet = await unlessGivenUp(t, from, through(from, to, from.frameTo(to.link.peer.mac)));
    await t.check('GSO-05', () => expect(gsoOf(packet), 'GSO extra of a packet that is not TCP').to.equal(undefined));
  });

  const SG = { ...BRIDGE, gate: KEY.featureSg } as const;
  test(`blank-${name}`, `flags a complete checksum as usual after it refused a packet ${what}`, SG, async (t) => {
    const [from, to] = await t.bridged();
    const usual = flagsOf(await throughSyn([from, to], 'complete', {}));
    const syn = tcpSyn(from.link.peer, to.link.peer, { sport: 0xc002, dport: 9, seq: 1, checksum: 'blank' });
    await refused(t, from, syn, { flags: TX_BLANK, fragments: [40, syn.length - 40], ...(alter && { alter }) });
    const packet = await unlessGivenUp(t, from, throughSyn([from, to], 'complete', {}));
    await t.check('CSUM-10', () => expect(flagsOf(packet), 'checksum flags').to.equal(usual));
  });

  test(`part-${name}`, `forwards no part of a packet ${what}`, SG, async (t) => {
    const [from, to] = await t.bridged();
    const frame = from.frameTo(to.link.peer.mac);
    await refused(t, from, frame, { fragments: [40, frame.length - 40], ...(alter && { alter }) });
    await unlessGivenUp(t, from, through(from, to, from.frameTo(to.link.peer.mac)));
    const part = to.received.find((packet) => sameBytes(packet.frame.subarray(0, 40), frame.subarray(0, 40)));
    await t.check('TXW-14', () => expect(part?.frame.length, 'bytes of a part of it').to.equal(undefined));
  });
}

test(
  'blank-slots',
  'passes on blank checksums of packets of several slots',
  { ...BRIDGE, gate: [KEY.featureSg, `!${KEY.featureNoCsumOffload}`] },
  async (t) => {
    const peers = await t.bridged();
    await t.check(['CSUM-01', 'CSUM-06'], async () => {
      const syn = await throughSyn(peers, 'blank', { flags: TX_BLANK, fragments: [40, 14] });
      if (!saysBlank(syn)) expect(tcpChecksum(syn.frame), 'TCP checksum').to.equal('complete');
      const udp = await throughUdp(
        peers,
        { version: 4, checksum: 'blank' },
        { flags: TX_BLANK, fragments: [14, 28, 33] },
      );
      if (!saysBlank(udp)) expect(udpChecksum(udp.frame), 'UDP checksum').to.be.oneOf(['complete', 'none']);
    });
  },
);

test(
  'both-types',
  'describes each large packet by its own type to a frontend that accepts both types',
  { ...BRIDGE, gate: [KEY.featureGsoTcpv4, KEY.featureGsoTcpv6] },
  async (t) => {
    const [from, to] = await t.bridged({}, { keys: { ...ACCEPTS_V4, ...ACCEPTS_V6 } });
    for (const type of [GSO_TYPE.tcpv4, GSO_TYPE.tcpv6, GSO_TYPE.tcpv4]) {
      const packet = unsegmented(t, await demanded(['GSO-06'], throughLarge(from, to, TX_BLANK, type, LARGE)));
      await t.check('GSO-05', () => describes(packet, type));
    }
  },
);

test(
  'offers-of-others',
  'sends no large packets to a frontend after another one connected that accepts them',
  { ...BRIDGE, gate: KEY.featureGsoTcpv4 },
  async (t) => {
    const [from, to] = await t.bridged();
    await t.fresh({ keys: ACCEPTS_V4 });
    const packets = await demanded(['GSO-06'], throughCut(from, to, TX_BLANK, GSO_TYPE.tcpv4));
    await t.check('GSO-01', () => expect(packets.map(gsoOf), 'GSO extras').to.deep.equal(packets.map(() => undefined)));
  },
);

test(
  'no-csum-alone',
  'completes checksums for a frontend with feature-no-csum-offload = 1 and without feature-sg',
  { ...BRIDGE, gate: `!${KEY.featureNoCsumOffload}` },
  async (t) => {
    const keys = { [KEY.featureNoCsumOffload]: '1', [KEY.featureSg]: undefined };
    const packet = await throughSyn(await t.bridged({}, { keys }), 'blank', { flags: TX_BLANK });
    await t.check('CSUM-02', () => expect(saysBlank(packet), 'csum_blank').to.equal(false));
  },
);

test(
  'gso-v6-alone',
  'completes IPv6 checksums for a frontend with feature-gso-tcpv6 and without feature-ipv6-csum-offload',
  { ...BRIDGE, gate: [KEY.featureGsoTcpv6, KEY.featureIpv6CsumOffload] },
  async (t) => {
    const peers = await t.bridged({}, { keys: { [KEY.featureGsoTcpv6]: '1' } });
    const packet = await throughUdp(peers, { version: 6, checksum: 'blank' }, { flags: TX_BLANK });
    await t.check('CSUM-04', () => expect(saysBlank(packet), 'csum_blank').to.equal(false));
  },
);
