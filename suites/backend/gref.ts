/** netif.h, "Static Grants" and the gref messages of "Control messages". */
import { expect } from 'chai';
import type { FrontendControl, GrefList } from '../../harness/peer/frontend-control.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { decodeGrefList, encodeGrefList, type NetifGref } from '../../harness/protocol/gref.js';
import { CTRL_STATUS, CTRL_TYPE, GREF_FLAG, GREF_LIST_MAX, KEY } from '../../harness/protocol/netif.js';
import { backendChapter, type BackendTest } from '../../harness/run/suite.js';
import { grantUses, isRefused, queuesOffered, stillPasses } from './verbs.js';

const { test, tests } = backendChapter('gref');
export const gref = tests;

const { success, notSupported, invalidParameter } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const PING = { ...CONTROL, reflector: 'icmp' } as const;
const OBSERVED = { ...CONTROL, observer: true } as const;
/** No queue has this number. */
const NO_QUEUE = 4096;
const BAD_REF = 0xfffffff0;

test('unsupported', 'answers NOT_SUPPORTED to all three messages, or to none', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  const { status } = await control.getGrefMappingSize(0);
  if (status !== notSupported) t.skip('the backend maps grants');
  await t.check('GREF-01', async () => {
    const list = entries(control, 1);
    expect((await control.addGrefMapping(0, list)).status, 'ADD').to.equal(notSupported);
    expect((await control.delGrefMapping(0, list)).status, 'DEL').to.equal(notSupported);
  });
});

test('size', 'tells the size of the table of each queue', CONTROL, async (t) => {
  const queues = Math.min(2, await queuesOffered(t));
  const { control } = await t.fresh({ control: true, queues });
  if ((await control.getGrefMappingSize(0)).status === notSupported) t.skip('the backend maps no grants');
  for (let queue = 0; queue < queues; queue++) {
    await t.check(['GREF-02', 'GREF-04'], async () => {
      expect((await control.getGrefMappingSize(queue)).status, `queue ${queue}`).to.equal(success);
    });
  }
  await t.check('GREF-03', async () => {
    expect((await control.getGrefMappingSize(NO_QUEUE)).status).to.equal(invalidParameter);
  });
});

test('size-stays', 'tells the same size when grants have been added', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  await add(t, control, entries(control, 3));
  const { data } = await control.getGrefMappingSize(0);
  // The design document speaks of free entries: whoever took it at its word is told so, no more.
  if (data === size - 3) t.info('the size that is told is that of the free part');
  else await t.check('GREF-05', () => expect(data).to.equal(size));
});

test('count', 'reads as many entries as it is told', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 4);
  await t.check('GREF-07', async () => {
    expect((await control.ask(CTRL_TYPE.addGrefMapping, 0, list.ref, 3)).status).to.equal(success);
    const { data } = await control.delGrefMapping(0, list);
    expect({ data, statuses: statusesOf(list) }).to.deep.equal({ data: 3, statuses: [0, 0, 0, invalidParameter] });
  });
});

test('maps', 'has every entry mapped after a success', OBSERVED, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 3);
  await control.addGrefMapping(0, list);
  await t.check('GREF-13', async () => expect(await uses(t, list)).to.deep.equal(['writing', 'writing', 'writing']));
  await control.delGrefMapping(0, list);
  await t.check('GREF-24', async () => expect(await uses(t, list)).to.deep.equal(['unused', 'unused', 'unused']));
});

test('readonly', 'maps an entry with the readonly flag for reading only', OBSERVED, async (t) => {
  const { control } = await mapping(t);
  const page = control.offer('read-only');
  const list = control.list([entry(page.ref, GREF_FLAG.readonly)]);
  await t.check('GREF-14', async () => {
    expect((await control.addGrefMapping(0, list)).status).to.equal(success);
    expect(await uses(t, list)).to.deep.equal(['reading']);
  });
});

test('not-readonly', 'refuses a read-only grant without the flag', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const page = control.offer('read-only');
  await t.check('GREF-14', async () => {
    expect((await control.addGrefMapping(0, control.list([entry(page.ref)]))).status).to.equal(invalidParameter);
  });
});

