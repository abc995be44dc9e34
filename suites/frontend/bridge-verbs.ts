/** Actions of the chapters that send many frames through a bridge in the guest. */
import { expect } from 'chai';
import type { Host } from '../../harness/packet/build.js';
import { blankChecksum } from '../../harness/packet/offload.js';
import type { BackendPeer } from '../../harness/peer/backend.js';
import type { QueuePacket } from '../../harness/peer/backend-queue.js';
import { BackendRx, type RxShape } from '../../harness/peer/backend-rx.js';
import { TXF } from '../../harness/protocol/netif.js';
import { Unavailable } from '../../harness/run/unavailable.js';
import { cut } from '../support/frame-shapes.js';
import { LOST_TRIES } from '../support/losses.js';
import { isPadded } from '../support/padding.js';
import { happens, hasBuffers } from './verbs.js';

/** Frames that are published at once. */
const AT_ONCE = 8;
/** Frames that a message names. */
const NAMED = 5;

/** Ends the test in place of its context, which these actions are not given. */
const SKIPPING = {
  skip(reason: string): never {
    throw new Unavailable('not-observed', reason);
  },
};

type Frames = Readonly<Record<string, (from: Host, to: Host) => Uint8Array>>;

/** A frame that is sent into a bridge. */
export interface Crossing {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly shape?: RxShape;
  /** The forms in which it may leave the bridge (default: unchanged). */
  readonly forms?: readonly Uint8Array[];
}

/**
 * Sends frames into a bridge, up to eight in one push, and returns the packets as which they left it, in one of their
 * forms. Frames that do not come out are sent again: a guest may lose packets while its tx ring has no room.
 */
export async function cross<C extends Crossing>(
  [from, to]: readonly [BackendPeer, BackendPeer],
  crossings: readonly C[],
): Promise<ReadonlyMap<C, QueuePacket>> {
  const { queue } = from;
  const out = new Map<C, QueuePacket>();
  const missing = (): C[] => crossings.filter((each) => !out.has(each));
  const look = (): void => {
    for (const each of missing()) {
      const forms = each.forms ?? [each.frame];
      const found = to.received.findIndex((packet) => forms.some((form) => isForm(packet, form)));
      const [packet] = found < 0 ? [] : to.received.splice(found, 1);
      if (packet) out.set(each, packet);
    }
  };
  for (let lost = 0; lost < LOST_TRIES && missing().length > 0;) {
    const before = out.size;
    const rest = missing();
    for (let at = 0; at < rest.length; at += AT_ONCE) {
      const group = rest.slice(at, at + AT_ONCE);
      await publish(from, group, queue);
      await happens(to, 'every frame from the bridge', () => (look(), group.every((each) => out.has(each))));
    }
    lost = out.size > before ? 0 : lost + 1;
  }
  return out;
}

/** Asserts that every frame leaves a bridge in one of its forms; returns the packets. See {@link cross}. */
export async function allCross<C extends Crossing>(
  peers: readonly [BackendPeer, BackendPeer],
  crossings: readonly C[],
): Promise<ReadonlyMap<C, QueuePacket>> {
  const out = await cross(peers, crossings);
  expectNone(
    'did not come out unchanged',
    crossings.filter((each) => !out.has(each)),
  );
  return out;
}

/** Asserts that `found` is empty, and names the first few of it. */
export function expectNone(what: string, found: readonly { readonly name: string }[]): void {
  if (found.length === 0) return;
  const few = found.slice(0, NAMED).map(({ name }) => name);
  const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : '';
  expect.fail(`${few.join('; ')}${more}: ${what}`);
}

/** Writes frames to one queue, and publishes as many at once as the frontend has buffers for. */
async function publish(from: BackendPeer, frames: readonly Crossing[], queue: BackendPeer['queue']): Promise<void> {
  for (const { frame, shape } of frames) {
    const slots = BackendRx.slotsFor(frame, shape);
    if (queue.rx.buffers.length < slots) queue.pushRx();
    do {
      await from.buffers(1, queue);
      await hasBuffers(SKIPPING, from, slots, queue);
    } while (queue.rx.buffers.length < slots);
    queue.rx.enqueue(frame, shape);
  }
  queue.pushRx();
}

/** Whether a packet is `form`, perhaps with its checksum left blank again. */
function isForm({ frame, requests }: QueuePacket, form: Uint8Array): boolean {
  if (isPadded(frame, form)) return true;
  const isBlank = ((requests[0]?.flags ?? 0) & TXF.csumBlank) !== 0;
  return isBlank && isPadded(frame, blankChecksum(form) ?? form);
}

/** The frames of a table that a guest forwards in a single slot: it may filter out some kinds. */
export async function forwarded(peers: readonly [BackendPeer, BackendPeer], table: Frames): Promise<Frames> {
  const names = [...(await cross(peers, crossings(peers, table))).keys()].map(({ name }) => name);
  return Object.fromEntries(Object.entries(table).filter(([name]) => names.includes(name)));
}

/** The frames of a table, from one end of a bridge to the other, each in slots whose lengths begin with `first`. */
export function crossings(
  [from, to]: readonly [BackendPeer, BackendPeer],
  table: Frames,
  first: readonly number[] = [],
): Crossing[] {
  return Object.entries(table).map(([kind, make]) => {
    const frame = make(from.link.peer, to.link.peer);
    const fragments = cut(frame, first);
    const name = first.length > 0 ? `${kind} in slots of ${fragments.join(' + ')} bytes` : kind;
    return { name, frame, shape: { fragments } };
  });
}
