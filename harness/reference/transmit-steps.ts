/** Steps of the reference backend for the tx ring (netif.h, "Guest transmit"). */
import { concat } from '../bytes/bytes.js';
import { ETHERNET_HEADER } from '../packet/ethernet.js';
import { decodeExtra, type Extra, type ExtraMcast } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, GSO_TYPE, NR_SLOTS_MIN, RSP, TXF } from '../protocol/netif.js';
import { decodeTxRequest, encodeTxResponse, type TxRequest, type TxResponse } from '../protocol/tx.js';
import { PAGE_SIZE } from '../xen/domain.js';
import type { BackendQueueState, BackendVif } from './backend.js';

/** One transmitted packet, as it is in the ring. */
export interface TxChain {
  readonly requests: readonly TxRequest[];
  readonly extras: readonly Extra[];
  /** Slots in ring order: true if the slot is an extra info. */
  readonly layout: readonly boolean[];
  /** Why the packet is refused; undefined for a valid packet. */
  readonly fault: string | undefined;
}

export const TRANSMIT_STEPS = {
  serveTx(vif: BackendVif, queue: BackendQueueState): void {
    for (;;) {
      const ready = queue.tx.unconsumed();
      // A ring with invalid indices is ignored: nothing in it can be trusted.
      if (!ready.ok) return;
      const before = queue.tx.reqCons;
      for (let chain = vif.steps.takeChain(queue); chain; chain = vif.steps.takeChain(queue)) {
        vif.steps.serveChain(vif, queue, chain);
      }
      const more = queue.tx.finalCheck();
      if (!more.ok || !more.value || queue.tx.reqCons === before) return;
    }
  },

  serveChain(vif: BackendVif, queue: BackendQueueState, chain: TxChain): void {
    const multicast = chain.extras.find(isMulticast);
    if (multicast) {
      // A dummy request: its buffer is unused, and no packet is forwarded.
      return vif.steps.respond(vif, queue, chain, vif.steps.changeGroups(vif, multicast) ? RSP.okay : RSP.error);
    }
    const frame = chain.fault === undefined ? vif.steps.fetch(vif, queue, chain) : undefined;
    vif.steps.respond(vif, queue, chain, frame ? RSP.okay : RSP.error);
    const csumBlank = ((chain.requests[0]?.flags ?? 0) & TXF.csumBlank) !== 0;
    const gso = chain.extras.find((extra) => extra.type === 'gso');
    if (frame) vif.steps.accept(vif, queue, { frame, csumBlank, gso: gso && { size: gso.size, type: gso.gsoType } });
  },

  /** Changes the multicast filter list. Returns false if the list is full. */
  changeGroups(vif: BackendVif, { type, address }: ExtraMcast): boolean {
    if (type === 'mcast-add') return vif.groups.add(address);
    vif.groups.delete(address);
    return true;
  },

  /** Consumes one whole packet. Returns undefined while its last slot is not published. */
  takeChain(queue: BackendQueueState): TxChain | undefined {
    const start = queue.tx.reqCons;
    const requests: TxRequest[] = [];
    const extras: Extra[] = [];
    const layout: boolean[] = [];
    let fault: string | undefined;
    let next: 'data' | 'extra' | undefined = 'data';
    while (next) {
      const ready = queue.tx.unconsumed();
      if (!ready.ok || ready.value === 0) {
        queue.tx.reqCons = start;
        return undefined;
      }
      const bytes = queue.tx.take();
      layout.push(next === 'extra');
      const more: boolean = ((requests[0]?.flags ?? 0) & TXF.moreData) !== 0;
      if (next === 'extra') {
        const extra = decodeExtra(bytes);
        if (extra.ok) extras.push(extra.value);
        else fault ??= extra.reason;
        // An unknown extra still has a valid flag for whether another extra follows.
        next = ((bytes[1] ?? 0) & EXTRA_FLAG_MORE) !== 0 ? 'extra' : more ? 'data' : undefined;
        continue;
      }
      const request = decodeTxRequest(bytes);
      if (!request.ok) return undefined;
      requests.push(request.value);
      const { flags } = request.value;
      const extra: boolean = requests.length === 1 && (flags & TXF.extraInfo) !== 0;
      next = extra ? 'extra' : (flags & TXF.moreData) !== 0 ? 'data' : undefined;
    }
    return { requests, extras, layout, fault: fault ?? checkChain(requests, extras) };
  },

  /** The bytes of a packet, from mapped pages or copied from the frontend. Returns undefined if a grant cannot be read. */
  fetch(vif: BackendVif, queue: BackendQueueState, chain: TxChain): Uint8Array | undefined {
    const rest = chain.requests.slice(1).reduce((sum, request) => sum + request.size, 0);
    const pieces: Uint8Array[] = [];
    for (const [n, { gref, offset, size }] of chain.requests.entries()) {
      const length = n === 0 ? size - rest : size;
      const page = queue.mapped.page(gref) ?? queue.txPool.page(gref);
      const piece = page
        ? { status: 0, bytes: page.copyOut(offset, length) }
        : vif.domain.grants.copyFrom([{ domain: queue.frontend, ref: gref, offset, length }])[0];
      if (piece?.status !== 0) return undefined;
      pieces.push(piece.bytes);
    }
    return concat(...pieces);
  },

  /** Responds to each slot of a packet; the status of an extra's slot is NULL. */
  respond(vif: BackendVif, queue: BackendQueueState, chain: TxChain, status: number): void {
    for (const response of responsesTo(chain, status)) queue.tx.put(encodeTxResponse(response));
    vif.steps.push(vif, queue.tx, queue.txPort);
  },
};

/** One response for each slot of a packet, in the order of the slots. */
export function responsesTo({ requests, layout }: TxChain, status: number): TxResponse[] {
  const ids = requests.map(({ id }) => id);
  return layout.map((isExtra) => (isExtra ? { id: 0, status: RSP.null } : { id: ids.shift() ?? 0, status }));
}

function isMulticast(extra: Extra): extra is ExtraMcast {
  return extra.type === 'mcast-add' || extra.type === 'mcast-del';
}

/** Returns why a packet is refused, or undefined for a valid packet. `most` is the maximum number of data slots. */
export function checkChain(
  requests: readonly TxRequest[],
  extras: readonly Extra[],
  most = NR_SLOTS_MIN,
): string | undefined {
  const gso = extras.find((extra) => extra.type === 'gso');
  const known = gso?.gsoType === GSO_TYPE.tcpv4 || gso?.gsoType === GSO_TYPE.tcpv6;
  if (gso && (gso.size === 0 || !known)) return `GSO of type ${gso.gsoType} and size ${gso.size}`;
  if (requests.length > most) return `${requests.length} slots`;
  const total = requests[0]?.size ?? 0;
  const rest = requests.slice(1).reduce((sum, request) => sum + request.size, 0);
  if (total < ETHERNET_HEADER) return `${total} bytes are less than an Ethernet header`;
  if (rest > total) return `fragments of ${rest} bytes in a packet of ${total}`;
  const lengths = requests.map((request, n) => (n === 0 ? total - rest : request.size));
  const crossing = requests.find((request, n) => request.offset + (lengths[n] ?? 0) > PAGE_SIZE);
  return crossing ? `offset ${crossing.offset} crosses the page` : undefined;
}
