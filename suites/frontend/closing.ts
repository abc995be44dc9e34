/** xenbus.h, states: frontends that close while they have work out. */
import { expect } from 'chai';
import { STATE_MS } from '../../harness/peer/xenbus-end.js';
import { sameBytes } from '../../harness/bytes/bytes.js';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { GSO_TYPE, KEY, RX_BLANK, RXF } from '../../harness/protocol/netif.js';
import { slotOffset } from '../../harness/protocol/ring.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { demanded } from '../../harness/xen/wait.js';
import { gsoOf, LARGE, throughLarge } from '../support/large-packets.js';
import { arrives, countLost, expectSomeArrive, sendUntilArrival } from '../support/losses.js';
import {
  followsBack,
  goOffline,
  hasBuffers,
  othersSurvive,
  readable,
  respondTo,
  saysBlank,
  seenByFrontend,
  withhold,
} from './verbs.js';

const { test, tests } = frontendChapter('closing');
export const closing = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const HALF = { ...PING, gate: KEY.featureSg } as const;
const BRIDGE = { fresh: true, gate: KEY.featureGsoTcpv4, needs: 'bridge' } as const;
const RECONNECTIONS = 3;
/** Large packets without a response. */
const AT_ONCE = 4;
/** Offers all that a frontend may use when it sends, and then nothing of it. */
const RICH = { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' };
const POOR = { [KEY.featureSg]: undefined, [KEY.featureGsoTcpv4]: undefined, [KEY.featureNoCsumOffload]: '1' };
const { closing: isClosing, closed } = XENBUS_STATE;

test('unanswered', 'closes with requests that got no response', PING, async (t) => {
  const vif = await t.fresh();
  await withhold(t, vif, 24);
  await goOffline(vif, isClosing);
  await t.check('XB-15', () => vif.awaitState([closed]));
  await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
});

test('answered-late', 'closes while responses to its requests arrive', PING, async (t) => {
  const vif = await t.fresh();
  const packets = await withhold(t, vif, 24);
  await goOffline(vif, isClosing);
  respondTo(vif, packets);
  await t.check('XB-15', () => vif.awaitState([closed]));
  await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
});

test('unanswered-at-once', 'survives a backend that goes to Closed with requests in its ring', PING, async (t) => {
  const vif = await t.fresh();
  await withhold(t, vif, 24);
  await goOffline(vif, closed);
  await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
});

test('while-receiving', 'closes while packets arrive', PING, async (t) => {
  const vif = await t.fresh();
  await vif.buffers(1);
  while (vif.queue.rx.buffers.length > 0) vif.queue.rx.enqueue(vif.quietFrame());
  vif.queue.pushRx();
  await goOffline(vif, isClosing);
  await t.check('XB-15', () => vif.awaitState([closed]));
  await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
});

test('half-received', 'takes over nothing from a packet that was incomplete when it closed', HALF, async (t) => {
  const vif = await t.fresh();
  // The first packet after each close is sent once, because a stale part would spoil that one only.
  const lostAfter = async (half: () => Promise<unknown>): Promise<number> => {
    let lost = 0;
    for (let n = 0; n < RECONNECTIONS; n++) {
      await half();
      await followsBack(t, vif, {}, () => Promise.resolve());
      lost += await countLost(1, () => vif.ping({ tries: 1 }));
    }
    return lost;
  };
  // A guest may forget the address of an interface that closes.
  const usual = await lostAfter(() => Promise.resolve());
  if (usual > 0) t.skip('the guest does not reply to each ping right after it has connected again');
  const lost = await lostAfter(async () => {
    await hasBuffers(t, vif, 2);
    vif.queue.rx.enqueue(vif.pingFrame(600).frame.subarray(0, 300), { flags: RXF.moreData });
    vif.queue.pushRx();
    await seenByFrontend(vif);
  });
  await t.check('RXW-15', () => expectSomeArrive(lost, RECONNECTIONS));
});

test(
  'larger-in-flight',
  'sends nothing that its next backend does not accept after it closed with such packets in flight',
  BRIDGE,
  async (t) => {
    const [from, to] = await t.bridged(BACKEND_KEYS, RICH);
    await hasBuffers(t, from, Math.ceil(LARGE / PAGE_SIZE) + 2);
    for (const { tx } of to.queues) tx.respond = false;
    const blank = RX_BLANK;
    const isOut = (): Promise<boolean> => arrives(throughLarge(from, to, blank, GSO_TYPE.tcpv4, LARGE));
    let count = 0;
    while (count < AT_ONCE && (await isOut())) count++;
    if (count === 0) t.skip('no large packet leaves the bridge');
    // A frontend may send again what got no response, in a form that suits the new backend.
    await followsBack(t, to, POOR, () => Promise.resolve());
    await t.bridge([from, to]);
    const frame = from.frameTo(to.link.peer.mac);
    const arrival = to.receive.bind(to, 'packet through the bridge', (each) => sameBytes(each.frame, frame));
    const last = await demanded(
      ['TXW-17'],
      sendUntilArrival(() => from.send(frame), arrival),
    );
    const sent = [...to.received, last];
    await t.check('GSO-01', () => expect(sent.filter(gsoOf).length, 'packets with a GSO extra').to.equal(0));
    await t.check('TXW-32', () =>
      expect(Math.max(...sent.map(({ requests }) => requests.length)), 'slots of a packet').to.equal(1),
    );
    await t.check('CSUM-15', () => expect(sent.filter(saysBlank).length, 'blank checksums').to.equal(0));
  },
);

test('still-mapped', 'closes while the backend has its rings mapped, and survives that', PING, async (t) => {
  const vif = await t.fresh();
  await goOffline(vif, isClosing);
  await t.check('XB-15', () => vif.awaitState([closed]));
  // The peer unmaps them when it is unplugged.
  await othersSurvive(t, 'ROB-02', await t.connect(), [vif]);
});

test(
  'ring-pages',
  'writes nothing else to the pages of its rings while the backend has them mapped',
  PING,
  async (t) => {
    const vif = await t.fresh();
    const areas = [vif.queue.tx.ring, vif.queue.rx.ring].map(({ page, layout }) => {
      const at = slotOffset(layout, layout.size - 1) + layout.slotBytes;
      return { page, at, length: PAGE_SIZE - at };
    });
    for (const { page, at, length } of areas) page.copyIn(at, new Uint8Array(length).fill(0xa5));
    await goOffline(vif, isClosing);
    await arrives(vif.awaitState([closed]));
    // A page that is used again is used for another vif first.
    await t.check('ROB-02', async () => (await t.fresh()).ping());
    await t.check('GNT-03', () => {
      for (const { page, at, length } of areas) {
        // A frontend may clear a page before it lets go of it.
        if (page.copyOut(0, PAGE_SIZE).every((byte) => byte === 0)) continue;
        const changed = page.copyOut(at, length).filter((byte) => byte !== 0xa5).length;
        expect(changed, 'bytes after the slots of a ring that changed').to.equal(0);
      }
    });
  },
);

test('ends-grants', 'has ended its grants when its device is gone', PING, async (t) => {
  const vif = await t.fresh();
  await vif.buffers(1);
  const refs = [
    Number(await vif.otherKey(KEY.txRingRef)),
    Number(await vif.otherKey(KEY.rxRingRef)),
    ...vif.queue.rx.buffers.map(({ gref }) => gref),
  ];
  await t.unplug(vif);
  // Without traffic on another vif, the guest gives none of these references to another page.
  const open = (): number => refs.filter((ref) => readable(t, vif, ref)).length;
  await t.check('XB-15', () => vif.context.patience.until('end of all grants', () => open() === 0, { ms: STATE_MS }));
});

test('gone-with-traffic', 'survives the removal of the backend directory under traffic', PING, async (t) => {
  const vif = await t.fresh();
  await withhold(t, vif, 24);
  await t.domain.store.remove(vif.path);
  await t.domain.store.remove(vif.otherPath);
  vif.release();
  await t.check('ROB-02', async () => (await t.fresh()).ping());
});
