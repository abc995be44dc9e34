/** Actions and observations of the chapters about mapped grants. */
import type { FrontendControl, GrefList } from '../../harness/peer/frontend-control.js';
import type { FrontendPeer } from '../../harness/peer/frontend.js';
import { decodeGrefList, type NetifGref } from '../../harness/protocol/gref.js';
import { CTRL_STATUS } from '../../harness/protocol/netif.js';
import { PAGE_SIZE } from '../../harness/xen/domain.js';
import { PING_HEADERS } from '../../harness/peer/peer.js';
import type { BackendTest } from '../../harness/run/suite.js';
import { ctrlStatusName } from '../support/statuses.js';
import { queuesOffered, waiting } from './connection-verbs.js';
import { grantUses } from './verbs.js';

const { success } = CTRL_STATUS;

/** An entry of a list. */
export const entry = (ref: number, flags = 0): NetifGref => ({ ref, flags, status: 0 });

/** Has a list mapped for queue 0; skips the test if the backend refuses it, which another test checks. */
export async function add(t: BackendTest, control: FrontendControl, list: GrefList, queue = 0): Promise<void> {
  const { status } = await control.addGrefMapping(queue, list);
  if (status !== success) t.skip(`the backend responds with ${ctrlStatusName(status)} to a valid list`);
}

/** A list of `count` pages, granted for reading and writing. */
export function entries(control: FrontendControl, count: number): GrefList {
  return control.list(Array.from({ length: count }, () => entry(control.offer('read-write').ref)));
}

/** A connection to a backend that supports gref mapping, and the size of its table; skips the test for any other. */
export async function mapping(
  t: BackendTest,
  queues = 1,
  keys: Readonly<Record<string, string>> = {},
): Promise<{ vif: FrontendPeer; control: FrontendControl; size: number }> {
  const vif = await waiting(t);
  if (queues > (await queuesOffered(t, vif))) t.skip(`the backend does not offer ${queues} queues`);
  await vif.connect({ control: true, queues, keys });
  const { status, data } = await vif.control.getGrefMappingSize(0);
  if (status !== success || data === 0)
    t.skip(`the backend does not support gref mapping: status ${ctrlStatusName(status)}, size ${data}`);
  await t.configure(vif);
  return { vif, control: vif.control, size: data };
}

function read(list: GrefList): NetifGref[] {
  const decoded = decodeGrefList(list.bytes(), list.length);
  return decoded.ok ? decoded.value : [];
}

/** The status of each entry of a list, as it is now. */
export const statusesOf = (list: GrefList): number[] => read(list).map(({ status }) => status);
/** The references in a list. */
export const refsOf = (list: GrefList): number[] => read(list).map(({ ref }) => ref);
/** How the backend uses the grants of a list. */
export const uses = (t: BackendTest, list: GrefList): Promise<string[]> => grantUses(t, refsOf(list));

/** Queues that do not exist: the first one after the last, and some far beyond it. */
export const noQueues = (vif: FrontendPeer): number[] => [
  vif.queues.length,
  vif.queues.length + 1,
  0x1000,
  0x80000000,
  0xffffffff,
];

/** Payload of a ping whose frame has three fragments of these sizes. */
const FRAGMENTS = [60, 100, 82];
const LENGTH = 60 + 100 + 82;
/** Bytes of a small packet. */
const SMALL = 60;

/** Pings whose fragments begin at different places of their pages, up to the end of the page: of one slot and of three. */
export async function pingsAtOffsets(vif: FrontendPeer): Promise<void> {
  for (const first of [0, 1, 255, 256, 257, PAGE_SIZE - 60]) {
    const shape = { fragments: FRAGMENTS, offset: [first, 0, PAGE_SIZE - 82] };
    await vif.ping({ length: LENGTH - PING_HEADERS, shape });
  }
  // Drivers copy a small packet in another way than a large one.
  for (const bytes of [SMALL, LENGTH, PAGE_SIZE / 4]) {
    for (const offset of [1, 256, PAGE_SIZE - bytes])
      await vif.ping({ length: bytes - PING_HEADERS, shape: { fragments: [bytes], offset: [offset] } });
  }
}
