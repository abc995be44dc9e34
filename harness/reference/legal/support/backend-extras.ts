/** Backends that read the extras of a packet more freely than the header describes them. */
import { decodeExtra, type Extra } from '../../../protocol/extra.js';
import { EXTRA_FLAG_MORE, TXF } from '../../../protocol/netif.js';
import { decodeTxRequest, type TxRequest } from '../../../protocol/tx.js';
import type { BackendSteps } from '../../backend-steps.js';
import { checkChain } from '../../transmit-steps.js';

/** Reads extras after any request with extra_info, not only after the first one. */
export const extrasAnywhere: Pick<BackendSteps, 'takeChain'> = {
  takeChain(queue) {
    const start = queue.tx.reqCons;
    const requests: TxRequest[] = [];
    const extras: Extra[] = [];
    const layout: boolean[] = [];
    let isExtra = false;
    for (let ends = false; !ends;) {
      const ready = queue.tx.unconsumed();
      if (!ready.ok || ready.value === 0) {
        queue.tx.reqCons = start;
        return undefined;
      }
      const bytes = queue.tx.take();
      layout.push(isExtra);
      if (isExtra) {
        const extra = decodeExtra(bytes);
        if (extra.ok) extras.push(extra.value);
        isExtra = ((bytes[1] ?? 0) & EXTRA_FLAG_MORE) !== 0;
      } else {
        const request = decodeTxRequest(bytes);
        if (!request.ok) return undefined;
        requests.push(request.value);
        isExtra = (request.value.flags & TXF.extraInfo) !== 0;
      }
      ends = !isExtra && ((requests.at(-1)?.flags ?? 0) & TXF.moreData) === 0;
    }
    const unknown = layout.filter(Boolean).length > extras.length ? 'an extra of unknown type' : undefined;
    return { requests, extras, layout, fault: unknown ?? checkChain(requests, extras) };
  },
};
