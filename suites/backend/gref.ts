/** netif.h, "Static Grants" and the gref messages of "Control messages". */
import { expect } from 'chai';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { encodeGrefList } from '../../harness/protocol/gref.js';
import { CTRL_STATUS, CTRL_TYPE, GREF_FLAG, GREF_LIST_MAX, KEY } from '../../harness/protocol/netif.js';
import { backendChapter } from '../../harness/run/suite.js';
import { arrives } from '../support/losses.js';
import { ctrlTypeName, expectCtrl, expectEntries } from '../support/statuses.js';
import { add, entries, entry, mapping, noQueues, refsOf, statusesOf, uses } from './gref-verbs.js';
import { closes, queuesOffered } from './connection-verbs.js';
import { stillPasses } from './refusal-verbs.js';
import { accepted, BAD_REF, grantUses, expectRefusedBuffer } from './verbs.js';

const { test, tests } = backendChapter('gref');
export const gref = tests;

const { success, notSupported, invalidParameter } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const PING = { ...CONTROL, reflector: 'icmp' } as const;
const OBSERVED = { ...CONTROL, observer: true } as const;
/** More queues cost the peer pages and the backend threads. */
const MOST_QUEUES = 4;

test('unsupported', 'responds with NOT_SUPPORTED to all three messages or to none of them', CONTROL, async (t) => {
  const { control } = await t.fresh({ control: true });
  const { status } = await control.getGrefMappingSize(0);
  if (status !== notSupported) t.skip('the backend supports gref mapping');
  await t.check('GREF-01', async () => {
    const list = entries(control, 1);
    const { status: added } = await control.addGrefMapping(0, list);
    if (added === success) t.skip('the backend maps grants, but reports no size of its table');
    expectCtrl(added, notSupported, 'ADD');
    expectCtrl((await control.delGrefMapping(0, list)).status, notSupported, 'DEL');
  });
});

test('size', 'reports the size of the mapping table of each queue', CONTROL, async (t) => {
  const queues = Math.min(MOST_QUEUES, await queuesOffered(t));
  const vif = await t.fresh({ control: true, queues });
  const { control } = vif;
  if ((await control.getGrefMappingSize(0)).status === notSupported)
    t.skip('the backend does not support gref mapping');
  for (let queue = 0; queue < queues; queue++) {
    await t.check(['GREF-02', 'GREF-04'], async () => {
      expectCtrl((await control.getGrefMappingSize(queue)).status, success, `GET for queue ${queue}`);
    });
  }
  for (const queue of noQueues(vif)) {
    await t.check('GREF-03', async () => {
      expectCtrl((await control.getGrefMappingSize(queue)).status, invalidParameter, `GET for queue ${queue}`);
    });
  }
});

test('size-stays', 'reports the same size after grants were added', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  await add(t, control, entries(control, 3));
  const { data } = await control.getGrefMappingSize(0);
  // The design document speaks of free entries: a backend that follows it gets a note, not a failure.
  if (data === size - 3) t.info('the backend reports the number of free entries, not the size of the table');
  await t.check('GREF-05', () => expect(data, 'size of the table').to.be.oneOf([size, size - 3]));
});

test('count', 'reads as many entries as the message says', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const most = Math.min(3, size);
  const list = entries(control, most + 1);
  await accepted(t, control.ask(CTRL_TYPE.addGrefMapping, 0, list.ref, most));
  const { data } = await control.delGrefMapping(0, list);
  await t.check('GREF-07', () => {
    expect(data, 'entries removed').to.equal(most);
    expectEntries(statusesOf(list), [...Array<number>(most).fill(success), invalidParameter]);
  });
});

test('maps', 'has every entry mapped after a successful ADD', OBSERVED, async (t) => {
  const { control, size } = await mapping(t);
  const list = entries(control, Math.min(3, size));
  await add(t, control, list);
  await t.check('GREF-13', async () => {
    for (const use of await uses(t, list)) expect(use, 'use of a mapped grant').to.equal('writing');
  });
  await control.delGrefMapping(0, list);
  await t.check('GREF-24', async () => {
    for (const use of await uses(t, list)) expect(use, 'use of a removed grant').to.equal('unused');
  });
});

test('readonly', 'maps a read-only grant whose entry has the readonly flag', OBSERVED, async (t) => {
  const { control } = await mapping(t);
  const page = control.offer('read-only');
  const list = control.list([entry(page.ref, GREF_FLAG.readonly)]);
  await t.check('GREF-14', async () => {
    expectCtrl((await control.addGrefMapping(0, list)).status, success, 'ADD');
    expect(await uses(t, list), 'use of the grant').to.deep.equal(['reading']);
  });
});

test('not-readonly', 'refuses a read-only grant without the readonly flag', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const page = control.offer('read-only');
  await t.check('GREF-37', async () => {
    expectCtrl((await control.addGrefMapping(0, control.list([entry(page.ref)]))).status, invalidParameter, 'ADD');
  });
});

