/** The same vif again: what a later connection negotiates holds, and nothing of the connection before it. */
import { expect } from 'chai';
import type { FrontendOptions, FrontendPeer } from '../../harness/peer/frontend.js';
import { GSO_TYPE, KEY, TX_BLANK } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import type { QueuePacket } from '../../harness/peer/frontend-queue.js';
import { throughSyn } from '../support/checksums.js';
import { gsoOf, throughCut } from '../support/large-packets.js';
import { connectsAgain, queuesOffered, reconnect, startsAgain } from './connection-verbs.js';
import { saysBlank } from './verbs.js';

const { test, tests } = backendChapter('changes');
export const changes = tests;

const FRESH = { fresh: true, reflector: 'icmp' } as const;

/** Connects again and passes a ping on every queue. */
async function passesAgain(t: BackendTest, vif: FrontendPeer, options: FrontendOptions): Promise<void> {
  await reconnect(t, vif, options);
  await passesOnEach(t, vif);
}

async function passesOnEach(t: BackendTest, vif: FrontendPeer): Promise<void> {
  await t.configure(vif);
  for (const queue of vif.queues) await vif.ping({ queue });
}

/**
 * Closes a vif with work in its rings, which must not keep the backend from closing, and connects it again. Returns
 * whether it is connected.
 */
async function closesBusy(t: BackendTest, vif: FrontendPeer, options: FrontendOptions = {}): Promise<boolean> {
  // A backend that opens again by itself may be in InitWait before its Closed was read.
  await t.check('XB-12', () => vif.shut({}, [XENBUS_STATE.closed, XENBUS_STATE.initWait]));
  await startsAgain(t, vif);
  await t.check('XB-14', async () => {
    await connectsAgain(t, vif, options);
    await passesOnEach(t, vif);
  });
  return vif.queues.length > 0;
}

/** The options of a connection with so many queues, which leaves the keys of other queues where they are. */
function withQueues(queues: number): FrontendOptions {
  return { queues, ...(queues === 1 && { keys: { [KEY.multiQueueNumQueues]: '1' } }) };
}

test('queues', 'connects with more queues, and with fewer, after a close', FRESH, async (t) => {
  const vif = await t.fresh();
  const max = Math.min(await queuesOffered(t, vif), 3);
  if (max < 2) return t.skip('the backend offers only one queue');
  for (const count of [max, 1, 2, max]) await t.check('MQ-17', () => passesAgain(t, vif, withQueues(count)));
});

test(
  'channels',
  'connects with split event channels and without them, in turn',
  { ...FRESH, gate: KEY.featureSplitEventChannels },
  async (t) => {
    const vif = await t.fresh({ split: true });
    for (const split of [false, true, false]) await t.check('XB-14', () => passesAgain(t, vif, { split }));
  },
);

test(
  'control',
  'connects with a control ring and without one, in turn',
  { ...FRESH, gate: KEY.featureCtrlRing },
  async (t) => {
    const vif = await t.fresh({ control: true });
    for (const control of [false, true, false]) {
      const keys = control ? {} : { [KEY.ctrlRingRef]: undefined, [KEY.eventChannelCtrl]: undefined };
      await t.check('XB-14', () => passesAgain(t, vif, { control, keys }));
    }
  },
);

test('sg', 'sends packets of one slot once the frontend has withdrawn feature-sg', FRESH, async (t) => {
  const vif = await t.fresh();
  for (const value of [undefined, '1', '0']) {
    await reconnect(t, vif, { keys: { [KEY.featureSg]: value } });
    await t.configure(vif);
    const { slots } = await vif.ping({ length: 1472 });
    if (value !== '1') await t.check('RXW-22', () => expect(slots.length, 'slots').to.equal(1));
  }
});

/** A feature of the frontend that a packet shows, with keys that allow it and keys that withdraw it. */
interface Feature {
  readonly what: string;
  readonly requirement: string;
  readonly gate: string;
  readonly allowed: Readonly<Record<string, string>>;
  readonly withdrawn: Readonly<Record<string, string>>;
  readonly send: (from: FrontendPeer, to: FrontendPeer) => Promise<readonly QueuePacket[]>;
  readonly shows: (packet: QueuePacket) => boolean;
}

