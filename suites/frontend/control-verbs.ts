/** Connections to frontends with a control ring. */
import { BACKEND_KEYS, type BackendPeer } from '../../harness/peer/backend.js';
import { agree, type Answering, type BackendControl } from '../../harness/peer/backend-control.js';
import type { CtrlRequest } from '../../harness/protocol/ctrl.js';
import { decodeGrefList, type NetifGref } from '../../harness/protocol/gref.js';
import { KEY } from '../../harness/protocol/netif.js';
import { XENBUS_STATE } from '../../harness/protocol/xenbus.js';
import type { FrontendTest } from '../../harness/run/suite.js';
import { Expired } from '../../harness/xen/wait.js';
import { happens } from './verbs.js';

/** The keys of a backend with a control ring. */
export const OFFERED = { ...BACKEND_KEYS, [KEY.featureCtrlRing]: '1' };

/** A connection whose frontend provides a control ring and has sent a first request; skips the test for any other. */
export async function controlled(
  t: FrontendTest,
  answer: (request: CtrlRequest, vif: BackendPeer) => ReturnType<Answering> = agree,
): Promise<{ vif: BackendPeer; ring: BackendControl }> {
  const vif = await t.plug({ ...OFFERED, [KEY.multiQueueMaxQueues]: '2' });
  vif.answer = (request) => answer(request, vif);
  await vif.connect();
  await t.configure(vif);
  const ring = vif.control ?? t.skip('the frontend provides no control ring');
  await awaitRequest(t, vif, () => ring.requests.length > 0);
  return { vif, ring };
}

/** Waits until `probe` returns the awaited request; skips the test if the frontend never sends it. */
export async function awaitRequest(t: FrontendTest, vif: BackendPeer, probe: () => boolean): Promise<void> {
  try {
    await vif.until('control request', probe, { on: vif.control ? [vif.control.asked] : [] });
  } catch (error) {
    if (!(error instanceof Expired) || error.inconclusive) throw error;
    t.skip('the frontend does not send that request');
  }
}

/** A frontend that waits for the response to a request of type `type`. */
export async function pending(
  t: FrontendTest,
  type: number,
): Promise<{ vif: BackendPeer; ring: BackendControl; request: CtrlRequest }> {
  const { vif, ring } = await controlled(t, (request) => (request.type === type ? undefined : agree(request)));
  await awaitRequest(t, vif, () => ring.requestsOf(type).length > 0);
  const [request] = ring.requestsOf(type);
  if (!request) throw new Error('waited for a request');
  return { vif, ring, request };
}

/** Like {@link pending}, some time later: a frontend that waits no longer still keeps its page granted. */
export async function stillPending(t: FrontendTest, type: number): ReturnType<typeof pending> {
  const waiting = await pending(t, type);
  const { vif } = waiting;
  if (await happens(vif, 'close', () => vif.other.value !== String(XENBUS_STATE.connected)))
    t.skip('the frontend closes without that response');
  return waiting;
}

/** The entries of the list of an ADD_GREF_MAPPING; empty if its page cannot be read. */
export function entriesOf(t: FrontendTest, vif: BackendPeer, ref: number, count: number): NetifGref[] {
  const at = { domain: vif.iutDomain, ref, offset: 0, length: Math.min(count, 512) * 8 };
  const list = decodeGrefList(t.domain.grants.copyFrom([at])[0]?.bytes ?? new Uint8Array(), count);
  return list.ok ? list.value : [];
}