test('all-or-nothing', 'adds no entry of a list with an invalid reference', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const good = [control.offer('read-write'), control.offer('read-write')].map(({ ref }) => entry(ref));
  const list = control.list([...good, entry(BAD_REF)]);
  // A reference that was valid once. Nothing is granted after it: a new grant might get the same reference.
  const withdrawn = control.backend.offer('read-write');
  withdrawn.end();
  for (const [requirement, ref, what] of [
    ['GREF-12', withdrawn.ref, 'withdrawn'],
    ['GREF-35', BAD_REF, 'beyond the grant table'],
  ] as const) {
    list.offer.page.copyIn(0, encodeGrefList([...good, entry(ref)]));
    await t.check(requirement, async () => {
      expectCtrl((await control.addGrefMapping(0, list)).status, invalidParameter, `ADD of a reference ${what}`);
    });
  }
  await control.delGrefMapping(0, list);
  await t.check('GREF-09', () =>
    expectEntries(
      statusesOf(list),
      [...good, BAD_REF].map(() => invalidParameter),
    ),
  );
});

test('status-unused', 'neither reads nor writes the status of an entry that is added', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = control.list([{ ...entry(control.offer('read-write').ref), status: 0xbeef }]);
  const { status } = await control.addGrefMapping(0, list);
  await t.check('GREF-10', () => expectCtrl(status, success, 'ADD'));
  await t.check('GREF-11', () => expect(statusesOf(list), 'status in the list').to.deep.equal([0xbeef]));
});

test('undefined-flags', 'refuses undefined flags or ignores them', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const { status } = await control.addGrefMapping(0, control.list([entry(control.offer('read-write').ref, 0x8000)]));
  await t.check('GREF-15', () => expectCtrl(status, [success, invalidParameter], 'ADD'));
  await stillPasses(t, 'GREF-15', vif);
});

test('room', 'refuses more entries than its table has room for', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  if (size > GREF_LIST_MAX) t.skip(`the table has room for ${size} grants, more than this host can grant`);
  await add(t, control, entries(control, size));
  const more = entries(control, 1);
  await t.check('GREF-16', async () => {
    expectCtrl((await control.addGrefMapping(0, more)).status, invalidParameter, 'ADD');
    expect((await control.delGrefMapping(0, more)).data, 'entries of the refused list').to.equal(0);
  });
});

test('list-size', 'refuses lists longer than a page', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  for (const type of [CTRL_TYPE.addGrefMapping, CTRL_TYPE.delGrefMapping]) {
    await t.check('GREF-17', async () => {
      expectCtrl(
        (await control.ask(type, 0, list.ref, GREF_LIST_MAX + 1)).status,
        invalidParameter,
        ctrlTypeName(type),
      );
    });
  }
});

test('empty-list', 'responds to an empty list', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = control.list([]);
  for (const type of [CTRL_TYPE.addGrefMapping, CTRL_TYPE.delGrefMapping]) {
    await t.check('GREF-18', async () => {
      expectCtrl((await control.ask(type, 0, list.ref, 0)).status, [success, invalidParameter], ctrlTypeName(type));
    });
  }
});

test('no-queue', 'refuses a queue that does not exist', CONTROL, async (t) => {
  const { control, vif } = await mapping(t);
  const list = entries(control, 1);
  for (const queue of noQueues(vif)) {
    await t.check('GREF-19', async () => {
      expectCtrl((await control.addGrefMapping(queue, list)).status, invalidParameter, `ADD for queue ${queue}`);
      expectCtrl((await control.delGrefMapping(queue, list)).status, invalidParameter, `DEL for queue ${queue}`);
    });
  }
});

test('bad-list', 'refuses an invalid grant reference for a list', CONTROL, async (t) => {
  const { control } = await mapping(t);
  for (const type of [CTRL_TYPE.addGrefMapping, CTRL_TYPE.delGrefMapping]) {
    await t.check('GREF-36', async () => {
      expectCtrl((await control.ask(type, 0, BAD_REF, 1)).status, invalidParameter, ctrlTypeName(type));
    });
  }
});

test('delete', 'reports whether each entry was removed, and how many were', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const [a, b, c] = [control.offer('read-write'), control.offer('read-write'), control.offer('read-write')];
  await add(t, control, control.list([entry(a.ref), entry(c.ref)]));
  // The status of each is written, whatever it held.
  const list = control.list([a, b, c].map(({ ref }) => ({ ...entry(ref), status: 0x7777 })));
  const { data } = await control.delGrefMapping(0, list);
  await t.check(['GREF-20', 'GREF-21', 'GREF-22', 'GREF-23'], () => {
    expectEntries(statusesOf(list), [success, invalidParameter, success]);
  });
  await t.check('GREF-20', () => expect(data, 'entries removed').to.equal(2));
});

