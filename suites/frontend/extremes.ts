/** netif.h, "Guest receive": what a frontend sends on if it receives extras and packets at or beyond their bounds. */
import { expect } from 'chai';
import { concat, sameBytes } from '../../harness/bytes/bytes.js';
import { type Host, tcpData } from '../../harness/packet/build.js';
import { noncePayload } from '../../harness/packet/nonce.js';
import { TCP_FLAG } from '../../harness/packet/tcp.js';
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { BackendRx, type RxShape } from '../../harness/peer/backend-rx.js';
import { GSO_TYPE, KEY, MAX_TX_SIZE, NR_SLOTS_MIN, RX_BLANK } from '../../harness/protocol/netif.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { gsoExtra, gsoOf, inSlots, LARGE, largeFrame, LARGEST } from '../support/large-packets.js';
import { arrives, sendUntilArrival } from '../support/losses.js';
import { othersSurvive } from './verbs.js';

const { test, tests } = frontendChapter('extremes');
export const extremes = tests;

const HOSTILE = { gate: KEY.featureGsoTcpv4, fresh: true, reflector: 'icmp', destructive: true } as const;
const BRIDGE = { ...HOSTILE, needs: 'bridge' } as const;
const { tcpv4 } = GSO_TYPE;
/** Bytes of a packet that a guest may have to cut into segments of one byte. */
const SHORT = 1600;
/** TCP flags that few packets have. */
const ODD_FLAGS = TCP_FLAG.ack | TCP_FLAG.urg | TCP_FLAG.ece | TCP_FLAG.cwr;

interface Extreme {
  readonly frame: Uint8Array;
  readonly shape: RxShape;
}

/** Packets with valid and invalid fields of their GSO extra, with more slots than any, and longer than any. */
function extremesOf(from: Host, to: Host): Extreme[] {
  const large = largeFrame(from, to, LARGE, tcpv4);
  const withExtra = (extra: ReturnType<typeof gsoExtra>, frame = large): Extreme => {
    return { frame, shape: { flags: RX_BLANK, extras: [extra] } };
  };
  const flagged = tcpData(from, to, { seq: 1, payload: noncePayload(1, LARGE), checksum: 'blank', flags: ODD_FLAGS });
  const small = tcpData(from, to, { seq: 1, payload: noncePayload(2, 1000) });
  return [
    withExtra(gsoExtra(tcpv4), flagged),
    ...[0, 0xffff].map((size) => withExtra(gsoExtra(tcpv4, { size }))),
    withExtra(gsoExtra(tcpv4, { size: 1 }), largeFrame(from, to, SHORT, tcpv4)),
    ...[0, 3, 0xff].map((type) => withExtra(gsoExtra(type))),
    withExtra(gsoExtra(tcpv4, { features: 0xffff })),
    { frame: small, shape: inSlots(small, NR_SLOTS_MIN + 2) },
    withExtra(gsoExtra(tcpv4), concat(largeFrame(from, to, LARGEST, tcpv4), new Uint8Array(100))),
  ];
}

test('forwarded', 'sends valid packets only, whatever it receives for another vif', BRIDGE, async (t) => {
  const other = await t.connect();
  const [from, to] = await t.bridged(BACKEND_KEYS, { ...BACKEND_KEYS, [KEY.featureGsoTcpv4]: '1' });
  await sendAll(from, extremesOf(from.link.peer, to.link.peer), () => passesOn(from, to));
  const extras = to.received.map(gsoOf).filter((extra) => extra !== undefined);
  await t.check(['GSO-01', 'GSO-05'], () =>
    expect(extras.filter(({ gsoType }) => gsoType !== tcpv4).length, 'extras of another type').to.equal(0),
  );
  await t.check('GSO-04', () => expect(extras.filter(({ size }) => size === 0).length, 'extras of size 0').to.equal(0));
  await t.check(['GSO-09', 'GSO-14'], () =>
    expect(extras.filter(({ features }) => features !== 0).length, 'extras with features').to.equal(0),
  );
  await t.check('SLOT-02', () => {
    for (const { requests } of to.received) expect(requests.length, 'slots').to.be.at.most(NR_SLOTS_MIN);
  });
  await t.check('TXW-03', () => {
    for (const { frame } of to.received) expect(frame.length, 'bytes of a packet').to.be.at.most(MAX_TX_SIZE);
  });
  await othersSurvive(t, 'ROB-02', other, [from, to]);
});

test('received', 'survives extras and packets at or beyond their bounds', HOSTILE, async (t) => {
  const other = await t.connect();
  const vif = await t.fresh();
  await sendAll(vif, extremesOf(vif.link.peer, vif.link.iut), () => vif.ping());
  await othersSurvive(t, 'ROB-02', other, [vif]);
});

/**
 * Sends each packet for which the frontend has buffers, and then `next`: the frontend may drop the packet, but has
 * handled it by then. Stops where nothing comes of that, as a frontend may give up a vif whose backend sends such packets.
 */
async function sendAll(vif: BackendPeer, all: readonly Extreme[], next: () => Promise<unknown>): Promise<void> {
  for (const { frame, shape } of all) {
    if (!(await arrives(vif.buffers(BackendRx.slotsFor(frame, shape))))) continue;
    await vif.send(frame, shape);
    if (!(await arrives(next()))) return;
  }
}

/** Sends a packet of one slot until it leaves the bridge. */
function passesOn(from: BackendPeer, to: BackendPeer): Promise<unknown> {
  const frame = from.frameTo(to.link.peer.mac);
  const arrival = (): Promise<unknown> => to.receive('packet', (each) => sameBytes(each.frame, frame));
  return sendUntilArrival(() => from.send(frame), arrival);
}
