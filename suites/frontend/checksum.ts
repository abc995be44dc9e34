/** netif.h, "feature-no-csum-offload" and the checksum flags of tx and rx slots. */
import { expect } from 'chai';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { tcpChecksum, udpChecksum } from '../../harness/packet/match.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import type { RxShape } from '../../harness/peer/backend-rx.js';
import { KEY, RX_BLANK, RXF, TX_BLANK, TXF } from '../../harness/protocol/netif.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { demanded, Expired } from '../../harness/xen/wait.js';
import { CHECKSUMMED, cut, KINDS, UDP4, UNFIT } from '../support/frame-shapes.js';
import { checkWrongSums } from '../support/completed.js';
import { checkCarries, checkZeroSums, throughSyn, throughUdp, UDP_CHECKSUMS } from '../support/checksums.js';
import { allCross, cross, type Crossing, crossings, expectNone, forwarded } from './bridge-verbs.js';
import { hasBuffers, saysBlank, stillPasses } from './verbs.js';

const { test, tests } = frontendChapter('checksum');
export const checksum = tests;

const BLANK = { flags: RX_BLANK };
const VALIDATED = { flags: RXF.dataValidated };

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
const SG_BRIDGE = { ...BRIDGE, gate: KEY.featureSg } as const;
const BRIDGE6 = { ...BRIDGE, gate: KEY.featureIpv6CsumOffload } as const;

test(
  'blank',
  'accepts TCP packets with a blank checksum',
  { gate: '!feature-no-csum-offload', reflector: 'tcp' },
  async (t) => {
    const vif = await t.connect();
    await t.check(['CSUM-01', 'CSUM-06', 'CSUM-07'], () => vif.syn({ checksum: 'blank', shape: BLANK }));
  },
);

test('complete', 'accepts TCP packets with a complete checksum', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  await t.check('CSUM-10', () => vif.syn());
});

test('validated', 'accepts a complete checksum flagged data_validated', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  await t.check(['CSUM-07', 'CSUM-08'], () => vif.syn({ shape: VALIDATED }));
});

/** The checksum flags of each slot. */
const flagsOf = (packet: QueuePacket): number[] => packet.requests.map(({ flags }) => flags & TX_BLANK);

test('corrupt', 'neither repairs nor vouches for a wrong checksum', BRIDGE, async (t) => {
  // The stack of a guest need not verify checksums, so the packets are seen where a bridge sends them out.
  await checkWrongSums(t, await t.bridged(), { shape: {}, flagsOf, isBlank: saysBlank });
});

for (const [name, { flags }, gate] of [
  ['validated', VALIDATED, []],
  ['blank', BLANK, [`!${KEY.featureNoCsumOffload}`]],
] as const) {
  const title = `does not vouch for a wrong checksum after a packet whose checksum is ${name}`;
  test(`corrupt-after-${name}`, title, { ...BRIDGE, gate }, async (t) => {
    const [from, to] = await t.bridged();
    const send = async (frame: Uint8Array): Promise<void> => {
      const other = UDP4.make(from.link.peer, to.link.peer);
      await hasBuffers(t, from, 2);
      from.queue.rx.enqueue(name === 'blank' ? other.blank : other.complete, { flags });
      await from.send(frame);
    };
    await checkWrongSums(t, [{ link: from.link, send }, to], { shape: {}, flagsOf, isBlank: saysBlank });
  });
}

test(
  'validated-forwarded',
  'does not treat data_validated as csum_blank',
  { fresh: true, gate: '!feature-no-csum-offload', needs: 'bridge' },
  async (t) => {
    const peers = await t.bridged();
    await t.check('CSUM-07', async () => {
      const packet = await throughSyn(peers, 'complete', VALIDATED);
      // The frontend may leave the checksum blank again, and then does so in the packet, too.
      if (saysBlank(packet)) expect(tcpChecksum(packet.frame), 'checksum that is flagged blank').to.equal('blank');
    });
  },
);