test('delete-twice', 'removes an entry only once', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const list = entries(control, 1);
  await control.addGrefMapping(0, list);
  await control.delGrefMapping(0, list);
  const { data } = await control.delGrefMapping(0, list);
  await t.check('GREF-21', () => {
    expect(data, 'entries removed').to.equal(0);
    expectEntries(statusesOf(list), [invalidParameter]);
  });
});

test('in-use', 'does not unmap a buffer that a request uses', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = control.list(vif.queue.rx.prepare(16).map((ref) => entry(ref)));
  await add(t, control, list);
  vif.queue.post(16);
  await control.delGrefMapping(0, list);
  await t.check('GREF-25', async () => {
    // Enough to reach the buffers after those that were posted before.
    for (let n = 0; n < 60; n++) await vif.ping();
  });
});

test('per-queue', 'keeps the mapped grants of each queue separate', CONTROL, async (t) => {
  if ((await queuesOffered(t)) < 2) t.skip('the backend offers only one queue');
  const { control } = await mapping(t, 2);
  const list = entries(control, 1);
  await add(t, control, list);
  await control.delGrefMapping(1, list);
  await t.check('GREF-26', () => expectEntries(statusesOf(list), [invalidParameter]));
});

const FRAGMENTS = { ...PING, gate: [KEY.featureCtrlRing, KEY.featureSg] } as const;

test('traffic', 'passes packets in mapped and in other grants side by side, repeatedly', FRAGMENTS, async (t) => {
  const { control, vif } = await mapping(t);
  const tx = vif.queue.tx.prepare(2).map((ref) => entry(ref, GREF_FLAG.readonly));
  const rx = vif.queue.rx.prepare(8).map((ref) => entry(ref));
  await add(t, control, control.list([...tx, ...rx]));
  vif.queue.post(8);
  // A stack may lose a ping now and then, or be slow. A backend that loses a mapped page loses most of them.
  const usual = await lostOf(await t.connect());
  if (usual > 10) return t.skip(`the stack loses ${usual} of 60 pings`);
  await t.check(['GREF-27', 'GREF-28'], async () => {
    expect(await lostOf(vif), 'pings without a reply, of 60').to.be.at.most(usual + 10);
  });
});

test(
  'headroom',
  'leaves the requested headroom in mapped buffers too',
  { ...PING, gate: [KEY.featureCtrlRing, KEY.featureXdpHeadroom] },
  async (t) => {
    const { control, vif } = await mapping(t, 1, { [KEY.xdpHeadroom]: '256' });
    const posted = vif.queue.rx.posted;
    await add(t, control, control.list(vif.queue.rx.prepare(8).map((ref) => entry(ref))));
    vif.queue.post(8);
    // Enough to reach the mapped buffers, which come after those that were posted before.
    await t.check('XDP-03', async () => {
      for (let n = 0; n < posted + 8; n++) await vif.ping();
    });
  },
);

/** How many of 60 pings in three fragments get no reply. */
async function lostOf(vif: FrontendPeer): Promise<number> {
  let lost = 0;
  for (let n = 0; n < 60; n++) {
    const ping = vif.ping({ length: 200, shape: { fragments: [60, 100, 82] }, tries: 1, ms: 200 });
    if (!(await arrives(ping))) lost++;
  }
  return lost;
}

test('after-removal', 'treats a removed grant like any other again', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = control.list(vif.queue.tx.prepare(1).map((ref) => entry(ref, GREF_FLAG.readonly)));
  await add(t, control, list);
  await vif.ping();
  await control.delGrefMapping(0, list);
  await t.check('GREF-24', () => vif.ping());
});

test('closed', 'has unmapped everything when it is Closed', OBSERVED, async (t) => {
  const queues = Math.min(2, await queuesOffered(t));
  const { control, vif } = await mapping(t, queues);
  const lists = vif.queues.map(() => entries(control, 4));
  for (const [queue, list] of lists.entries()) await add(t, control, list, queue);
  const refs = lists.flatMap(refsOf);
  await closes(t, vif);
  await t.check('GREF-29', async () =>
    expect(await grantUses(t, refs), 'use of the mapped grants').to.deep.equal(refs.map(() => 'unused')),
  );
});

test('duplicate', 'refuses a duplicate reference or counts it once', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const { ref } = control.offer('read-write');
  const list = control.list([entry(ref), entry(ref)]);
  const added = await control.addGrefMapping(0, list);
  const { data } = await control.delGrefMapping(0, list);
  await t.check('GREF-30', () => expect(data, 'entries removed').to.equal(added.status === success ? 1 : 0));
});

test('readonly-receive', 'delivers nothing into a grant with the readonly flag', PING, async (t) => {
  const { control, vif } = await mapping(t);
  const list = control.list(vif.queue.rx.prepare(1).map((ref) => entry(ref, GREF_FLAG.readonly)));
  await add(t, control, list);
  vif.queue.post(1);
  await t.check('GREF-31', () => expectRefusedBuffer(vif));
});
