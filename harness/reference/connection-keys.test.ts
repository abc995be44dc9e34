import { expect } from 'chai';
import { Stack } from '../packet/stack.js';
import { linkOf } from '../peer/link.js';
import { backendPath, createVif, frontendPath, vifOf } from '../peer/vif.js';
import { KEY } from '../protocol/netif.js';
import type { Domain } from '../xen/domain.js';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import { STATE } from './bus.js';
import { ReferenceFrontend } from './frontend.js';

const VIF = vifOf('frontend', 1, 0, 0);
const RICH = {
  [KEY.featureRxCopy]: '1',
  [KEY.featureSplitEventChannels]: '1',
  [KEY.multiQueueMaxQueues]: '2',
  [KEY.featureMulticastControl]: '1',
  [KEY.featureCtrlRing]: '1',
  [KEY.featureStagingGrants]: '1',
};
const SPLIT_QUEUE = [
  KEY.eventChannelRx,
  KEY.eventChannelTx,
  KEY.rxPoolRef,
  KEY.rxPoolSize,
  KEY.rxRingRef,
  KEY.txPoolRef,
  KEY.txPoolSize,
  KEY.txRingRef,
];
const SINGLE_QUEUE = [KEY.eventChannel, KEY.rxRingRef, KEY.txRingRef];

/** Puts the backend into a state and waits until the frontend is in the state that follows. */
async function step(dom0: Domain, backend: string, frontend: string): Promise<void> {
  const reached = new Promise<void>((resolve) => {
    void dom0.store.watch(`${frontendPath(VIF)}/state`, () => {
      void dom0.store.read(`${frontendPath(VIF)}/state`).then((state) => {
        if (state === frontend) resolve();
      });
    });
  });
  await dom0.store.write(`${backendPath(VIF)}/state`, backend);
  await reached;
}

describe('the reference frontend', () => {
  let dom0: Domain;
  let driver: ReferenceFrontend;

  /** Connects to a backend with such keys. */
  const connect = async (features: Readonly<Record<string, string>>): Promise<void> => {
    for (const key of Object.keys(RICH)) await dom0.store.remove(`${backendPath(VIF)}/${key}`);
    for (const [key, value] of Object.entries(features)) await dom0.store.write(`${backendPath(VIF)}/${key}`, value);
    await step(dom0, STATE.initWait, STATE.initialised);
  };
  const keys = async (below = ''): Promise<string[] | undefined> =>
    (await dom0.store.list(`${frontendPath(VIF)}${below}`))?.sort();

  beforeEach(async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    dom0 = hypervisor.domain(0);
    const guest = hypervisor.domain(1);
    await createVif(dom0.store, VIF, { mac: '02:00:00:00:00:01' });
    driver = new ReferenceFrontend(
      guest,
      (handle) => new Stack(linkOf(handle).iut),
      (error) => {
        throw error;
      },
    );
    await driver.start();
  });
  afterEach(() => driver.close());

  it('writes the keys of several queues if the backend advertises them', async () => {
    await connect(RICH);
    expect(await keys()).to.include.members(['queue-0', 'queue-1', KEY.ctrlRingRef, KEY.requestMulticastControl]);
    for (const queue of ['/queue-0', '/queue-1']) expect(await keys(queue)).to.deep.equal(SPLIT_QUEUE);
  });

  for (const [how, again] of [
    ['in the same driver', () => Promise.resolve()],
    ['after it was bound again', () => driver.unbind(0).then(() => driver.bind(0))],
  ] as const) {
    it(`removes the keys of an earlier connection with more features, ${how}`, async () => {
      await connect({ [KEY.featureRxCopy]: '1' });
      const fresh = await keys();
      for (const features of [RICH, { [KEY.featureRxCopy]: '1' }]) {
        await step(dom0, STATE.closed, STATE.closed);
        await again();
        await connect(features);
      }
      expect(await keys()).to.deep.equal(fresh);
      expect(fresh).to.include.members(SINGLE_QUEUE);
    });
  }

  it('removes event-channel from a queue that has two event channels now', async () => {
    await connect({ ...RICH, [KEY.featureSplitEventChannels]: '0', [KEY.featureStagingGrants]: '0' });
    expect(await keys('/queue-0')).to.deep.equal(SINGLE_QUEUE);
    await step(dom0, STATE.closed, STATE.closed);
    await connect(RICH);
    for (const queue of ['/queue-0', '/queue-1']) expect(await keys(queue)).to.deep.equal(SPLIT_QUEUE);
  });
});
