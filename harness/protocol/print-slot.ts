/** Slots of a ring as text, for an observer that sees only the ring page. */

import type { Decoded } from '../bytes/codec.js';
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
 * Prints the requests of a ring, or its responses, in ring order: the preceding slot determines whether a slot is an
 * extra info.
 */
export class SlotPrinter {
  #extra = false;

  constructor(
    private readonly layout: RingLayout,
    private readonly kind: 'request' | 'response',
  ) {}

  /** Accepts the next slot; returns a function that prints it, since few slots are ever printed. */
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

/** A slot that can't be decoded is printed as bytes, with the reason. */
function via<T>(decode: (bytes: Uint8Array) => Decoded<T>, print: (value: T) => string): Print {
  return (bytes) => {
    const slot = decode(bytes);
    return slot.ok ? print(slot.value) : `${hex(bytes)}: ${slot.reason}`;
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
