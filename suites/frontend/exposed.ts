/** netif.h, "trusted": what a backend can read in pages that hold no packet. */
import { expect } from 'chai';
import { agree } from '../../harness/peer/backend-control.js';
import { BACKEND_KEYS } from '../../harness/peer/backend.js';
import { CTRL_TYPE, KEY } from '../../harness/protocol/netif.js';
import { slotOffset } from '../../harness/protocol/ring.js';
import { frontendChapter } from '../../harness/run/suite.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { entriesOf } from './control-verbs.js';
import { tableOf } from './staging.js';
import { grantedPage, happens, readable } from './verbs.js';

const { test, tests } = frontendChapter('exposed');
export const exposed = tests;

const LENT = { ...BACKEND_KEYS, [KEY.featureStagingGrants]: '1', [KEY.featureCtrlRing]: '1' };
/** Bytes of an entry of a table or a list. */
const ENTRY = 8;

test('pages', 'exposes nothing in unused slots, pools and lists when trusted = 0', { fresh: true }, async (t) => {
  const found: string[] = [];
  let lists = 0;
  const look = (what: string, page: Uint8Array, used = 0): void => {
    if (page.subarray(used).some((byte) => byte !== 0)) found.push(what);
  };
  const vif = await t.plug(LENT, { [KEY.trusted]: '0' });
  vif.answer = (request) => {
    const [, ref, count] = request.data;
    if (request.type !== CTRL_TYPE.addGrefMapping) return agree(request);
    lists++;
    if (readable(t, vif, ref)) look('list of grants', grantedPage(t, vif, ref), count * ENTRY);
    for (const entry of entriesOf(t, vif, ref, count)) lookAt(entry.ref, 'listed page');
    return agree(request);
  };
  /** A page that holds no packet: neither one that the guest has sent, nor one that the peer has sent in reply. */
  const lookAt = (ref: number, what: string): void => {
    if (vif.received.length === 0 && readable(t, vif, ref)) look(what, grantedPage(t, vif, ref));
  };
  await vif.connect();
  for (const pool of ['tx', 'rx'] as const) {
    const table = await tableOf(t, vif, pool);
    for (const { ref } of table) lookAt(ref, `page of the ${pool} pool`);
  }
  // The peer has sent nothing yet, so no page holds a packet of its own.
  await happens(vif, 'list of grants', () => lists === vif.queues.length);
  vif.answer = agree;
  // By now the frontend has published what it has put into its rings.
  for (const { ring } of [vif.queue.tx, vif.queue.rx]) {
    const from = slotOffset(ring.layout, ring.indices().reqProd);
    if (ring.indices().reqProd < ring.layout.size)
      look(`${ring.layout.name} ring`, ring.page.copyOut(from, PAGE_SIZE - from));
  }
  await t.check('TRUST-01', () => expect([...new Set(found)].join(', '), 'pages with other data').to.equal(''));
});
