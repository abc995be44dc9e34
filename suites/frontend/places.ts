/** netif.h, "Guest receive": each odd response, in each place of a packet. */
import type { RxShape } from '../../harness/peer/backend-rx.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import { KEY, RSP, RXF } from '../../harness/protocol/netif.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { countLost, expectSomeArrive } from '../support/losses.js';
import { countMisled, LURE, ROUNDS } from './pieces.js';
import { hasBuffers, survives } from './verbs.js';

const { test, tests } = frontendChapter('places');
export const places = tests;

const HOSTILE = { gate: KEY.featureSg, fresh: true, reflector: 'icmp', destructive: true } as const;
const FRAGMENTS = [300, 200, 250];

const withStatus =
  (status: number): NonNullable<RxShape['alter']> =>
  (response) => ({ ...response, status });

test('empty', 'drops nothing after a packet whose first, second or last fragment is empty', HOSTILE, async (t) => {
  const vif = await t.fresh();
  const length = FRAGMENTS.reduce((sum, bytes) => sum + bytes) - PING_HEADERS;
  for (const at of FRAGMENTS.keys()) {
    const alter: RxShape['alter'] = (response, n) => (n === at ? { ...response, status: 0 } : response);
    const shape = { fragments: FRAGMENTS, alter };
    await hasBuffers(t, vif, FRAGMENTS.length + 1);
    const lost = await countLost(ROUNDS, async () => {
      await vif.deliver(vif.pingFrame(length).frame, shape);
      return vif.ping({ tries: 1 });
    });
    // A stack may lose a ping, but not each of these.
    await t.check('RXW-13', () => expectSomeArrive(lost, ROUNDS));
  }
  await survives(t, 'RXW-13', vif);
});

test('extra-after', 'reads no response in the extra of a packet that is empty or dropped', HOSTILE, async (t) => {
  const vif = await t.fresh();
  for (const status of [0, RSP.dropped]) {
    const lost = await countMisled(t, vif, 3, () => {
      vif.queue.rx.enqueue(vif.pingFrame().frame, { flags: RXF.extraInfo, alter: withStatus(status) });
      vif.queue.rx.putExtraBytes(LURE);
    });
    await t.check('RXW-16', () => expectSomeArrive(lost, ROUNDS));
  }
  await survives(t, 'RXW-16', vif);
});
