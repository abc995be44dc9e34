/** netif.h, xenstore keys: frontends and backends that offer all, or little, or something else than before. */
import { expect } from 'chai';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { KEY, MAX_XDP_HEADROOM } from '../../harness/protocol/netif.js';
import { parseDecimal } from '../../harness/protocol/xenbus.js';
import { frontendChapter, type FrontendTest } from '../../harness/run/suite.js';
import { awaitSettled, connectAgain, followsBack, withhold } from './verbs.js';

const { test, tests } = frontendChapter('offers');
export const offers = tests;

type Keys = Readonly<Record<string, string | undefined>>;

const PING = { fresh: true, reflector: 'icmp' } as const;
const REBIND = { ...PING, needs: 'rebind' } as const;
const RESTORE = { ...PING, needs: 'restore', destructive: true } as const;
/** The least that a backend offers. */
const LITTLE = { [KEY.featureRxCopy]: '1' };
const EVERYTHING = {
  ...LITTLE,
  [KEY.featureSg]: '1',
  [KEY.featureGsoTcpv4]: '1',
  [KEY.featureGsoTcpv6]: '1',
  [KEY.featureIpv6CsumOffload]: '1',
  [KEY.featureSplitEventChannels]: '1',
  [KEY.featureMulticastControl]: '1',
  [KEY.featureDynamicMulticastControl]: '1',
  [KEY.featureCtrlRing]: '1',
  [KEY.featureStagingGrants]: '1',
  [KEY.multiQueueMaxQueues]: '8',
};
/** What changes the keys of a frontend with one queue. */
const SPLIT = { ...LITTLE, [KEY.featureSplitEventChannels]: '1' };
const FOUR_QUEUES = { ...LITTLE, [KEY.multiQueueMaxQueues]: '4' };
const POOL_KEYS = [KEY.txPoolRef, KEY.txPoolSize, KEY.rxPoolRef, KEY.rxPoolSize];
const TWO_QUEUES = { [KEY.multiQueueMaxQueues]: '2' };
const CONTROLLED = { ...LITTLE, [KEY.featureCtrlRing]: '1' };
const STAGING = { ...LITTLE, [KEY.featureStagingGrants]: '1' };
const WITHDRAWN = Object.fromEntries(Object.keys(EVERYTHING).map((key) => [key, undefined]));

/** Passes a ping on each queue of a vif. */
async function passes(vif: BackendPeer): Promise<void> {
  for (const queue of vif.queues) await vif.ping({ queue });
}

test('everything', 'connects to a backend that offers every feature', PING, async (t) => {
  await t.check('XB-14', async () => passes(await t.fresh(EVERYTHING)));
});

test('nothing', 'connects to a backend that offers nothing but feature-rx-copy', PING, async (t) => {
  await t.check('XB-14', async () => passes(await t.fresh(LITTLE)));
});

for (const queues of ['1', '2', '4']) {
  for (const split of ['0', '1']) {
    const title = `connects to a backend with multi-queue-max-queues = ${queues} and feature-split-event-channels = ${split}`;
    test(`queues-${queues}-split-${split}`, title, PING, async (t) => {
      const keys = { ...LITTLE, [KEY.multiQueueMaxQueues]: queues, [KEY.featureSplitEventChannels]: split };
      await t.check('XB-14', async () => passes(await t.fresh(keys)));
    });
  }
}

/** Has the driver give up a vif and take it again from a backend that now offers something else. */
function offersAgain(t: FrontendTest, vif: BackendPeer, keys: Keys): Promise<void> {
  return connectAgain(t, vif, { ...WITHDRAWN, ...keys });
}

for (const [name, title, before, after] of [
  ['less', 'follows a backend that offers less than before', EVERYTHING, LITTLE],
  ['more', 'follows a backend that offers more than before', LITTLE, EVERYTHING],
  [
    'fewer-queues',
    'follows a backend that offers fewer queues than before',
    { ...EVERYTHING, [KEY.multiQueueMaxQueues]: '4' },
    { ...EVERYTHING, [KEY.multiQueueMaxQueues]: '2' },
  ],
] as const) {
  test(name, title, REBIND, async (t) => {
    const vif = await t.fresh(before);
    await passes(vif);
    await t.check('XB-16', () => offersAgain(t, vif, after));
    const most = Number((after as Keys)[KEY.multiQueueMaxQueues] ?? 1);
    await t.check('MQ-04', () => expect(vif.queues.length, 'queues').to.be.at.most(most));
    await t.check('XB-14', () => passes(vif));
  });
}

test('control-with-fewer', 'forgets its earlier queues when it sets up a control ring again', PING, async (t) => {
  const vif = await t.fresh({ ...CONTROLLED, ...FOUR_QUEUES });
  await awaitSettled(t, vif);
  if (!vif.control || vif.queues.length < 3) t.skip('the frontend uses no control ring with more than two queues');
  await followsBack(t, vif, TWO_QUEUES);
  // The monitor inspects the mapping (HASH-43), which the frontend has sent by then, if it sends one.
  await awaitSettled(t, vif);
  await t.check('MQ-04', () => expect(vif.queues.length, 'queues').to.be.at.most(2));
  await t.check('MQ-15', () => passes(vif));
});