test('all-or-nothing', 'adds none of a list that has a bad reference', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const good = [control.offer('read-write'), control.offer('read-write')].map(({ ref }) => entry(ref));
  const list = control.list([...good, entry(BAD_REF)]);
  // A reference that was good once; nothing is granted after it, which might get it again.
  const withdrawn = t.domain.grants.offer(control.backend, 'read-write');
  withdrawn.end();
  for (const [requirement, ref, what] of [
    ['GREF-12', withdrawn.ref, 'withdrawn'],
    ['GREF-35', BAD_REF, 'beyond the grant table'],
  ] as const) {
    list.offer.page.copyIn(0, encodeGrefList([...good, entry(ref)]));
    await t.check(requirement, async () => {
      expect((await control.addGrefMapping(0, list)).status, `status with a reference ${what}`).to.equal(
        invalidParameter,
      );
    });
  }
  await control.delGrefMapping(0, list);
  await t.check('GREF-09', () =>
    expect(statusesOf(list)).to.deep.equal(good.map(() => invalidParameter).concat(invalidParameter)),
  );
});

test('status-unused', 'does not look at the status of an entry that is added, nor touch it', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = control.list([{ ...entry(control.offer('read-write').ref), status: 0xbeef }]);
  const { status } = await control.addGrefMapping(0, list);
  await t.check('GREF-10', () => expect(status).to.equal(success));
  await t.check('GREF-11', () => expect(statusesOf(list)).to.deep.equal([0xbeef]));
});

test('undefined-flags', 'refuses undefined flags or passes them over', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const { status } = await control.addGrefMapping(0, control.list([entry(control.offer('read-write').ref, 0x8000)]));
  await t.check('GREF-15', () => expect(status).to.be.oneOf([success, invalidParameter]));
  await stillPasses(t, 'GREF-15', vif);
});

test('room', 'refuses more entries than its table has room for', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  if (size > GREF_LIST_MAX) t.skip(`the table has room for ${size} grants, more than this host gives out`);
  await add(t, control, entries(control, size));
  const more = entries(control, 1);
  await t.check('GREF-16', async () => {
    expect((await control.addGrefMapping(0, more)).status).to.equal(invalidParameter);
    expect((await control.delGrefMapping(0, more)).data, 'entries of the refused list').to.equal(0);
  });
});

test('list-size', 'refuses lists longer than a page', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  for (const type of [CTRL_TYPE.addGrefMapping, CTRL_TYPE.delGrefMapping]) {
    await t.check('GREF-17', async () => {
      expect((await control.ask(type, 0, list.ref, GREF_LIST_MAX + 1)).status).to.equal(invalidParameter);
    });
  }
});

test('empty-list', 'answers a list of no entries', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = control.list([]);
  for (const type of [CTRL_TYPE.addGrefMapping, CTRL_TYPE.delGrefMapping]) {
    await t.check('GREF-18', async () => {
      expect((await control.ask(type, 0, list.ref, 0)).status).to.be.oneOf([success, invalidParameter]);
    });
  }
});

test('no-queue', 'refuses a queue that is not there', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  await t.check('GREF-19', async () => {
    expect((await control.addGrefMapping(NO_QUEUE, list)).status, 'ADD').to.equal(invalidParameter);
    expect((await control.delGrefMapping(NO_QUEUE, list)).status, 'DEL').to.equal(invalidParameter);
  });
});

test('bad-list', 'refuses a list that it can not read', CONTROL, async (t) => {
  const { control } = await mapping(t);
  for (const type of [CTRL_TYPE.addGrefMapping, CTRL_TYPE.delGrefMapping]) {
    await t.check('GREF-36', async () => {
      expect((await control.ask(type, 0, BAD_REF, 1)).status).to.equal(invalidParameter);
    });
  }
});

test('delete', 'tells of each entry whether it was removed, and how many were', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const [a, b, c] = [control.offer('read-write'), control.offer('read-write'), control.offer('read-write')];
  await add(t, control, control.list([entry(a.ref), entry(c.ref)]));
  // The status of each is written, whatever it held.
  const list = control.list([a, b, c].map(({ ref }) => ({ ...entry(ref), status: 0x7777 })));
  const { data } = await control.delGrefMapping(0, list);
  await t.check(['GREF-20', 'GREF-21', 'GREF-22', 'GREF-23'], () => {
    expect(statusesOf(list)).to.deep.equal([success, invalidParameter, success]);
  });
  await t.check('GREF-20', () => expect(data, 'entries removed').to.equal(2));
});

test('delete-twice', 'removes an entry once', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  await control.addGrefMapping(0, list);
  await control.delGrefMapping(0, list);
  const { data } = await control.delGrefMapping(0, list);
  await t.check('GREF-21', () =>
    expect({ data, statuses: statusesOf(list) }).to.deep.equal({
      data: 0,
      statuses: [invalidParameter],
    }),
  );
});