test('reply', 'sets both csum_blank and data_validated on a blank checksum', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  const reply = await vif.syn();
  // Only the requirement for the kind of checksum that was sent can be checked.
  if (saysBlank(reply)) {
    await t.check('CSUM-09', () => expectValidated(reply));
  } else {
    await t.check(['CSUM-08', 'CSUM-10'], () => {
      expect(tcpChecksum(reply.frame), 'checksum not flagged blank').to.equal('complete');
    });
  }
});

const NO_OFFLOAD = { ...BACKEND_KEYS, [KEY.featureNoCsumOffload]: '1' };
/** No offload over IPv4 alone: the key for IPv6 has no meaning for IPv4. */
const IPV6_ALONE = { ...NO_OFFLOAD, [KEY.featureIpv6CsumOffload]: '1' };

test(
  'opted-out',
  'sends complete checksums to a peer with feature-no-csum-offload = 1',
  { fresh: true, reflector: 'tcp' },
  async (t) => {
    const vif = await t.fresh(NO_OFFLOAD);
    const reply = await vif.syn();
    await t.check('CSUM-15', () => expectComplete(reply));
  },
);

test(
  'opted-out-forwarded',
  'completes forwarded checksums for a peer with feature-no-csum-offload = 1',
  { fresh: true, gate: '!feature-no-csum-offload', needs: 'bridge' },
  async (t) => {
    const packet = await withBlank(await t.bridged(BACKEND_KEYS, IPV6_ALONE));
    await t.check('CSUM-15', () => expect(saysBlank(packet), 'csum_blank').to.equal(false));
    if (saysBlank(packet)) return;
    await t.check('CSUM-10', () => expect(tcpChecksum(packet.frame), 'checksum').to.equal('complete'));
  },
);

test(
  'opted-out-udp',
  'completes forwarded checksums of UDP for a peer with feature-no-csum-offload = 1',
  { fresh: true, gate: '!feature-no-csum-offload', needs: 'bridge' },
  async (t) => {
    const peers = await t.bridged(BACKEND_KEYS, NO_OFFLOAD);
    const packet = await throughUdp(peers, { version: 4, checksum: 'blank' }, BLANK);
    await t.check('CSUM-15', () => expect(saysBlank(packet), 'csum_blank').to.equal(false));
    if (saysBlank(packet)) return;
    await t.check('CSUM-10', () => expect(udpChecksum(packet.frame), 'checksum').to.be.oneOf(['complete', 'none']));
  },
);

test(
  'one-way',
  'accepts blank checksums from a peer with feature-no-csum-offload = 1',
  { fresh: true, gate: '!feature-no-csum-offload', reflector: 'tcp' },
  async (t) => {
    const vif = await t.fresh(NO_OFFLOAD);
    await t.check('CSUM-11', () => vif.syn({ checksum: 'blank', shape: BLANK }));
  },
);

test(
  'zero-key',
  'treats feature-no-csum-offload = 0 like a missing key',
  { gate: '!feature-no-csum-offload', fresh: true, needs: 'bridge' },
  async (t) => {
    // The frontend may complete every checksum: then the two cases look the same.
    if (!saysBlank(await withBlank(await t.bridged()))) t.skip('the frontend never leaves a checksum blank');
    const packet = await withBlank(await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureNoCsumOffload]: '0' }));
    await t.check('CSUM-03', () => expect(saysBlank(packet), 'csum_blank').to.equal(true));
    await t.check('CSUM-09', () => expectValidated(packet));
  },
);

for (const checksum of ['blank', 'complete', 'none'] as const) {
  const isBlank = checksum === 'blank';
  const options = isBlank ? { ...BRIDGE, gate: '!feature-no-csum-offload' } : BRIDGE;
  test(`udp-${checksum}`, `passes on UDP with ${UDP_CHECKSUMS[checksum]}`, options, async (t) => {
    const peers = await t.bridged();
    await t.check(isBlank ? ['CSUM-01', 'CSUM-06'] : 'CSUM-10', async () => {
      const packet = await throughUdp(peers, { version: 4, checksum }, isBlank ? BLANK : {});
      if (!saysBlank(packet)) expect(udpChecksum(packet.frame), 'checksum').to.be.oneOf(['complete', 'none']);
    });
  });
}

