/** netif.h, "feature-no-csum-offload" and the checksum flags of tx and rx slots. */
import { expect } from 'chai';
import { tcpChecksum, udpChecksum } from '../../harness/packet/match.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import { KEY, RX_BLANK, RXF, TX_BLANK, TXF } from '../../harness/protocol/netif.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { demanded } from '../../harness/xen/wait.js';
import { checkWrongSums } from '../support/completed.js';
import { UDP4 } from '../support/frame-shapes.js';
import { checkCarries, checkZeroSums, throughSyn, throughUdp, UDP_CHECKSUMS } from '../support/checksums.js';
import { arrives } from '../support/losses.js';
import { statusesAtLast, stillPasses } from './refusal-verbs.js';
import { saysBlank } from './verbs.js';

const { test, tests } = backendChapter('checksum');
export const checksum = tests;

const BLANK = { flags: TX_BLANK };
const VALIDATED = { flags: TXF.dataValidated };

const BRIDGE = { fresh: true, needs: 'bridge' } as const;
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

test(
  'blank-alone',
  'accepts TCP packets with a blank checksum that are flagged csum_blank and not data_validated',
  { gate: '!feature-no-csum-offload', reflector: 'tcp' },
  async (t) => {
    // As the frontends of NetBSD and Unikraft send them.
    const vif = await t.connect();
    await t.check('CSUM-06', () => vif.syn({ checksum: 'blank', shape: { flags: TXF.csumBlank } }));
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

test(
  'validated-forwarded',
  'passes on a complete checksum flagged data_validated without csum_blank',
  BRIDGE,
  async (t) => {
    const peers = await t.bridged();
    await t.check(['CSUM-07', 'CSUM-08'], async () => {
      const packets = [
        await throughSyn(peers, 'complete', VALIDATED),
        await throughSyn(peers, 'complete', VALIDATED, true),
        await throughUdp(peers, { version: 4, checksum: 'complete' }, VALIDATED),
      ];
      // A stack may take up a packet and leave its checksum blank again.
      for (const packet of packets) {
        const sum = tcpChecksum(packet.frame) ?? udpChecksum(packet.frame);
        if (saysBlank(packet)) expect(sum, 'checksum flagged csum_blank').not.to.equal('complete');
      }
    });
  },
);

/** The checksum flags of each slot. */
const flagsOf = (packet: QueuePacket): number[] => packet.slots.map(({ response }) => response.flags & RX_BLANK);

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
      from.queue.tx.enqueue(name === 'blank' ? other.blank : other.complete, { flags });
      await from.send(frame);
    };
    await checkWrongSums(t, [{ link: from.link, send }, to], { shape: {}, flagsOf, isBlank: saysBlank });
  });
}

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

const NO_OFFLOAD = { keys: { [KEY.featureNoCsumOffload]: '1' } };
/** No offload over IPv4 alone: the key for IPv6 has no meaning for IPv4. */
const IPV6_ALONE = { keys: { ...NO_OFFLOAD.keys, [KEY.featureIpv6CsumOffload]: '1' } };

test(
  'opted-out',
  'sends complete checksums to a peer with feature-no-csum-offload = 1',
  { fresh: true, reflector: 'tcp' },
  async (t) => {
    const vif = await t.fresh(NO_OFFLOAD);
    const reply = await vif.syn();
    await t.check('CSUM-02', () => {
      expect(saysBlank(reply), 'csum_blank').to.equal(false);
      expect(tcpChecksum(reply.frame), 'checksum of the reply').to.equal('complete');
    });
  },
);

test(
  'opted-out-forwarded',
  'completes forwarded checksums for a peer with feature-no-csum-offload = 1',
  { gate: '!feature-no-csum-offload', fresh: true, needs: 'bridge' },
  async (t) => {
    const packet = await forwarded(await t.bridged({}, IPV6_ALONE));
    await t.check('CSUM-02', () => {
      expect(saysBlank(packet), 'csum_blank').to.equal(false);
      expect(tcpChecksum(packet.frame), 'checksum').to.equal('complete');
    });
  },
);

