/** netif.h, "Guest receive": backends whose frontend posts few rx buffers, posts them late, or posts none. */
import { TX_RING } from '../../harness/protocol/ring.js';
import { backendChapter } from '../../harness/run/suite.js';
import { arrives } from '../support/losses.js';
import { refill, seenByBackend, through, useBuffers } from './verbs.js';

const { test, tests } = backendChapter('buffers');
export const buffers = tests;

const FRESH = { fresh: true, reflector: 'icmp' } as const;
const BRIDGE = { fresh: true, needs: 'bridge' } as const;
/** As many frames as a tx ring has slots. */
const MANY = TX_RING.size;

for (const count of [1, 2, 4]) {
  const title = `delivers packets to a frontend that keeps ${count} ${count === 1 ? 'buffer' : 'buffers'} posted`;
  test(`only-${count}`, title, FRESH, async (t) => {
    const vif = await t.plug();
    await vif.connect({ rxBuffers: count });
    await t.check('RXW-31', async () => {
      await t.configure(vif);
      for (let n = 0; n < 10; n++) await vif.ping();
    });
  });
}

test('deaf-receiver', 'survives packets for a frontend that posts no buffers', BRIDGE, async (t) => {
  const [from, to] = await t.bridged({}, { rxBuffers: 0 });
  const slots = Array.from({ length: MANY }, () => from.queue.tx.enqueue(from.frameTo(to.link.peer.mac))).flat();
  from.queue.pushTx();
  await t.check('ROB-01', () => seenByBackend(t));
  await refill(to, 64);
  // A backend may keep requests until their packets are delivered, or respond at once and drop the packets.
  await t.check('RING-09', () => from.answered(slots));
  // It may drop what comes before it has seen the buffers, and what it kept may have used them up.
  await arrives(through(from, to, from.frameTo(to.link.peer.mac)));
  await refill(to, 64);
  await t.check('RXW-27', () => through(from, to, from.frameTo(to.link.peer.mac)));
});

test('starved-again', 'delivers after each of several times without buffers', FRESH, async (t) => {
  const vif = await t.fresh();
  // What is due to the first vif must not go to the youngest one.
  await t.fresh();
  for (let round = 0; round < 3; round++) {
    await useBuffers(vif);
    for (let n = 0; n < 20; n++) await vif.transmit(vif.pingFrame().frame);
    vif.queue.rx.repost = true;
    vif.queue.post(32);
    await t.check('RXW-27', () => vif.ping());
  }
});

test('one-by-one', 'uses buffers that are posted one at a time', FRESH, async (t) => {
  const vif = await t.fresh();
  await useBuffers(vif);
  for (let n = 0; n < 30; n++) vif.queue.post(1);
  vif.queue.rx.repost = true;
  await t.check('RXW-27', () => vif.ping());
});