const OFFLOAD6 = { [KEY.featureIpv6CsumOffload]: '1' };
const FEATURES: Readonly<Record<string, Feature>> = {
  gso: {
    what: 'large packets',
    requirement: 'GSO-01',
    gate: KEY.featureGsoTcpv4,
    allowed: { [KEY.featureGsoTcpv4]: '1' },
    withdrawn: { [KEY.featureGsoTcpv4]: '0' },
    send: (from, to) => throughCut(from, to, TX_BLANK, GSO_TYPE.tcpv4),
    shows: (packet) => gsoOf(packet) !== undefined,
  },
  'gso-v6': {
    what: 'large IPv6 packets',
    requirement: 'GSO-01',
    gate: KEY.featureGsoTcpv6,
    allowed: { [KEY.featureGsoTcpv6]: '1', ...OFFLOAD6 },
    withdrawn: { [KEY.featureGsoTcpv6]: '0', ...OFFLOAD6 },
    send: (from, to) => throughCut(from, to, TX_BLANK, GSO_TYPE.tcpv6),
    shows: (packet) => gsoOf(packet) !== undefined,
  },
  blank: {
    what: 'blank checksums',
    requirement: 'CSUM-02',
    gate: `!${KEY.featureNoCsumOffload}`,
    allowed: { [KEY.featureNoCsumOffload]: '0' },
    withdrawn: { [KEY.featureNoCsumOffload]: '1' },
    send: async (...peers) => [await throughSyn(peers, 'blank', { flags: TX_BLANK })],
    shows: saysBlank,
  },
  'blank-v6': {
    what: 'blank IPv6 checksums',
    requirement: 'CSUM-04',
    gate: KEY.featureIpv6CsumOffload,
    allowed: OFFLOAD6,
    withdrawn: { [KEY.featureIpv6CsumOffload]: '0' },
    send: async (...peers) => [await throughSyn(peers, 'blank', { flags: TX_BLANK }, true)],
    shows: saysBlank,
  },
};

for (const [name, feature] of Object.entries(FEATURES)) {
  const options = { gate: feature.gate, fresh: true, needs: 'bridge' } as const;
  test(name, `sends ${feature.what} only on connections that accept them`, options, async (t) => {
    // The first connection accepts them: what it negotiated must not hold on the second.
    const [from, to] = await t.bridged({}, { keys: feature.allowed });
    for (const [round, keys] of [feature.allowed, feature.withdrawn, feature.allowed, feature.withdrawn].entries()) {
      if (round > 0) {
        await reconnect(t, to, { keys });
        await t.bridge([from, to]);
      }
      await t.check(feature.requirement, async () => {
        const unwanted = (await feature.send(from, to)).filter(feature.shows);
        if (keys === feature.withdrawn) expect(unwanted.length, 'packets that this connection refuses').to.equal(0);
      });
    }
  });
}

test('in-flight', 'closes and connects again with packets in its rings', FRESH, async (t) => {
  const vif = await t.fresh();
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < 64; n++) vif.queue.tx.enqueue(vif.pingFrame().frame);
    vif.queue.pushTx();
    if (!(await closesBusy(t, vif))) return;
  }
});

test('without-buffers', 'closes and connects again while packets wait for buffers', FRESH, async (t) => {
  const vif = await t.fresh();
  vif.queue.rx.repost = false;
  for (let n = 0; n < 40; n++) await vif.transmit(vif.pingFrame().frame);
  await closesBusy(t, vif);
});

test(
  'with-messages',
  'closes with control requests in its ring',
  { ...FRESH, gate: KEY.featureCtrlRing },
  async (t) => {
    const vif = await t.fresh({ control: true });
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 8; n++) vif.control.put(1);
      vif.control.push();
      if (!(await closesBusy(t, vif, { control: true }))) return;
    }
  },
);

test('unplugged-busy', 'survives an unplug with packets in its rings', FRESH, async (t) => {
  for (let round = 0; round < 3; round++) {
    const vif = await t.fresh();
    for (let n = 0; n < 64; n++) vif.queue.tx.enqueue(vif.pingFrame().frame);
    vif.queue.pushTx();
    await t.unplug(vif);
    await t.check('ROB-01', async () => (await t.connect()).ping());
  }
});
