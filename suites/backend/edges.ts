/** ring.h and netif.h at their edges: each event index inside a packet, the last index of a ring, the last byte of a page. */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { CTRL_TYPE, GSO_TYPE, KEY, RSP } from '../../harness/protocol/netif.js';
import { advance, distance, TX_RING } from '../../harness/protocol/ring.js';
import type { FrontRing } from '../../harness/protocol/shared-ring.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { PAGE_SIZE, type Port } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import { LARGE, largeFrame } from '../support/large-packets.js';
import { arrives, sendUntilArrival } from '../support/losses.js';
import { expectRsp } from '../support/statuses.js';
import { goesToConnected, waiting } from './connection-verbs.js';
import { statuses } from './refusal-verbs.js';
import { inOrder, LARGE_SHAPE } from './verbs.js';

const { test, tests } = backendChapter('edges');
export const edges = tests;

const FRESH = { gate: KEY.featureSg, fresh: true } as const;

/** The number of responses that the peer has not read. */
const unread = (ring: FrontRing): number => distance(ring.rspCons, ring.indices().rspProd);

/**
 * Sets the event index to the `place`-th response that comes next, lets `send` cause at least that many, and checks that
 * their event arrives. The peer reads nothing before.
 */
async function expectEventAt(
  t: BackendTest,
  vif: FrontendPeer,
  [ring, port]: readonly [FrontRing, Port],
  place: number,
  send: () => void,
): Promise<void> {
  vif.queue.deaf = true;
  ring.setRspEvent(advance(ring.rspCons, place));
  const before = vif.context.pump.count(port);
  // A packet of the guest's own came before the index was set: then no event may be due.
  const isLate = unread(ring) > 0;
  await sendUntilArrival(
    () => Promise.resolve(send()),
    () =>
      demanded(
        ['RING-09'],
        vif.until(`${place} responses`, () => unread(ring) >= place),
      ),
  );
  const event = (): Promise<unknown> =>
    vif.until(`event for response ${place}`, () => vif.context.pump.count(port) > before);
  if (!isLate) await t.check('NOTIFY-02', event);
  vif.queue.deaf = false;
  vif.queue.service();
}

test('tx-events', 'notifies whichever response of a packet of four slots the event index is at', FRESH, async (t) => {
  const vif = await t.fresh();
  const { tx, txPort } = vif.queue;
  for (const place of [1, 2, 3, 4]) {
    await expectEventAt(t, vif, [tx.ring, txPort], place, () => {
      tx.enqueue(vif.quietFrame(400), { fragments: [100, 100, 100, 100] });
      vif.queue.pushTx();
    });
  }
});

test(
  'extra-events',
  'notifies whichever response of a packet with an extra the event index is at',
  { gate: KEY.featureMulticastControl, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const { tx, txPort } = vif.queue;
    const address = Uint8Array.of(0x01, 0x00, 0x5e, 0x7f, 0x6e, 1);
    for (const place of [1, 2]) {
      await expectEventAt(t, vif, [tx.ring, txPort], place, () => {
        tx.enqueue(vif.quietFrame(), { extras: [{ type: 'mcast-del', flags: 0, address }] });
        vif.queue.pushTx();
      });
    }
  },
);

test(
  'rx-events',
  'notifies whichever slot of a large packet the event index of the rx ring is at',
  { gate: KEY.featureGsoTcpv4, fresh: true, needs: 'bridge' },
  async (t) => {
    const [from, to] = await t.bridged({}, { keys: { [KEY.featureGsoTcpv4]: '1' } });
    const { rx, rxPort } = to.queue;
    for (const place of [1, 2, 3, 4]) {
      await expectEventAt(t, to, [rx.ring, rxPort], place, () => {
        from.queue.tx.enqueue(largeFrame(from.link.peer, to.link.peer, LARGE, GSO_TYPE.tcpv4), LARGE_SHAPE);
        from.queue.pushTx();
      });
    }
  },
);

test(
  'control-wrap',
  'serves the control ring when its indices wrap at 2^32',
  { gate: KEY.featureCtrlRing, fresh: true },
  async (t) => {
    const vif = await waiting(t);
    await vif.publish({ control: true });
    const { control } = vif;
    control.ring.init(0xffffffc0);
    await goesToConnected(vif);
    // ring.h also allows the backend to attach at index 0: then the ring looks overfull.
    if (!(await arrives(control.ask(CTRL_TYPE.getHashMappingSize))))
      t.skip('the backend attaches at index 0, not at the current rsp_prod');
    await t.check(['RING-04', 'NOTIFY-06'], async () => {
      for (let n = 0; n < 150; n++) await control.ask(CTRL_TYPE.getHashMappingSize);
      expect(control.ring.indices().rspProd, 'rsp_prod past the wrap').to.be.below(0x1000);
    });
  },
);

test('last-byte', 'reads a fragment that is the last byte of its page', { ...FRESH, reflector: 'icmp' }, async (t) => {
  const vif = await t.fresh();
  await t.check('TXW-02', async () => {
    for (const fragments of [
      [100, 1],
      [100, 1, 50],
    ]) {
      const length = fragments.reduce((sum, each) => sum + each, -PING_HEADERS);
      await vif.ping({ length, shape: { fragments, offset: fragments.map((size) => PAGE_SIZE - size) } });
    }
  });
});

test(
  'extra-in-slot-0',
  'reads an extra in the first slot of the ring, after a request in the last',
  { gate: KEY.featureMulticastControl, fresh: true },
  async (t) => {
    const vif = await t.fresh();
    const { ring } = vif.queue.tx;
    const address = Uint8Array.of(0x01, 0x00, 0x5e, 0x7f, 0x6e, 1);
    const usual = statuses(await vif.changeGroups('mcast-del', address));
    while (ring.reqProdPvt % TX_RING.size !== TX_RING.size - 1) await vif.transmit(vif.quietFrame());
    const across = statuses(await vif.changeGroups('mcast-del', address));
    await t.check('RING-01', () => {
      for (const [n, status] of usual.entries()) expectRsp(across[n], status ?? RSP.okay, `slot ${n}`);
    });
  },
);

test(
  'order',
  'forwards packets of one slot and of several in the order in which they were sent',
  { ...FRESH, needs: 'bridge' },
  async (t) => {
    const [from, to] = await t.bridged();
    const frames = Array.from({ length: 16 }, () => from.frameTo(to.link.peer.mac));
    for (const [n, frame] of frames.entries())
      from.queue.tx.enqueue(frame, n % 2 === 0 ? { fragments: [30, 20, frame.length - 50] } : {});
    from.queue.pushTx();
    await inOrder(t, 'TXW-30', [from, to], frames);
  },
);
