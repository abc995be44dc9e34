/** netif.h, "feature-no-csum-offload" and the checksum flags of tx and rx slots. */
import { expect } from 'chai';
import { tcpSyn } from '../../harness/packet/build.js';
import { tcpChecksum } from '../../harness/packet/match.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { KEY, RXF, TXF } from '../../harness/protocol/netif.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { stillPasses } from './verbs.js';

const { test, tests } = frontendChapter('checksum');
export const checksum = tests;

const BLANK = { flags: RXF.csumBlank | RXF.dataValidated };
const VALIDATED = { flags: RXF.dataValidated };

function saysBlank(packet: QueuePacket): boolean {
  return packet.requests.some(({ flags }) => (flags & TXF.csumBlank) !== 0);
}

test(
  'blank',
  'takes TCP whose checksum is left blank',
  { gate: '!feature-no-csum-offload', reflector: 'tcp' },
  async (t) => {
    const vif = await t.connect();
    await t.check(['CSUM-01', 'CSUM-06', 'CSUM-07'], () => vif.syn({ checksum: 'blank', shape: BLANK }));
  },
);

test('complete', 'takes TCP whose checksum is complete', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  await t.check('CSUM-10', () => vif.syn());
});

test('validated', 'takes a complete checksum that the sender vouches for', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  await t.check(['CSUM-07', 'CSUM-08'], () => vif.syn({ shape: VALIDATED }));
});

test('corrupt', 'does not vouch for a wrong checksum', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  const corrupt = vif.synFrame('corrupt');
  await vif.send(corrupt.frame);
  // The same queue keeps the order: once this one is answered, the one before has been dropped or never will be.
  await vif.syn();
  await t.check('CSUM-10', () => {
    const answers = vif.received.filter((packet) => corrupt.isReset(packet.frame));
    expect(answers.length, 'answers to the corrupt SYN').to.equal(0);
  });
});

test('reply', 'flags a blank checksum of its own as both blank and validated', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  const answer = await vif.syn();
  // Whichever it chose, only the rule for that can be seen.
  if (saysBlank(answer)) {
    await t.check('CSUM-09', () => {
      for (const { flags } of answer.requests) {
        if (flags & TXF.csumBlank) expect(flags & TXF.dataValidated, 'data_validated').to.be.above(0);
      }
    });
  } else {
    await t.check(['CSUM-08', 'CSUM-10'], () => {
      expect(tcpChecksum(answer.frame), 'checksum not flagged blank').to.equal('complete');
    });
  }
});

const NO_OFFLOAD = { ...BACKEND_KEYS, [KEY.featureNoCsumOffload]: '1' };

test('opted-out', 'sends complete checksums to who wants no others', { fresh: true, reflector: 'tcp' }, async (t) => {
  const vif = await t.fresh(NO_OFFLOAD);
  const answer = await vif.syn();
  await t.check('CSUM-02', () => {
    expect(saysBlank(answer), 'csum_blank').to.equal(false);
    expect(tcpChecksum(answer.frame)).to.equal('complete');
  });
});

test(
  'one-way',
  'takes blank checksums from who wants none itself',
  { fresh: true, gate: '!feature-no-csum-offload', reflector: 'tcp' },
  async (t) => {
    const vif = await t.fresh(NO_OFFLOAD);
    await t.check('CSUM-11', () => vif.syn({ checksum: 'blank', shape: BLANK }));
  },
);

test(
  'zero-key',
  'takes a feature-no-csum-offload of 0 for none',
  { gate: '!feature-no-csum-offload', fresh: true, needs: 'bridge' },
  async (t) => {
    // It may complete every checksum: then there is nothing to tell the two apart by.
    if (!saysBlank(await forwarded(await t.bridged()))) t.skip('checksums are never left blank');
    const packet = await forwarded(await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureNoCsumOffload]: '0' }));
    await t.check('CSUM-03', () => expect(saysBlank(packet), 'csum_blank').to.equal(true));
  },
);

test('icmp', 'leaves no checksum of ICMP blank', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  const answer = await vif.ping();
  await t.check('CSUM-14', () => expect(saysBlank(answer), 'csum_blank').to.equal(false));
});

test('blank-icmp', 'outlives ICMP that is flagged blank', { fresh: true, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await vif.send(vif.pingFrame().frame, BLANK);
  await stillPasses(t, 'CSUM-12', vif);
});

test('ipv6', 'sends IPv6 with complete checksums to who did not ask for others', { reflector: 'tcp' }, async (t) => {
  const vif = await t.connect();
  const answer = await vif.syn({ ipv6: true });
  await t.check('CSUM-04', () => {
    expect(saysBlank(answer), 'csum_blank').to.equal(false);
    expect(tcpChecksum(answer.frame)).to.equal('complete');
  });
});

test(
  'ipv6-blank',
  'takes TCP over IPv6 whose checksum is left blank',
  { gate: KEY.featureIpv6CsumOffload, reflector: 'tcp' },
  async (t) => {
    const vif = await t.connect();
    await t.check(['CSUM-05', 'CSUM-07'], () => vif.syn({ checksum: 'blank', shape: BLANK, ipv6: true }));
  },
);

/** A SYN whose checksum is blank, as it comes out of a bridge. */
async function forwarded([from, to]: readonly [BackendPeer, BackendPeer]): Promise<QueuePacket> {
  const frame = tcpSyn(from.link.peer, to.link.peer, { sport: 0xc001, dport: 9, seq: 1, checksum: 'blank' });
  await from.send(frame, BLANK);
  return to.receive('SYN', (each) => tcpChecksum(each.frame) !== undefined);
}
