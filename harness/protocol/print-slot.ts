/** Slots of a ring as text, for whoever looks at a ring page and knows no more than who writes there. */

import type { Decoded } from './codec.js';
import { decodeCtrlRequest, decodeCtrlResponse, printCtrlRequest, printCtrlResponse } from './ctrl.js';
import { decodeExtra, decodeExtraHeader, printExtra } from './extra.js';
import { EXTRA_FLAG_MORE, RXF, TXF } from './netif.js';
import { type RingLayout, RX_RING, TX_RING } from './ring.js';
import { decodeRxRequest, decodeRxResponse, printRxRequest, printRxResponse } from './rx.js';
import { decodeTxRequest, decodeTxResponse, printTxRequest, printTxResponse } from './tx.js';

type Print = (bytes: Uint8Array) => string;

const PRINT: Readonly<Record<RingLayout['name'], { readonly request: Print; readonly response: Print }>> = {
  tx: { request: via(decodeTxRequest, printTxRequest), response: via(decodeTxResponse, printTxResponse) },
  rx: { request: via(decodeRxRequest, printRxRequest), response: via(decodeRxResponse, printRxResponse) },
  ctrl: { request: via(decodeCtrlRequest, printCtrlRequest), response: via(decodeCtrlResponse, printCtrlResponse) },
};
const printAnyExtra = via(decodeExtra, printExtra);

/**
 * Prints the requests of a ring, or its responses, in the order in which they lie there: whether a slot is an extra
 * info, the one before it tells.
 */
export class SlotPrinter {
  #extra = false;

  constructor(
    private readonly layout: RingLayout,
    private readonly kind: 'request' | 'response',
  ) {}

  /** Takes the next slot; answers how to print it, since few are ever looked at. */
  next(bytes: Uint8Array): () => string {
    const isExtra = this.#extra;
    this.#extra = isExtra ? hasMore(bytes) : this.#announcesExtra(bytes);
    const print = isExtra ? printAnyExtra : PRINT[this.layout.name][this.kind];
    return () => print(bytes);
  }

  #announcesExtra(bytes: Uint8Array): boolean {
    if (this.layout === TX_RING && this.kind === 'request') return flagged(decodeTxRequest(bytes), TXF.extraInfo);
    if (this.layout === RX_RING && this.kind === 'response') return flagged(decodeRxResponse(bytes), RXF.extraInfo);
    return false;
  }
}

function hasMore(bytes: Uint8Array): boolean {
  return flagged(decodeExtraHeader(bytes), EXTRA_FLAG_MORE);
}

function flagged(slot: Decoded<{ readonly flags: number }>, flag: number): boolean {
  return slot.ok && (slot.value.flags & flag) !== 0;
}

/** What can't be decoded is shown as it is, with the reason. */
function via<T>(decode: (bytes: Uint8Array) => Decoded<T>, print: (value: T) => string): Print {
  return (bytes) => {
    const slot = decode(bytes);
    return slot.ok ? print(slot.value) : `${hex(bytes)}: ${slot.reason}`;
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
