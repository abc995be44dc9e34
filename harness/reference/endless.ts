/** Endless packets, which no driver may send: they use every free slot, and each slot announces another. */
import { encodeExtra, type Extra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, RXF, TXF } from '../protocol/netif.js';
import { decodeRxRequest } from '../protocol/rx.js';
import { encodeTxRequest } from '../protocol/tx.js';
import type { BackendQueueState, BackendVif } from './backend.js';
import type { FrontendQueueState, FrontendVif } from './frontend.js';

/** The kind of slot that repeats. */
export type Endless = 'data' | 'extra';

const PIECE = 60;
const EXTRA: Extra = { type: 'xdp', flags: EXTRA_FLAG_MORE, headroom: 0, pad: 0 };

/** Fills the tx ring. Returns false if it is full. With `begins` false, continues the packet. */
export function endlessTx(vif: FrontendVif, queue: FrontendQueueState, of: Endless, begins: boolean): boolean {
  if (queue.tx.free() === 0) return false;
  const flags = of === 'data' ? TXF.moreData : TXF.extraInfo;
  // The content of the page does not matter.
  const request = encodeTxRequest({ gref: queue.rings[0]?.ref ?? 0, offset: 0, flags, id: 0, size: PIECE });
  if (begins) queue.tx.put(request);
  while (queue.tx.free() > 0) queue.tx.put(of === 'data' ? request : encodeExtra(EXTRA));
  vif.steps.push(vif, queue.tx, queue.txPort);
  return true;
}

/** Uses all posted rx buffers. Returns false if there are none. With `begins` false, continues the packet. */
export function endlessRx(vif: BackendVif, queue: BackendQueueState, of: Endless, begins: boolean): boolean {
  const ready = queue.rx.unconsumed();
  if (!ready.ok || ready.value === 0) return false;
  for (let n = 0; n < ready.value; n++) {
    if (of === 'extra' && !(begins && n === 0)) {
      vif.steps.fillExtra(queue, EXTRA);
      continue;
    }
    const request = decodeRxRequest(queue.rx.take());
    if (!request.ok) return false;
    const flags = of === 'data' ? RXF.moreData : RXF.extraInfo;
    vif.steps.fill(vif, queue, request.value, new Uint8Array(PIECE), flags);
  }
  vif.steps.push(vif, queue.rx, queue.rxPort);
  return true;
}
