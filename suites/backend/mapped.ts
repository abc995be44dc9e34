/** netif.h, "Static Grants": the table of mapped grants at its bounds, on every queue, and packets in mapped grants. */
import { expect } from 'chai';
import { encodeGrefList } from '../../harness/protocol/gref.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  GREF_FLAG,
  GREF_LIST_MAX,
  GSO_TYPE,
  KEY,
  RSP,
  TX_BLANK,
} from '../../harness/protocol/netif.js';
import { backendChapter } from '../../harness/run/suite.js';
import { all } from '../../harness/xen/wait.js';
import { LARGE, throughLarge } from '../support/large-packets.js';
import { ctrlStatusName, expectCtrl, expectEntries, expectRsp } from '../support/statuses.js';
import { add, entries, entry, mapping, pingsAtOffsets, statusesOf } from './gref-verbs.js';
import { queuesOffered, reconnect } from './connection-verbs.js';
import { statuses, stillPasses } from './refusal-verbs.js';
import { BAD_REF } from './verbs.js';

const { test, tests } = backendChapter('mapped');
export const mapped = tests;

const { success, invalidParameter } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const PING = { ...CONTROL, reflector: 'icmp' } as const;
const MOST_QUEUES = 4;

test('list-sizes', 'removes as many entries as a list has', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const most = Math.min(size, GREF_LIST_MAX);
  const { ref } = entries(control, most);
  for (const count of [1, 2, 255, 256, 257, most - 1, most].filter((each) => each > 0 && each <= most)) {
    const { status } = await control.ask(CTRL_TYPE.addGrefMapping, 0, ref, count);
    if (status !== success) {
      t.info(`status ${ctrlStatusName(status)} for a list of ${count} entries`);
      continue;
    }
    await t.check('GREF-20', async () => {
      const { data } = await control.ask(CTRL_TYPE.delGrefMapping, 0, ref, count);
      expect(data, `entries removed by a list of ${count}`).to.equal(count);
    });
  }
});

test('any-position', 'adds no entry of a list, wherever its invalid reference is', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const count = Math.min(4, size);
  const list = entries(control, count);
  const good = list.bytes();
  const bad = encodeGrefList([entry(BAD_REF)]);
  for (let at = 0; at < count; at++) {
    list.offer.page.copyIn(0, good);
    list.offer.page.copyIn(at * bad.length, bad);
    await t.check('GREF-12', async () => {
      expectCtrl(
        (await control.addGrefMapping(0, list)).status,
        invalidParameter,
        `ADD with bad entry ${at} of ${count}`,
      );
    });
    await t.check('GREF-09', async () => {
      expect((await control.delGrefMapping(0, list)).data, 'entries that were added').to.equal(0);
    });
  }
});

test('last-room', 'refuses a list that its table has room for in part only', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  if (size > GREF_LIST_MAX) t.skip(`the table has room for ${size} grants, more than this host can grant`);
  if (size > 1) await add(t, control, entries(control, size - 1));
  const [two, one] = [entries(control, 2), entries(control, 1)];
  await t.check('GREF-16', async () => {
    expectCtrl((await control.addGrefMapping(0, two)).status, invalidParameter, 'ADD of 2 entries with room for 1');
  });
  await t.check('GREF-09', async () => {
    expect((await control.delGrefMapping(0, two)).data, 'entries of the refused list').to.equal(0);
  });
  await t.check('GREF-04', async () => {
    expectCtrl((await control.addGrefMapping(0, one)).status, success, `ADD of entry ${size} of ${size}`);
  });
});

test('again', 'has room again for what was removed', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const list = entries(control, Math.min(32, size));
  await add(t, control, list);
  await control.delGrefMapping(0, list);
  // More than any table that this host can fill.
  await t.check(['GREF-04', 'GREF-24'], async () => {
    for (let n = 0; n < 40; n++) {
      expectCtrl((await control.addGrefMapping(0, list)).status, success, `ADD ${n + 2}`);
      await control.delGrefMapping(0, list);
    }
  });
});

test('twice', 'counts a reference once that was added twice', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  await add(t, control, list);
  const { status } = await control.addGrefMapping(0, list);
  t.info(`status ${ctrlStatusName(status)} for a reference that is already mapped`);
  const removed: number[] = [];
  for (let n = 0; n < 2; n++) removed.push((await control.delGrefMapping(0, list)).data);
  await t.check('GREF-30', () => expect(removed, 'entries removed by two DELs').to.deep.equal([1, 0]));
});