test(
  'opted-out-udp',
  'completes forwarded checksums of UDP for a peer with feature-no-csum-offload = 1',
  { fresh: true, gate: '!feature-no-csum-offload', needs: 'bridge' },
  async (t) => {
    const peers = await t.bridged({}, NO_OFFLOAD);
    await t.check('CSUM-02', async () => {
      const packet = await throughUdp(peers, { version: 4, checksum: 'blank' }, BLANK);
      expect(saysBlank(packet), 'csum_blank').to.equal(false);
      expect(udpChecksum(packet.frame), 'checksum').to.be.oneOf(['complete', 'none']);
    });
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
    // The backend may complete every checksum: then the two cases look the same.
    if (!saysBlank(await forwarded(await t.bridged()))) t.skip('the backend never leaves a checksum blank');
    const packet = await forwarded(await t.bridged({}, { keys: { [KEY.featureNoCsumOffload]: '0' } }));
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

test('udp-blank-v6', 'passes on UDP over IPv6 with a blank checksum', BRIDGE6, async (t) => {
  for (const value of ['1', '0', undefined]) {
    const peers = await t.bridged({}, { keys: { [KEY.featureIpv6CsumOffload]: value } });
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
    const peers = await t.bridged({}, NO_OFFLOAD);
    await checkZeroSums(t, peers, version, { shapes: { blank: BLANK, complete: {} }, saysBlank });
  });
}

for (const version of [4, 6] as const) {
  const gate = version === 4 ? '!feature-no-csum-offload' : KEY.featureIpv6CsumOffload;
  const title = `completes and passes on checksums of UDP over IPv${version} whose carries carry again`;
  test(`udp-carries-v${version}`, title, { ...BRIDGE, gate }, async (t) => {
    const peers = await t.bridged({}, NO_OFFLOAD);
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
  const slots = vif.queue.tx.enqueue(vif.pingFrame().frame, BLANK);
  vif.queue.pushTx();
  await statusesAtLast(t, vif, slots);
  await stillPasses(t, 'CSUM-12', vif);
});

test(
  'ipv6',
  'sends complete IPv6 checksums to a peer without feature-ipv6-csum-offload',
  { reflector: 'tcp' },
  async (t) => {
    const vif = await t.connect();
    const reply = await reset6(t, vif);
    await t.check('CSUM-04', () => {
      expect(saysBlank(reply), 'csum_blank').to.equal(false);
      expect(tcpChecksum(reply.frame), 'checksum of the reply').to.equal('complete');
    });
  },
);

test(
  'ipv6-blank',
  'accepts TCP over IPv6 with a blank checksum',
  { gate: KEY.featureIpv6CsumOffload, reflector: 'tcp' },
  async (t) => {
    const vif = await t.connect();
    await reset6(t, vif);
    await t.check(['CSUM-05', 'CSUM-07'], () => vif.syn({ checksum: 'blank', shape: BLANK, ipv6: true }));
  },
);

/** The reset to a SYN over IPv6 with a complete checksum; skips the test if none comes, since stacks may lack IPv6. */
async function reset6(t: BackendTest, vif: FrontendPeer): Promise<QueuePacket> {
  let reset: QueuePacket | undefined;
  await arrives(vif.syn({ ipv6: true }).then((packet) => void (reset = packet)));
  return reset ?? t.skip('the network stack gives no reset over IPv6');
}

/** Sends a SYN with a blank checksum into a bridge and returns it as it comes out. */
function forwarded(peers: readonly [FrontendPeer, FrontendPeer]): Promise<QueuePacket> {
  return demanded(['CSUM-06'], throughSyn(peers, 'blank', BLANK));
}

/** Each slot that is flagged csum_blank is flagged data_validated too. */
function expectValidated(packet: QueuePacket): void {
  for (const { response } of packet.slots) {
    if (response.flags & RXF.csumBlank) expect(response.flags & RXF.dataValidated, 'data_validated').to.be.above(0);
  }
}