for (const [name, title, before, after] of [
  ['split-ends', 'a backend that no longer has split event channels', SPLIT, LITTLE],
  ['split-begins', 'a backend that now has split event channels', LITTLE, SPLIT],
  ['queues-end', 'a backend that no longer has several queues', FOUR_QUEUES, LITTLE],
  ['queues-begin', 'a backend that now has several queues', LITTLE, FOUR_QUEUES],
  ['control-ends', 'a backend that no longer has a control ring', CONTROLLED, LITTLE],
  ['staging-ends', 'a backend that no longer has staging grants', STAGING, LITTLE],
] as const) {
  test(name, `leaves no keys of the earlier connection for ${title}`, REBIND, async (t) => {
    const vif = await t.fresh(before);
    await passes(vif);
    await t.check('XB-16', () => offersAgain(t, vif, after));
    await t.check('XB-35', () => expect(contradictions(vif, after).join(', '), 'contradicting keys').to.equal(''));
    await t.check('XB-14', () => passes(vif));
  });
}

for (const [name, title, before, after] of [
  ['restored-less', 'fewer features', EVERYTHING, LITTLE],
  ['restored-same', 'the same features', EVERYTHING, EVERYTHING],
  ['restored-more', 'more features', LITTLE, EVERYTHING],
] as const) {
  test(name, `connects to a backend with ${title} after its guest was restored`, RESTORE, async (t) => {
    const earlier = await t.fresh(before);
    await passes(earlier);
    const vif = await t.restore(earlier, after);
    await t.check('XB-24', () => vif.connect());
    const { control } = vif;
    if (control)
      await t.check('RING-02', () => expect(control.published.rspProd, 'rsp_prod of the new control ring').to.equal(0));
    const most = Number((after as Keys)[KEY.multiQueueMaxQueues] ?? 1);
    await t.check('MQ-04', () => expect(vif.queues.length, 'queues').to.be.at.most(most));
    await t.check('XB-24', async () => {
      await t.configure(vif);
      await passes(vif);
    });
  });
}

test('restored-under-load', 'connects after its guest was saved with requests in its ring', RESTORE, async (t) => {
  const earlier = await t.fresh();
  await withhold(t, earlier, 8);
  const vif = await t.restore(earlier);
  await t.check('XB-24', async () => {
    await vif.connect();
    await t.configure(vif);
    await passes(vif);
  });
});

test(
  'restored-removed',
  'survives the removal of its device right after its guest was restored',
  RESTORE,
  async (t) => {
    const vif = await t.restore(await t.fresh());
    await t.unplug(vif);
    await t.check('ROB-02', async () => (await t.fresh()).ping());
  },
);

for (const value of [undefined, '0', '1']) {
  const title =
    value === undefined
      ? 'requests no XDP headroom if feature-xdp-headroom is absent'
      : `requests only XDP headroom that a backend with feature-xdp-headroom = ${value} accepts`;
  test(`xdp-headroom-${value ?? 'absent'}`, title, PING, async (t) => {
    const vif = await t.fresh(
      value === undefined ? BACKEND_KEYS : { ...BACKEND_KEYS, [KEY.featureXdpHeadroom]: value },
    );
    await awaitSettled(t, vif);
    const requested = (await vif.otherKey(KEY.xdpHeadroom)) ?? '0';
    const max = value === '1' ? MAX_XDP_HEADROOM : 0;
    await t.check('XDP-05', () =>
      expect(parseDecimal(requested, { min: 0, max }).ok, `${KEY.xdpHeadroom} = ${requested}`).to.equal(true),
    );
    // With headroom, a backend that does not write the extra for it breaks the agreement.
    if (requested === '0') await t.check('XB-14', () => vif.ping());
  });
}

/** Keys that cannot belong to the current connection to a backend that offers `offered`. */
function contradictions({ published, queues }: BackendPeer, offered: Keys): string[] {
  const single = published[KEY.eventChannel] !== undefined && queues.length === 1;
  const many = queues.length > 1;
  const stale: Readonly<Record<string, boolean>> = {
    [KEY.eventChannelTx]: single || many,
    [KEY.eventChannelRx]: single || many,
    [KEY.eventChannel]: many,
    [KEY.txRingRef]: many,
    [KEY.rxRingRef]: many,
    [KEY.multiQueueNumQueues]:
      offered[KEY.multiQueueMaxQueues] === undefined && published[KEY.multiQueueNumQueues] !== '1',
    [KEY.ctrlRingRef]: offered[KEY.featureCtrlRing] === undefined,
    [KEY.eventChannelCtrl]: offered[KEY.featureCtrlRing] === undefined,
    ...Object.fromEntries(POOL_KEYS.map((key) => [key, offered[KEY.featureStagingGrants] === undefined])),
  };
  return Object.keys(stale).filter((key) => stale[key] && published[key] !== undefined);
}
