/** ring.h: only the frontend initializes a ring, so a backend attaches to indices that do not start at 0. */
import { expect } from 'chai';
import { CTRL_TYPE, KEY } from '../../harness/protocol/netif.js';
import { Violation } from '../../harness/peer/violation.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';
import { goesToConnected, skipAtZero, waiting } from './verbs.js';

const { test, tests } = backendChapter('indices');
export const indices = tests;

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
    const served = await works(async () => {
      // A backend may wait until its own network interface is up.
      await t.configure(vif);
      await vif.answered(slots);
    });
    await t.check('RING-03', () => expect(served, `responses to requests from index ${start}`).to.equal(true));
  }
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

/** Skips the test if the backend attaches to rings at index 0 and not at the current index. */
async function attachesToUsed(t: BackendTest): Promise<void> {
  const vif = await t.plug();
  const attaches = await works(async () => {
    // From 0 on this ring is overfull.
    await vif.connect({ start: 0xffffffc0 });
    await t.configure(vif);
    await vif.transmit(vif.quietFrame());
  });
  if (!attaches) await skipAtZero(t, vif);
}

/** Whether a connection works, as opposed to one whose ends are at different indices. */
async function works(use: () => Promise<void>): Promise<boolean> {
  try {
    await use();
    return true;
  } catch (error) {
    if (error instanceof Violation || (error instanceof Expired && !error.inconclusive)) return false;
    throw error;
  }
}
