/** netif.h, "Control messages": the pages that hold a key, a table or a list, and lists of any length. */
import { expect } from 'chai';
import type { FrontendControl } from '../../harness/peer/frontend-control.js';
import { encodeGrefList } from '../../harness/protocol/gref.js';
import {
  CTRL_STATUS,
  CTRL_TYPE,
  GREF_FLAG,
  GREF_LIST_MAX,
  GSO_TYPE,
  KEY,
  TX_BLANK,
} from '../../harness/protocol/netif.js';
import { VERIFICATION_KEY } from '../../harness/protocol/toeplitz.js';
import { backendChapter } from '../../harness/run/suite.js';
import { LARGE, throughLarge } from '../support/large-packets.js';
import { expectEntries } from '../support/statuses.js';
import { add, entries, entry, mapping, refsOf, statusesOf } from './gref-verbs.js';
import { accepted, grantUses, setToeplitz } from './verbs.js';

const { test, tests } = backendChapter('pages');
export const pages = tests;

const { success } = CTRL_STATUS;
const CONTROL = { gate: KEY.featureCtrlRing, fresh: true } as const;
const OBSERVED = { ...CONTROL, observer: true } as const;
/** Mapped buffers, more than a large packet takes. */
const BUFFERS = 20;
/** The length of the table that tests write to. */
const TABLE = 4;

/** Sends a message that names a page. */
type Send = (control: FrontendControl, page: number) => Promise<unknown>;
const MESSAGES: Readonly<Record<string, readonly [what: string, requirement: string, sends: readonly Send[]]>> = {
  key: [
    'a key',
    'HASH-15',
    [40, 12, 5000].map((size) => (control, page) => control.ask(CTRL_TYPE.setHashKey, page, size)),
  ],
  table: [
    'a mapping table',
    'HASH-31',
    // The last one is beyond the table, so it is refused.
    [0, 3, TABLE].map((offset) => (control, page) => control.ask(CTRL_TYPE.setHashMapping, page, 1, offset)),
  ],
  'bad-table': [
    'a table that names missing queues',
    'HASH-31',
    [1, TABLE].map((size) => (control) => control.setHashMapping(Array<number>(size).fill(0xffff))),
  ],
};

for (const [name, [what, requirement, sends]] of Object.entries(MESSAGES)) {
  test(`${name}-released`, `releases the page of ${what} once it has responded`, OBSERVED, async (t) => {
    const vif = await t.fresh({ control: true });
    const { control } = vif;
    await setToeplitz(t, vif);
    if (name !== 'key') await accepted(t, control.setHashMappingSize(TABLE));
    for (const send of sends) {
      await send(control, control.grant(VERIFICATION_KEY.map(() => 0)));
      const refs = control.refs.filter((ref) => ref !== control.ringRef);
      const uses = await grantUses(t, refs);
      await t.check(requirement, () => expect(uses, 'uses of the pages').to.deep.equal(refs.map(() => 'unused')));
    }
  });
}

test('every-status', 'writes the status of every entry of a list that fills a page', CONTROL, async (t) => {
  const { control, size } = await mapping(t);
  const list = entries(control, Math.min(size, GREF_LIST_MAX));
  await add(t, control, list);
  const marked = refsOf(list).map((ref) => ({ ...entry(ref), status: 0x7777 }));
  list.offer.page.copyIn(0, encodeGrefList(marked));
  await control.delGrefMapping(0, list);
  await t.check('GREF-23', () => expectEntries(statusesOf(list), Array<number>(list.length).fill(success)));
});

test('other-flags', 'removes entries by their reference, whatever the flags of the DEL', CONTROL, async (t) => {
  const { control } = await mapping(t);
  for (const flags of [0, GREF_FLAG.readonly]) {
    const { ref } = control.offer('read-write');
    await add(t, control, control.list([entry(ref, flags)]));
    const list = control.list([entry(ref, flags ^ GREF_FLAG.readonly)]);
    await control.delGrefMapping(0, list);
    await t.check('GREF-22', () => expectEntries(statusesOf(list), [success]));
  }
});

test(
  'similar-references',
  'reads pages that are not mapped, however similar their references are to mapped ones',
  { ...CONTROL, reflector: 'icmp' },
  async (t) => {
    const { control, vif, size } = await mapping(t);
    const refs = vif.queue.tx.prepare(130);
    // The buffer that was prepared last is used first. Tables of references are often indexed by some low bits of them.
    const unmapped = refs.pop() ?? 0;
    const isSimilar = (ref: number): number => Number(ref % 64 === unmapped % 64);
    refs.sort((a, b) => isSimilar(b) - isSimilar(a));
    await add(t, control, control.list(refs.slice(0, Math.min(size, 64)).map((ref) => entry(ref, GREF_FLAG.readonly))));
    await t.check('GREF-27', async () => {
      for (let n = 0; n < 4; n++) await vif.ping();
    });
  },
);

test(
  'whole-buffers',
  'fills mapped buffers up to their end',
  { gate: [KEY.featureCtrlRing, KEY.featureGsoTcpv4], fresh: true, needs: 'bridge' },
  async (t) => {
    const [from, to] = await t.bridged({}, { control: true, rxBuffers: 0, keys: { [KEY.featureGsoTcpv4]: '1' } });
    const { status, data } = await to.control.getGrefMappingSize(0);
    if (status !== success || data < BUFFERS) t.skip(`the backend has no table of ${BUFFERS} mapped grants`);
    await add(t, to.control, to.control.list(to.queue.rx.prepare(BUFFERS).map((ref) => entry(ref))));
    to.queue.post(BUFFERS);
    await t.check('GREF-27', () => throughLarge(from, to, TX_BLANK, GSO_TYPE.tcpv4, LARGE));
  },
);
