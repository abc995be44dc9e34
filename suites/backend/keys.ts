/** What a backend reads in xenstore: keys that are late, missing or invalid, and a driver that is bound again. */
import { expect } from 'chai';
import { tcpChecksum } from '../../harness/packet/match.js';
import { OPTIONAL } from '../../harness/peer/xenbus-end.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { Violation } from '../../harness/peer/violation.js';
import { GSO_TYPE, KEY, TX_BLANK } from '../../harness/protocol/netif.js';
import { stateName, XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { demanded, Expired } from '../../harness/xen/wait.js';
import { throughSyn } from '../support/checksums.js';
import { largeFrame, LARGEST } from '../support/large-packets.js';
import { arrives } from '../support/losses.js';
import { queuesOffered, waiting } from './connection-verbs.js';
import { currentState, REFUSAL_MS, settledState, WORK_MS, worksOrRefuses } from './refusal-verbs.js';
import { idle, LARGE_SHAPE, saysBlank } from './verbs.js';

const { test, tests } = backendChapter('keys');
export const keys = tests;

const FRESH = { fresh: true, reflector: 'icmp' } as const;
const BLANK = { flags: TX_BLANK };
const { connected } = XENBUS_STATE;
/** States of a backend that does not connect a frontend any more. */
const GIVEN_UP = [XENBUS_STATE.closing, XENBUS_STATE.closed].map(stateName);
/** Values of `rate` that are not a number of bytes, a comma and a number of microseconds. */
const WRONG_RATES = ['', 'x', '1000000', '1000000,', ',50000', '1000000,x', '-1,50000', '99999999999999999999,50000'];

for (const [name, what, value] of [
  ['no-hotplug-status', 'is missing at first', undefined],
  ['hotplug-error', 'is "error" at first', 'error'],
] as const) {
  test(name, `connects a frontend whose hotplug-status ${what}`, FRESH, async (t) => {
    const vif = await waiting(t);
    const path = `${vif.otherPath}/${KEY.hotplugStatus}`;
    if (value === undefined) await t.domain.store.remove(path);
    else await t.domain.store.write(path, value);
    await vif.publish();
    // A backend may wait for the hotplug script, connect at once, or give up: the script has failed.
    const state = await settledState(t, vif);
    if (vif.other.value === undefined || GIVEN_UP.includes(state)) t.skip(`the backend is ${state}`);
    await t.domain.store.write(path, 'connected');
    // After an error, a backend may have given up the vif and say so nowhere.
    if (value === 'error' && !(await arrives(vif.awaitState([connected], OPTIONAL))))
      t.skip('the backend gave up the vif');
    await t.check('XB-10', async () => {
      await vif.awaitState([connected]);
      await t.configure(vif);
      await vif.ping();
    });
  });
}

test('rate', 'passes packets with a rate limit', FRESH, async (t) => {
  const vif = await waiting(t);
  await t.domain.store.write(`${vif.otherPath}/rate`, '10000000,50000');
  await t.check('XB-10', async () => {
    await vif.connect();
    await t.configure(vif);
    await vif.ping();
  });
});

for (const [name, rate, what] of [
  ['small-rate', '3000,50000', 'fewer bytes at a time than a large packet has'],
  ['largest-rate', '4294967295,50000', 'as many bytes as 32 bits count'],
] as const) {
  test(name, `responds to all packets with a rate limit of ${what}`, FRESH, async (t) => {
    const vif = await waiting(t);
    await t.domain.store.write(`${vif.otherPath}/rate`, rate);
    await vif.connect();
    await t.configure(vif);
    const hasGso = (await vif.otherKey(KEY.featureGsoTcpv4)) === '1';
    await t.check('RING-09', async () => {
      for (const idleMs of [0, 1000]) {
        await idle(t, idleMs);
        // More than the limit, so they come out bit by bit.
        const slots = Array.from({ length: 10 }, () => vif.queue.tx.enqueue(vif.quietFrame(1514))).flat();
        vif.queue.pushTx();
        await vif.answered(slots, vif.queue, { ms: 5000 });
        if (!hasGso) continue;
        // It may refuse a packet that is larger than its limit.
        const large = largeFrame(vif.link.peer, vif.link.iut, LARGEST, GSO_TYPE.tcpv4);
        const parts = vif.queue.tx.enqueue(large, LARGE_SHAPE);
        vif.queue.pushTx();
        await vif.answered(parts, vif.queue, { ms: 5000 });
      }
    });
    await t.check('XB-10', () => vif.ping({ ms: 5000 }));
  });
}

test('wrong-rates', 'connects and works, or refuses, with a wrong rate', FRESH, async (t) => {
  const other = await t.connect();
  const vifs: FrontendPeer[] = [];
  for (const rate of WRONG_RATES) {
    const vif = await waiting(t);
    vifs.push(vif);
    await t.domain.store.write(`${vif.otherPath}/rate`, rate);
    await vif.publish();
    await vif.setState(connected);
  }
  await t.check('ROB-01', async () => (await t.fresh()).ping());
  await t.check('ROB-01', () => other.ping());
  for (const vif of vifs) await t.check('XB-18', () => works(t, vif));
});

for (const [name, what, value] of [
  ['no-rx-copy', 'no request-rx-copy', undefined],
  ['rx-copy-0', 'request-rx-copy = 0', '0'],
] as const) {
  test(name, `connects and works, or refuses, with ${what}`, FRESH, async (t) => {
    const vif = await waiting(t);
    if ((await vif.otherKey('feature-rx-flip')) === '1') t.skip('the backend may flip pages, which no test does');
    await vif.publish({ keys: { [KEY.requestRxCopy]: value } });
    await worksOrRefuses(t, 'XB-18', vif);
  });
}

test(
  'no-rx-copy-features',
  'reads the other keys of a frontend without request-rx-copy, or refuses it',
  { ...FRESH, gate: '!feature-no-csum-offload', needs: 'bridge' },
  async (t) => {
    const keys = { [KEY.requestRxCopy]: undefined, [KEY.featureNoCsumOffload]: '1' };
    const vif = await waiting(t);
    if ((await vif.otherKey('feature-rx-flip')) === '1') t.skip('the backend may flip pages, which no test does');
    await vif.publish({ keys });
    const state = await settledState(t, vif);
    if (state !== stateName(connected)) t.skip(`the backend is ${state}`);
    const peers = await t.bridged({}, { keys });
    const packet = await demanded(['XB-18'], throughSyn(peers, 'blank', BLANK));
    await t.check('CSUM-02', () => {
      expect(saysBlank(packet), 'csum_blank').to.equal(false);
      expect(tcpChecksum(packet.frame), 'checksum').to.equal('complete');
    });
  },
);

for (const split of [false, true]) {
  const channels = split ? [KEY.eventChannelTx, KEY.eventChannelRx] : [KEY.eventChannel];
  const wrong: Readonly<Record<string, string>> = { [KEY.txRingRef]: '4294967280', [KEY.rxRingRef]: '4294967280' };
  const gate = [KEY.multiQueueMaxQueues, ...(split ? [KEY.featureSplitEventChannels] : [])];
  for (const [kind, what] of [
    ['missing', 'missing'],
    ['wrong', 'invalid'],
  ] as const) {
    const title = `connects no queue if a key of one is ${what} (${split ? 'two event channels' : 'one event channel'} each)`;
    test(`${kind}-of-queue-${split ? 'split' : 'single'}`, title, { ...FRESH, gate }, async (t) => {
      if ((await queuesOffered(t)) < 2) t.skip('the backend offers only one queue');
      const cases = [0, 1].flatMap((queue) =>
        [KEY.txRingRef, KEY.rxRingRef, ...channels].map((key) => ({
          [`queue-${queue}/${key}`]: kind === 'missing' ? undefined : (wrong[key] ?? '4095'),
        })),
      );
      const vifs: FrontendPeer[] = [];
      for (const each of cases) vifs.push(await connecting(t, split, each));
      if (kind === 'missing') for (const queue of [0, 1]) vifs.push(await connecting(t, split, {}, queue));
      await t.check('ROB-01', async () => (await t.fresh()).ping());
      const served = await Promise.all(vifs.map(queuesServed));
      await t.check('MQ-13', () => {
        for (const [n, count] of served.entries()) {
          const keys = Object.keys(cases[n] ?? { 'a queue-N directory': 0 }).join();
          expect(count, `queues of 2 that work, with ${keys} ${kind}`).to.be.oneOf([0, 2]);
        }
      });
    });
  }
}

test(
  'rebind',
  'connects or refuses a connected frontend when it is bound again',
  { ...FRESH, needs: 'rebind' },
  async (t) => {
    const vif = await t.plug();
    await vif.connect();
    const { state, used } = await rebound(t, vif);
    // A backend may also attach to its rings at index 0.
    if (used) t.skip('the guest has sent packets already');
    await t.check('XB-27', async () => {
      if (state === stateName(connected)) await works(t, vif);
    });
  },
);

test('rebind-used', 'continues with used rings when it is bound again', { ...FRESH, needs: 'rebind' }, async (t) => {
  const vif = await t.fresh();
  for (let n = 0; n < 40; n++) await vif.ping();
  if ((await rebound(t, vif)).state !== stateName(connected))
    t.skip('the backend does not connect a frontend that is Connected');
  vif.queue.deaf = false;
  try {
    vif.queue.service();
    await works(t, vif);
  } catch (error) {
    if (!(error instanceof Expired || error instanceof Violation)) throw error;
    vif.queue.deaf = true;
    vif.forgive();
    t.skip('the backend does not attach at the current rsp_prod');
  }
  await t.check('RING-03', () => vif.ping());
});

/**
 * A vif with two queues that goes to Connected: some keys are replaced, and the directory of queue number `without` is
 * missing.
 */
async function connecting(
  t: BackendTest,
  split: boolean,
  keys: Readonly<Record<string, string | undefined>>,
  without?: number,
): Promise<FrontendPeer> {
  const vif = await waiting(t);
  vif.monitor.lookAway();
  await vif.publish({ queues: 2, split, keys });
  if (without !== undefined) await t.domain.store.remove(`${vif.path}/queue-${without}`);
  await vif.setState(connected);
  return vif;
}

/** The number of queues on which a backend responds to a request, whatever state it shows. */
async function queuesServed(vif: FrontendPeer): Promise<number> {
  const served = await Promise.all(
    vif.queues.map((queue) => arrives(vif.transmit(vif.quietFrame(), {}, queue, { ms: REFUSAL_MS }))),
  );
  return served.filter(Boolean).length;
}

/** Passes a ping if the backend has connected the vif. */
async function works(t: BackendTest, vif: FrontendPeer): Promise<void> {
  if ((await currentState(vif)) !== stateName(connected)) return;
  await t.configure(vif, { ms: WORK_MS });
  await vif.ping();
}

/**
 * Unbinds the driver from a vif and binds it again. Returns the state in which the backend settles, and whether its
 * rings had been used.
 */
async function rebound(t: BackendTest, vif: FrontendPeer): Promise<{ state: string; used: boolean }> {
  const other = await t.connect();
  await t.unbind(vif);
  const used = vif.queues.some(({ tx, rx }) => [tx, rx].some(({ ring }) => ring.indices().rspProd !== 0));
  // What a backend does that attaches at index 0 to used rings is left to the test.
  if (used) {
    vif.monitor.lookAway();
    vif.queue.deaf = true;
  }
  await t.check('ROB-01', () => other.ping());
  await t.bind(vif);
  // netifspec is the hotplug script of its vifs; a driver may remove the script's result when it is unbound.
  await t.domain.store.write(`${vif.otherPath}/${KEY.hotplugStatus}`, 'connected');
  await t.check('ROB-01', async () => (await t.fresh()).ping());
  const state = await currentState(vif);
  t.info(`the backend is ${state}`);
  return { state, used };
}