for (const ipv6 of [false, true]) {
  const name = ipv6 ? 'ipv6-places' : 'places';
  const version = ipv6 ? 'IPv6' : 'IPv4';
  const gate = [KEY.featureSg, ipv6 ? KEY.featureIpv6CsumOffload : '!feature-no-csum-offload'];
  test(name, `finds blank checksums over ${version} after any headers`, { ...BRIDGE, gate }, async (t) => {
    const peers = await t.bridged();
    await hasBuffers(t, peers[0], 2);
    const plain = await cross(peers, placesOf(peers, ipv6, 'complete', {}));
    const all = likeThose(plain, placesOf(peers, ipv6, 'blank', BLANK));
    await t.check(ipv6 ? 'CSUM-05' : 'CSUM-06', async () => expectLabelled(await allCross(peers, all)));
  });
}

test(
  'validated-places',
  'keeps complete checksums after any headers',
  { ...BRIDGE, gate: [KEY.featureSg, '!feature-no-csum-offload'] },
  async (t) => {
    const peers = await t.bridged();
    await hasBuffers(t, peers[0], 2);
    const complete = (flags: RxShape): Place[] =>
      [false, true].flatMap((ipv6) => placesOf(peers, ipv6, 'complete', flags));
    const plain = await cross(peers, complete({}));
    const all = likeThose(plain, complete(VALIDATED));
    // The frontend may leave the checksum blank again.
    await t.check('CSUM-08', async () => expectLabelled(await allCross(peers, all)));
  },
);

test(
  'blank-unfit',
  'survives csum_blank on packets without such a checksum',
  { ...SG_BRIDGE, destructive: true },
  async (t) => {
    const [from, to] = await t.bridged();
    // What the frontend does with such a packet, it does to no one but this peer.
    to.monitor.lookAway();
    await hasBuffers(t, from, 2);
    const kinds = await forwarded([from, to], KINDS);
    for (const { frame } of crossings([from, to], UNFIT)) {
      for (const fragments of [[frame.length], [14, frame.length - 14]])
        await from.deliver(frame, { ...BLANK, fragments });
    }
    await t.check('CSUM-12', () => allCross([from, to], crossings([from, to], kinds)));
  },
);

test('udp-blank-v6', 'passes on UDP over IPv6 with a blank checksum', BRIDGE6, async (t) => {
  for (const value of ['1', '0', undefined]) {
    const peers = await t.bridged(BACKEND_KEYS, {
      ...BACKEND_KEYS,
      ...(value !== undefined && { [KEY.featureIpv6CsumOffload]: value }),
    });
    let blank = false;
    await t.check(['CSUM-05', 'CSUM-06'], async () => {
      const packet = await throughUdp(peers, { version: 6, checksum: 'blank' }, BLANK);
      blank = saysBlank(packet);
      if (!blank) expect(udpChecksum(packet.frame), 'checksum').to.equal('complete');
    });
    if (value !== '1') await t.check('CSUM-04', () => expect(blank, 'csum_blank').to.equal(false));
    for (const peer of peers) await t.unplug(peer);
  }
});

for (const version of [4, 6] as const) {
  const gate = version === 4 ? '!feature-no-csum-offload' : KEY.featureIpv6CsumOffload;
  const title = `sends a checksum of UDP over IPv${version} that computes to 0 as 0xffff`;
  test(`udp-zero-v${version}`, title, { ...BRIDGE, gate }, async (t) => {
    const peers = await t.bridged(BACKEND_KEYS, NO_OFFLOAD);
    await checkZeroSums(t, peers, version, { shapes: { blank: BLANK, complete: {} }, saysBlank });
  });
}

for (const version of [4, 6] as const) {
  const gate = version === 4 ? '!feature-no-csum-offload' : KEY.featureIpv6CsumOffload;
  const title = `completes and passes on checksums of UDP over IPv${version} whose carries carry again`;
  test(`udp-carries-v${version}`, title, { ...BRIDGE, gate }, async (t) => {
    const peers = await t.bridged(BACKEND_KEYS, NO_OFFLOAD);
    await checkCarries(t, peers, version, { shapes: { blank: BLANK, complete: {} }, saysBlank });
  });
}

