/** netif.h, "feature-multicast-control" and "feature-dynamic-multicast-control". */
import { expect } from 'chai';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { KEY } from '../../harness/protocol/netif.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { awaitSettled } from './verbs.js';

const { test, tests } = frontendChapter('multicast');
export const multicast = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const OFFERED = { ...BACKEND_KEYS, [KEY.featureMulticastControl]: '1' };

test('not-offered', 'sends no multicast extra to a backend without multicast control', PING, async (t) => {
  const vif = await t.fresh();
  await awaitSettled(t, vif);
  await t.check('MCAST-18', () => {
    const extras = vif.received.flatMap((packet) => packet.extras).filter(({ type }) => type.startsWith('mcast'));
    expect(extras).to.deep.equal([]);
  });
});

test('request', 'asks for a filter before it is connected, or not at all', PING, async (t) => {
  const vif = await t.plug(OFFERED);
  await vif.connect();
  const early = vif.published[KEY.requestMulticastControl];
  await awaitSettled(t, vif);
  const late = await vif.otherKey(KEY.requestMulticastControl);
  await t.check('MCAST-02', () => expect(late).to.be.oneOf([undefined, '0', '1']));
  if (late === undefined) t.skip('the frontend asks for no filter');
  await t.check('MCAST-03', () => expect(early, `${KEY.requestMulticastControl} at Connected`).to.equal(late));
});