test('every-queue', 'has a table for each queue, and serves packets in the grants of each', PING, async (t) => {
  const queues = Math.min(MOST_QUEUES, await queuesOffered(t));
  if (queues < 2) return t.skip('the backend offers only one queue');
  const { control, vif } = await mapping(t, queues);
  for (const { index, tx, rx } of vif.queues) {
    const readonly = tx.prepare(2).map((ref) => entry(ref, GREF_FLAG.readonly));
    const list = control.list([...readonly, ...rx.prepare(2).map((ref) => entry(ref))]);
    const { status } = await control.addGrefMapping(index, list);
    if (status !== success) t.skip(`status ${ctrlStatusName(status)} for a list for queue ${index}`);
    await t.check('GREF-26', async () => {
      await control.delGrefMapping((index + 1) % queues, list);
      expectEntries(statusesOf(list), Array<number>(list.length).fill(invalidParameter));
    });
  }
  for (const queue of vif.queues) {
    queue.post(2);
    await t.check('GREF-27', async () => {
      for (let n = 0; n < 3; n++) await vif.ping({ queue });
    });
  }
});

test('reconnect', 'starts a new connection with an empty table', PING, async (t) => {
  const { control, vif } = await mapping(t);
  await add(t, control, entries(control, 4));
  await reconnect(t, vif, { control: true });
  // These grants may have the references of those that were mapped.
  const list = entries(vif.control, 4);
  await t.check('GREF-29', async () => {
    expect((await vif.control.delGrefMapping(0, list)).data, 'entries left of the connection before').to.equal(0);
    expectCtrl((await vif.control.addGrefMapping(0, list)).status, success, 'ADD');
  });
});

test('odd-references', 'survives references to its rings, to the list and to no grant', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const { tx, rx } = vif.queue;
  for (const ref of [0, tx.ringRef, rx.ringRef, control.ringRef]) {
    const list = control.list([entry(ref)]);
    await t.check('GREF-27', async () => {
      const { status } = await control.addGrefMapping(0, list);
      expectCtrl(status, [success, invalidParameter], `ADD of reference ${ref}`);
      await control.delGrefMapping(0, list);
      await vif.ping();
    });
  }
  const own = control.list([entry(0)]);
  own.offer.page.copyIn(0, encodeGrefList([entry(own.ref)]));
  await control.addGrefMapping(0, own);
  await control.delGrefMapping(0, own);
  await stillPasses(t, 'GREF-27', vif);
});

test('read-only-list', 'responds to a DEL whose list it cannot write', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = entries(control, 2);
  await add(t, control, list);
  const page = control.offer('read-only', list.bytes());
  await t.check('CTRL-07', async () => {
    const { status, data } = await control.ask(CTRL_TYPE.delGrefMapping, 0, page.ref, list.length);
    t.info(`status ${ctrlStatusName(status)} and ${data} entries removed`);
  });
  await stillPasses(t, 'GREF-27', vif);
});

test('in-flight', 'sends a packet whose page is removed from the table meanwhile', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = control.list(vif.queue.tx.prepare(1).map((ref) => entry(ref, GREF_FLAG.readonly)));
  const rounds = t.rounds(10);
  for (let round = 0; round < rounds; round++) {
    await add(t, control, list);
    const slots = vif.queue.tx.enqueue(vif.pingFrame().frame);
    const removal = control.put(CTRL_TYPE.delGrefMapping, 0, list.ref, list.length);
    control.push();
    vif.queue.pushTx();
    await t.check('GREF-25', async () => {
      await all([vif.answered(slots), vif.replied([removal])]);
      expectRsp(statuses(slots)[0], [RSP.okay, RSP.dropped], 'the packet');
    });
    // An entry that is in use may be left in the table.
    if (removal.response?.data !== 1) await control.delGrefMapping(0, list);
  }
  await stillPasses(t, 'GREF-25', vif);
});

test(
  'offsets',
  'reads mapped pages at any offset',
  { ...PING, gate: [KEY.featureCtrlRing, KEY.featureSg] },
  async (t) => {
    const { control, vif } = await mapping(t);
    await add(t, control, control.list(vif.queue.tx.prepare(3).map((ref) => entry(ref, GREF_FLAG.readonly))));
    await t.check('GREF-27', () => pingsAtOffsets(vif));
  },
);

test(
  'large',
  'passes large packets from mapped grants to mapped grants',
  { gate: [KEY.featureCtrlRing, KEY.featureGsoTcpv4], fresh: true, needs: 'bridge' },
  async (t) => {
    const options = { control: true, keys: { [KEY.featureGsoTcpv4]: '1' } };
    const [from, to] = await t.bridged(options, options);
    if ((await to.control.getGrefMappingSize(0)).data < 2) t.skip('the backend does not support gref mapping');
    const tx = from.queue.tx.prepare(2).map((ref) => entry(ref, GREF_FLAG.readonly));
    await add(t, from.control, from.control.list(tx));
    await add(t, to.control, to.control.list(to.queue.rx.prepare(2).map((ref) => entry(ref))));
    to.queue.post(2);
    const flags = TX_BLANK;
    await t.check('GREF-27', async () => {
      // Enough to reach the buffers after those that were posted before.
      for (let n = 0; n < 8; n++) await throughLarge(from, to, flags, GSO_TYPE.tcpv4, LARGE);
    });
  },
);