test('in-use', 'unmaps no buffer under a request', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = control.list(vif.queue.rx.prepare(16).map((ref) => entry(ref)));
  await add(t, control, list);
  vif.queue.post(16);
  await control.delGrefMapping(0, list);
  await t.check('GREF-25', async () => {
    // Enough to come to the buffers behind those that were there before.
    for (let n = 0; n < 60; n++) await vif.ping();
  });
});

test('per-queue', 'keeps the grants of one queue from another', CONTROL, async (t) => {
  if ((await queuesOffered(t)) < 2) t.skip('the backend offers one queue');
  const { control } = await mapping(t, 2);
  const list = entries(control, 1);
  await add(t, control, list);
  await control.delGrefMapping(1, list);
  await t.check('GREF-26', () => expect(statusesOf(list), 'by the other queue').to.deep.equal([invalidParameter]));
});

test('traffic', 'passes packets by mapped grants and by others side by side, again and again', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const tx = vif.queue.tx.prepare(2).map((ref) => entry(ref, GREF_FLAG.readonly));
  const rx = vif.queue.rx.prepare(8).map((ref) => entry(ref));
  await add(t, control, control.list([...tx, ...rx]));
  vif.queue.post(8);
  await t.check(['GREF-27', 'GREF-28'], async () => {
    for (let n = 0; n < 60; n++) await vif.ping({ length: 200, shape: { fragments: [60, 100, 82] } });
  });
});

test('after-removal', 'takes a removed grant for an ordinary one', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = control.list(vif.queue.tx.prepare(1).map((ref) => entry(ref, GREF_FLAG.readonly)));
  await add(t, control, list);
  await vif.ping();
  await control.delGrefMapping(0, list);
  await t.check('GREF-24', () => vif.ping());
});

test('closed', 'has unmapped everything when it is Closed', OBSERVED, async (t) => {
  const { control, vif } = await mapping(t);
  const list = entries(control, 4);
  await add(t, control, list);
  const refs = refsOf(list);
  await vif.shut();
  await t.check('GREF-29', async () => expect(await grantUses(t, refs)).to.deep.equal(refs.map(() => 'unused')));
});

test('duplicate', 'refuses a reference that is there already, or counts it once', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const { ref } = control.offer('read-write');
  const list = control.list([entry(ref), entry(ref)]);
  const added = await control.addGrefMapping(0, list);
  const { data } = await control.delGrefMapping(0, list);
  await t.check('GREF-30', () => expect(data, 'entries removed').to.equal(added.status === success ? 1 : 0));
});

test('readonly-receive', 'sends by a readonly grant but receives nothing into it', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = control.list(vif.queue.rx.prepare(1).map((ref) => entry(ref, GREF_FLAG.readonly)));
  await add(t, control, list);
  vif.queue.post(1);
  await t.check('GREF-31', async () => expect(await isRefused(vif), 'a negative status').to.equal(true));
});

const entry = (ref: number, flags = 0): NetifGref => ({ ref, flags, status: 0 });

/** Has a list mapped for queue 0; skips the test if that is refused: whether it may be is for a test of its own. */
async function add(t: BackendTest, control: FrontendControl, list: GrefList): Promise<void> {
  const { status } = await control.addGrefMapping(0, list);
  if (status !== success) t.skip(`the backend answers ${status} to a good list`);
}

/** A list of so many pages, granted for reading and writing. */
function entries(control: FrontendControl, count: number): GrefList {
  return control.list(Array.from({ length: count }, () => entry(control.offer('read-write').ref)));
}

/** A connection to a backend that maps grants, and the size of its table; skips the test for one that doesn't. */
async function mapping(
  t: BackendTest,
  queues = 1,
): Promise<{ vif: FrontendPeer; control: FrontendControl; size: number }> {
  const vif = await t.plug();
  await vif.connect({ control: true, queues });
  const { status, data } = await vif.control.getGrefMappingSize(0);
  if (status !== success || data === 0) t.skip(`the backend maps no grants: it answers ${status}, size ${data}`);
  await t.configure(vif);
  return { vif, control: vif.control, size: data };
}

function read(list: GrefList): NetifGref[] {
  const decoded = decodeGrefList(list.bytes(), list.length);
  return decoded.ok ? decoded.value : [];
}

const statusesOf = (list: GrefList): number[] => read(list).map(({ status }) => status);
const refsOf = (list: GrefList): number[] => read(list).map(({ ref }) => ref);
const uses = (t: BackendTest, list: GrefList): Promise<string[]> => grantUses(t, refsOf(list));
