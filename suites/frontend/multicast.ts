/** netif.h, "feature-multicast-control" and "feature-dynamic-multicast-control". */
import { expect } from 'chai';
import { demanded } from '../../harness/xen/wait.js';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { KEY, RSP } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { rspName } from '../support/statuses.js';
import { arrives } from '../support/losses.js';
import { awaitSettled, happens, publishing, respondTo, SOON_MS, stillPasses } from './verbs.js';

const { test, tests } = frontendChapter('multicast');
export const multicast = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const { connected } = XENBUS_STATE;
/** A frontend may send its multicast requests on any of its queues. */
const OFFERED = { ...BACKEND_KEYS, [KEY.featureMulticastControl]: '1', [KEY.multiQueueMaxQueues]: '3' };

test('not-offered', 'sends no multicast extra to a backend without multicast control', PING, async (t) => {
  for (const keys of [{}, { [KEY.featureMulticastControl]: '0', [KEY.featureDynamicMulticastControl]: '0' }]) {
    const vif = await t.fresh({ ...BACKEND_KEYS, ...keys });
    await awaitSettled(t, vif);
    await t.check('MCAST-18', () => {
      const types = vif.received.flatMap((packet) => packet.extras.map(({ type }) => type));
      expect(types, 'types of extras').not.to.include.oneOf(['mcast-add', 'mcast-del']);
    });
  }
});

test('request', 'requests a filter before it is connected, or not at all', PING, async (t) => {
  const vif = await t.plug(OFFERED);
  await vif.connect();
  const early = vif.published[KEY.requestMulticastControl];
  await awaitSettled(t, vif);
  const request = (): Promise<string | undefined> => vif.otherKey(KEY.requestMulticastControl);
  // A request that comes later than this is not seen.
  await arrives(vif.until('request for a filter', request, { ms: SOON_MS }));
  const late = await request();
  await t.check('MCAST-02', () => expect(late, KEY.requestMulticastControl).to.be.oneOf([undefined, '0', '1']));
  if ((late ?? '0') === '0') t.skip('the frontend requests no filter');
  await t.check('MCAST-03', () => expect(early, `${KEY.requestMulticastControl} at Connected`).to.equal(late));
});

for (const [name, status] of Object.entries({ error: RSP.error, dropped: RSP.dropped })) {
  test(
    `refused-${name}`,
    `continues when its multicast requests get the status ${rspName(status)}`,
    PING,
    async (t) => {
      const vif = await publishing(t, OFFERED);
      if ((await vif.otherKey(KEY.requestMulticastControl)) !== '1') t.skip('the frontend requests no filter');
      await vif.mapRings();
      for (const { tx } of vif.queues) tx.respond = false;
      // These have their responses.
      vif.received.length = 0;
      await vif.setState(connected);
      await demanded(['XB-08'], vif.awaitState([connected]));
      const isDummy = (): boolean =>
        vif.received.some(({ extras }) => extras.some(({ type }) => type.startsWith('mcast')));
      if (!(await happens(vif, 'multicast extra', isDummy))) t.skip('the frontend changes no filter list');
      respondTo(vif, vif.received.splice(0), status);
      await t.check('TXW-17', () => t.configure(vif));
      await stillPasses(t, 'TXW-17', vif);
    },
  );
}
