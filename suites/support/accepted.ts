/** What an end sends to one that accepts some features and not others, for both roles' chapters. */
import { expect } from 'chai';
import type { Extra } from '../../harness/protocol/extra.js';
import { GSO_TYPE, KEY } from '../../harness/protocol/netif.js';
import type { TestContext } from '../../harness/run/suite.js';
import { demanded } from '../../harness/xen/wait.js';
import { gsoOf, largeAfter, largeFrame, MSS, type Receiver, type Sender, throughCut } from './large-packets.js';

/** The features of an end, in rows that hold each two of them with and without the other, where they fit together. */
export const ACCEPTED = {
  'accepts-no-csum-csum6-gso6': [
    KEY.featureNoCsumOffload,
    KEY.featureIpv6CsumOffload,
    KEY.featureGsoTcpv6,
    KEY.featureSg,
  ],
  'accepts-csum6-gso4': [KEY.featureIpv6CsumOffload, KEY.featureGsoTcpv4, KEY.featureSg],
  'accepts-gso4': [KEY.featureGsoTcpv4, KEY.featureSg],
  'accepts-no-csum': [KEY.featureNoCsumOffload],
  'accepts-csum6': [KEY.featureIpv6CsumOffload],
} as const;

/** What the driver under test offers itself: without it, it would not be given such packets. */
export const OFFERS_ALL = [
  `!${KEY.featureNoCsumOffload}`,
  KEY.featureIpv6CsumOffload,
  KEY.featureGsoTcpv4,
  KEY.featureGsoTcpv6,
] as const;

interface Packet {
  readonly frame: Uint8Array;
  readonly extras: readonly Extra[];
}

/** How the packets of a role are written and read. */
export interface Form<P> {
  /** The flags of a blank checksum, in the packets of the peer. */
  readonly blank: number;
  readonly saysBlank: (packet: P) => boolean;
  /** The number of data slots. */
  readonly slots: (packet: P) => number;
  /** The requirements of an end with feature-no-csum-offload, and of one without feature-sg. */
  readonly complete: string;
  readonly single: string;
}

/** Sends packets with blank checksums and large ones through a bridge whose far end accepts the features `keys` alone. */
export async function checkAccepted<P extends Packet>(
  t: Pick<TestContext<never>, 'check'>,
  [from, to]: readonly [Sender, Sender & Receiver<P>],
  keys: readonly string[],
  { blank, saysBlank, slots, complete, single }: Form<P>,
): Promise<void> {
  for (const [type, sum, acceptsBlank, gso] of [
    [GSO_TYPE.tcpv4, complete, !keys.includes(KEY.featureNoCsumOffload), KEY.featureGsoTcpv4],
    [GSO_TYPE.tcpv6, 'CSUM-04', keys.includes(KEY.featureIpv6CsumOffload), KEY.featureGsoTcpv6],
  ] as const) {
    const frame = largeFrame(from.link.peer, to.link.peer, MSS, type);
    const small = await largeAfter(to, frame, () => from.send(frame, { flags: blank, extras: [] }));
    const packets = [...small, ...(await demanded(['GSO-06'], throughCut(from, to, blank, type)))];
    if (!acceptsBlank) await t.check(sum, () => expect(packets.some(saysBlank), 'csum_blank').to.equal(false));
    if (!keys.includes(gso)) await t.check('GSO-01', () => expect(packets.some(gsoOf), 'GSO extras').to.equal(false));
    if (!keys.includes(KEY.featureSg)) {
      await t.check(single, () => expect(Math.max(...packets.map(slots)), 'slots of a packet').to.equal(1));
    }
  }
}
