/** netif.h, "Static Grants": what each entry of a list comes to, in lists of every length. */
import { expect } from 'chai';
import { encodeGrefList } from '../../harness/protocol/gref.js';
import { CTRL_STATUS, CTRL_TYPE, GREF_FLAG, GREF_LIST_MAX, KEY } from '../../harness/protocol/netif.js';
import { backendChapter } from '../../harness/run/suite.js';
import { add, entries, entry, mapping, refsOf, statusesOf, uses } from './gref-verbs.js';
import { expectCtrl } from '../support/statuses.js';
import { accepted, BAD_REF } from './verbs.js';

const { test, tests } = backendChapter('lists');
export const lists = tests;

const { success, invalidParameter } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;

test(
  'every-entry',
  'maps every entry of a list of any length, and unmaps as many as a list has',
  { ...CONTROL, observer: true },
  async (t) => {
    const { control, size } = await mapping(t);
    const most = Math.min(size, GREF_LIST_MAX);
    const list = entries(control, most);
    for (const count of new Set([1, 63, 64, 65, 256, most].filter((each) => each <= most))) {
      const { status } = await control.ask(CTRL_TYPE.addGrefMapping, 0, list.ref, count);
      if (status !== success && count === 1) t.skip(`status ${status} for a list of one entry`);
      // The table is empty, so a list that fits into it and into its page is valid whatever its length.
      await t.check('GREF-04', () => expectCtrl(status, success, `a list of ${count} entries for a table of ${size}`));
      const added = await uses(t, list);
      await t.check('GREF-13', () => {
        expect(new Set(added.slice(0, count)), `use of ${count} entries that were added`).to.deep.equal(
          new Set(['writing']),
        );
      });
      await control.ask(CTRL_TYPE.delGrefMapping, 0, list.ref, count);
      const removed = await uses(t, list);
      await t.check('GREF-24', () => {
        const kept = removed.slice(0, count).filter((use) => use !== 'unused').length;
        expect(kept, `entries still mapped, of ${count} that were removed`).to.equal(0);
      });
    }
  },
);

test('refused', 'keeps entries that are in a later list, which it refuses', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const count = Math.min(3, size);
  const list = entries(control, count);
  await add(t, control, list);
  const refs = refsOf(list).map((ref) => entry(ref));
  for (const later of [
    [...refs, entry(BAD_REF)],
    [entry(BAD_REF), ...refs],
  ]) {
    const { status } = await control.addGrefMapping(0, control.list(later));
    if (status !== invalidParameter) t.skip(`status ${status} for a list with an invalid reference`);
  }
  await t.check(['GREF-09', 'GREF-13'], async () => {
    expect((await control.delGrefMapping(0, list)).data, 'entries that a DEL removes').to.equal(count);
  });
});

test('deleted-twice', 'counts a reference once that is twice in a list to remove', CONTROL, async (t) => {
  const { control } = await mapping(t);
  const { ref } = control.offer('read-write');
  await add(t, control, control.list([entry(ref)]));
  const list = control.list([entry(ref), entry(ref)]);
  const { data } = await control.delGrefMapping(0, list);
  await t.check('GREF-30', () => {
    const removed = statusesOf(list).filter((status) => status === success).length;
    expect({ data, removed }, 'entries removed').to.deep.equal({ data: 1, removed: 1 });
  });
});

/** The first place of a list, one in its middle and the last. */
const placesOf = (count: number): Set<number> => new Set([0, count >> 1, count - 1]);

test('bad-anywhere', 'finds an invalid reference wherever it is in a list of any length', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const most = Math.min(size, GREF_LIST_MAX);
  const list = entries(control, most);
  const good = refsOf(list).map((ref) => entry(ref));
  for (const count of new Set([1, 255, 256, 257, most].filter((each) => each <= most))) {
    for (const place of placesOf(count)) {
      const what = `entry ${place} of ${count}`;
      list.offer.page.copyIn(0, encodeGrefList(good.slice(0, count).with(place, entry(BAD_REF))));
      await t.check('GREF-35', async () => {
        const { status } = await control.ask(CTRL_TYPE.addGrefMapping, 0, list.ref, count);
        expectCtrl(status, invalidParameter, `ADD with an invalid reference in ${what}`);
      });
      const { data } = await control.ask(CTRL_TYPE.delGrefMapping, 0, list.ref, count);
      await t.check(['GREF-09', 'GREF-22'], () => expect(data, `entries added with an invalid ${what}`).to.equal(0));
    }
  }
});

test('unknown-anywhere', 'removes the entries around one that was not added, wherever it is', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const most = Math.min(size, GREF_LIST_MAX);
  const list = entries(control, most);
  const good = refsOf(list).map((ref) => entry(ref));
  for (const count of new Set([2, 257, most].filter((each) => each <= most))) {
    for (const place of placesOf(count)) {
      const others = good.slice(0, count).toSpliced(place, 1);
      list.offer.page.copyIn(0, encodeGrefList(others));
      await accepted(t, control.ask(CTRL_TYPE.addGrefMapping, 0, list.ref, count - 1));
      list.offer.page.copyIn(0, encodeGrefList(others.toSpliced(place, 0, entry(BAD_REF))));
      const { data } = await control.ask(CTRL_TYPE.delGrefMapping, 0, list.ref, count);
      await t.check(['GREF-20', 'GREF-22'], () => {
        const marked = [...statusesOf(list).slice(0, count).entries()].filter(([, status]) => status !== success);
        const seen = { data, marked: marked.map(([n]) => n) };
        expect(seen, `DEL of ${count} entries`).to.deep.equal({ data: count - 1, marked: [place] });
      });
    }
  }
});

test('other-flag', 'maps a reference again as its latest entry says', { ...CONTROL, observer: true }, async (t) => {
  const { control } = await mapping(t);
  const { ref } = control.offer('read-write');
  for (const [flags, requirement, use] of [
    [GREF_FLAG.readonly, 'GREF-39', 'reading'],
    [0, 'GREF-13', 'writing'],
    [GREF_FLAG.readonly, 'GREF-39', 'reading'],
  ] as const) {
    const list = control.list([entry(ref, flags)]);
    await add(t, control, list);
    const seen = await uses(t, list);
    await t.check(requirement, () => expect(seen, `use of a grant added with flags ${flags}`).to.deep.equal([use]));
    await control.delGrefMapping(0, list);
  }
});