test('icmp', 'never leaves an ICMP checksum blank', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const reply = await vif.ping();
  await t.check('CSUM-14', () => expect(saysBlank(reply), 'csum_blank').to.equal(false));
});

test('blank-icmp', 'survives ICMP flagged csum_blank', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await vif.send(vif.pingFrame().frame, BLANK);
  await stillPasses(t, 'CSUM-12', vif);
});

test(
  'ipv6',
  'sends complete IPv6 checksums to a peer without feature-ipv6-csum-offload',
  { reflector: 'tcp' },
  async (t) => {
    const reply = await overIpv6(t, await t.connect());
    await t.check('CSUM-04', () => expectComplete(reply));
  },
);

test(
  'ipv6-blank',
  'accepts TCP over IPv6 with a blank checksum',
  { gate: KEY.featureIpv6CsumOffload, reflector: 'tcp' },
  async (t) => {
    const vif = await t.connect();
    await overIpv6(t, vif);
    await t.check(['CSUM-05', 'CSUM-07'], () => vif.syn({ checksum: 'blank', shape: BLANK, ipv6: true }));
  },
);

/**
 * The reply to a SYN over IPv6; skips the test where there is none: a guest may have no IPv6, or another address than
 * the one that follows from its MAC.
 */
async function overIpv6(t: FrontendTest, vif: BackendPeer): Promise<QueuePacket> {
  try {
    return await vif.syn({ ipv6: true });
  } catch (error) {
    if (!(error instanceof Expired) || error.inconclusive) throw error;
    return t.skip('the guest does not reply to TCP over IPv6 at the address that follows from its MAC');
  }
}

/** Sends a SYN with a blank checksum into a bridge and returns it as it comes out. */
function withBlank(peers: readonly [BackendPeer, BackendPeer]): Promise<QueuePacket> {
  return demanded(['CSUM-06'], throughSyn(peers, 'blank', BLANK));
}

interface Place extends Crossing {
  readonly blank: Uint8Array;
}

/** Packets with a checksum at each place, each in one slot and spread over slots in several ways. */
function placesOf(
  [from, to]: readonly [BackendPeer, BackendPeer],
  ipv6: boolean,
  checksum: 'blank' | 'complete',
  flags: RxShape,
): Place[] {
  return CHECKSUMMED.filter((each) => each.ipv6 === ipv6).flatMap(({ name, make }) =>
    [[], [14], [34], [50]].map((first) => {
      const made = make(from.link.peer, to.link.peer);
      const fragments = cut(made[checksum], first);
      return {
        name: `${name} in slots of ${fragments.join(' + ')} bytes`,
        frame: made[checksum],
        blank: made.blank,
        forms: [made.blank, made.complete, ...(made.none ? [made.none] : [])],
        shape: { ...flags, fragments },
      };
    }),
  );
}

/** Those of `places` that came out in their plain form: a guest may filter out some headers, or drop spread ones. */
function likeThose(plain: ReadonlyMap<Place, QueuePacket>, places: readonly Place[]): Place[] {
  const names = new Set([...plain.keys()].map(({ name }) => name));
  return places.filter(({ name }) => names.has(name));
}

/** Asserts that exactly the packets that came out with a blank checksum have csum_blank. UDP over IPv4 may have none. */
function expectLabelled(out: ReadonlyMap<Place, QueuePacket>): void {
  const wrong = [...out].filter(
    ([{ blank }, packet]) => sameBytes(packet.frame.subarray(0, blank.length), blank) !== saysBlank(packet),
  );
  expectNone(
    'came out with csum_blank and another checksum, or the other way round',
    wrong.map(([each]) => each),
  );
}

function expectComplete(packet: QueuePacket): void {
  expect(saysBlank(packet), 'csum_blank').to.equal(false);
  expect(tcpChecksum(packet.frame), 'checksum').to.equal('complete');
}

/** Each slot that is flagged csum_blank is flagged data_validated too. */
function expectValidated(packet: QueuePacket): void {
  for (const { flags } of packet.requests) {
    if (flags & TXF.csumBlank) expect(flags & TXF.dataValidated, 'data_validated').to.be.above(0);
  }
}
