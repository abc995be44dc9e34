/** netif.h, "Control ring": responses that do not belong to a request, and backends with little room. */
import { expect } from 'chai';
import { agree, type Answer, type BackendControl } from '../../harness/peer/backend-control.js';
import type { BackendPeer } from '../../harness/peer/backend.js';
import type { CtrlRequest } from '../../harness/protocol/ctrl.js';
import { CTRL_STATUS, CTRL_TYPE, HASH_FLAG, KEY } from '../../harness/protocol/netif.js';
import { RING_OFFSET } from '../../harness/protocol/ring.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { noise } from '../support/noise.js';
import { controlled, OFFERED } from './control-verbs.js';
import { awaitSettled, happens, othersSurvive, stillPasses } from './verbs.js';

const { test, tests } = frontendChapter('unmatched');
export const unmatched = tests;

const PING = { fresh: true, reflector: 'icmp' } as const;
const HOSTILE = { ...PING, destructive: true } as const;
/** Entries that a backend may have room for: fewer than a frontend with three queues wants, or as many. */
const ROOMS = [1, 2, 3];
/** An id with other high bits than those of a request. */
const OTHER_BITS = 0x0100;

/** What a frontend asks for, a value that it would hardly choose by itself, and the message that passes the value on. */
const REPORTED = [
  { asks: CTRL_TYPE.getHashFlags, value: HASH_FLAG.ipv6Tcp, passes: CTRL_TYPE.setHashFlags, word: 0 },
  { asks: CTRL_TYPE.getGrefMappingSize, value: 7, passes: CTRL_TYPE.addGrefMapping, word: 2 },
] as const;

/** Spoils a control ring. */
const SPOILS: readonly ((ring: BackendControl['ring']) => void)[] = [
  ({ page, layout, rspProdPvt }) => page.store32(RING_OFFSET.rspProd, (rspProdPvt + 2 * layout.size) >>> 0),
  ({ page, layout, reqCons }) => {
    page.copyIn(RING_OFFSET.slots, noise(1, layout.size * layout.slotBytes));
    page.store32(RING_OFFSET.rspProd, reqCons);
  },
];

test('spoiled', 'survives false indices and random responses of the control ring', HOSTILE, async (t) => {
  const other = await t.connect();
  const attacked: Awaited<ReturnType<typeof controlled>>[] = [];
  while (attacked.length < SPOILS.length) attacked.push(await controlled(t, () => undefined));
  attacked.forEach(({ vif, ring }, n) => {
    // What the frontend makes of its control ring breaks no requirement of its own.
    vif.monitor.lookAway();
    SPOILS[n]?.(ring.ring);
    t.domain.events.notify(ring.port);
  });
  await othersSurvive(
    t,
    'ROB-02',
    other,
    attacked.map(({ vif }) => vif),
  );
});

test('similar-id', 'uses no response whose id differs from that of its request in the high bits', PING, async (t) => {
  let asked = 0;
  for (const { asks, value, passes, word } of REPORTED) {
    const { vif, ring } = await controlled(t, (request) => (request.type === asks ? undefined : agree(request)));
    const requests = (): CtrlRequest[] => ring.requestsOf(asks);
    if (!(await happens(vif, 'request', () => requests().length > 0)) || ring.requestsOf(passes).length > 0) continue;
    asked++;
    for (const request of requests()) ring.respond(withOtherId(request, ring), { ...agree(request), data: value });
    ring.push();
    await happens(vif, 'use of the response', () => ring.requestsOf(passes).length > 0);
    const values = ring.requestsOf(passes).map(({ data }) => data[word]);
    await t.check('CTRL-24', () => expect(values, 'values of later requests').to.not.include(value));
    await stillPasses(t, 'CTRL-24', vif);
  }
  if (asked === 0) t.skip('the frontend asks for nothing that it uses');
});

test('little-room', 'asks a backend for no more than it has room for', PING, async (t) => {
  const vifs: { vif: BackendPeer; ring: BackendControl; room: number }[] = [];
  for (const room of ROOMS) {
    const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '3' });
    vif.answer = (request) => withRoom(request, room);
    await vif.connect();
    await t.configure(vif);
    vifs.push({ vif, ring: vif.control ?? t.skip('the frontend provides no control ring'), room });
  }
  for (const { vif } of vifs.slice(-1)) await awaitSettled(t, vif);
  for (const { vif, ring, room } of vifs) {
    // A frontend that does not ask leaves it to the backend to refuse.
    const largest = (asks: number, type: number, word: 0 | 2): number =>
      ring.requestsOf(asks).length === 0 ? 0 : Math.max(0, ...ring.requestsOf(type).map(({ data }) => data[word]));
    await t.check('HASH-43', () => {
      const size = largest(CTRL_TYPE.getHashMappingSize, CTRL_TYPE.setHashMappingSize, 0);
      expect(size, 'entries of the mapping table').to.be.at.most(room);
    });
    await t.check('GREF-32', () => {
      const count = largest(CTRL_TYPE.getGrefMappingSize, CTRL_TYPE.addGrefMapping, 2);
      expect(count, 'grants of a list').to.be.at.most(room);
    });
    await stillPasses(t, 'CTRL-22', vif);
  }
});

/** A request with another id, which no request has. */
function withOtherId(request: CtrlRequest, { requests }: BackendControl): CtrlRequest {
  const ids = [1, 2, 3].map((factor) => request.id ^ (factor * OTHER_BITS));
  const id = ids.find((each) => requests.every((other) => other.id !== each));
  return { ...request, id: id ?? request.id ^ OTHER_BITS };
}

/** The response of a backend with room for `room` entries of its mapping table, and for as many grants of each queue. */
function withRoom(request: CtrlRequest, room: number): Answer {
  const { getHashMappingSize, getGrefMappingSize, setHashMappingSize } = CTRL_TYPE;
  const { type, data } = request;
  if (type === setHashMappingSize && data[0] > room) return { status: CTRL_STATUS.invalidParameter, data: 0 };
  const isSize = type === getHashMappingSize || type === getGrefMappingSize;
  return isSize ? { status: CTRL_STATUS.success, data: room } : agree(request);
}
