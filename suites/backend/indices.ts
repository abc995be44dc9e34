/** ring.h: only the frontend initializes a ring, so a backend attaches to indices that do not start at 0. */
import { expect } from 'chai';
import { CTRL_TYPE, KEY } from '../../harness/protocol/netif.js';
import { backendChapter } from '../../harness/run/suite.js';
import { attachesToUsed, goesToConnected, waiting } from './connection-verbs.js';
import { succeeds } from './verbs.js';

const { test, tests } = backendChapter('indices');
export const indices = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;

/** First indices of rings: inside the ring, after it, and before the end of the numbers. */
const STARTS = [1, 200, 0x7fffffff, 0xfffffff0];
/** Control requests in one push, and more of them than the control ring has slots. */
const BATCH = 8;
const BATCHES = 20;

test('requests', 'serves requests that wait in a ring whose indices do not start at 0', { fresh: true }, async (t) => {
  await attachesToUsed(t);
  for (const start of STARTS) {
    const vif = await waiting(t);
    await vif.publish({ start });
    const slots = [1, 2, 3].flatMap(() => vif.queue.tx.enqueue(vif.quietFrame()));
    vif.queue.pushTx();
    await goesToConnected(vif);
    // Without waiting requests such a ring works, so whatever goes wrong now comes from them.
    const served = await succeeds(async () => {
      // A backend may wait until its own network interface is up.
      await t.configure(vif);
      await vif.answered(slots);
    });
    await t.check('RING-03', () => expect(served, `responses to requests from index ${start}`).to.equal(true));
  }
});

test('end-of-16-bits', 'passes packets across the end of 16 bits of its indices', PING, async (t) => {
  await attachesToUsed(t);
  const vif = await t.plug();
  await vif.connect({ start: 0xfffe });
  const works = await succeeds(async () => {
    await t.configure(vif);
    for (let n = 0; n < 4; n++) await vif.ping();
  });
  await t.check('RING-04', () => expect(works, 'pings across the end of 16 bits').to.equal(true));
});

test(
  'messages',
  'serves a control ring whose indices do not start at 0',
  { gate: KEY.featureCtrlRing, fresh: true },
  async (t) => {
    await attachesToUsed(t);
    for (const start of STARTS) {
      const vif = await waiting(t);
      await vif.publish({ control: true, start });
      const put = (): ReturnType<typeof vif.control.put> => vif.control.put(CTRL_TYPE.getHashMappingSize);
      const first = put();
      vif.control.push();
      await goesToConnected(vif);
      await t.check('RING-03', async () => {
        await vif.replied([first]);
        for (let n = 0; n < BATCHES; n++) {
          const messages = Array.from({ length: BATCH }, put);
          vif.control.push();
          await vif.replied(messages);
        }
      });
    }
  },
);
