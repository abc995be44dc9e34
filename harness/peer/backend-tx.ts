import { concat } from '../packet/bytes.js';
import { decodeExtra, type Extra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, RSP, TXF } from '../protocol/netif.js';
import { TX_RING } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import { decodeTxRequest, encodeTxResponse, type TxRequest } from '../protocol/tx.js';
import { type DomId, type Grants, type Page, PAGE_SIZE } from '../xen/domain.js';
import { Violation } from './violation.js';

/** A packet that the frontend transmitted. */
export interface TxPacket {
  readonly frame: Uint8Array;
  /** The data slots, first fragment first. */
  readonly requests: readonly TxRequest[];
  readonly extras: readonly Extra[];
  /** Ring index of the first slot. */
  readonly index: number;
  /** Slots in ring order: true where the slot is an extra info. */
  readonly layout: readonly boolean[];
}

/** A packet whose bytes have yet to be copied. */
type Chain = Omit<TxPacket, 'frame'>;

/** The transmit half of one queue of a backend peer. */
export class BackendTx {
  readonly ring: BackRing;
  /** Packets are answered as soon as they are read; a test that answers them itself turns this off. */
  respond = true;
  #chain: { requests: TxRequest[]; extras: Extra[]; layout: boolean[]; index: number } | undefined;
  #next: 'extra' | 'data' | undefined;

  constructor(
    private readonly grants: Grants,
    private readonly frontend: DomId,
    page: Page,
  ) {
    this.ring = new BackRing(page, TX_RING);
    this.ring.attach();
  }

  /**
   * Reads the packets that are there: first the slots of all, then their bytes, so that a slot that makes no sense is
   * found before a grant that makes none.
   *
   * @throws Violation if indices, a slot or a grant make no sense
   */
  service(): TxPacket[] {
    const chains: Chain[] = [];
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-06'], `tx ring: ${ready.reason}`);
      for (let n = 0; n < ready.value; n++) {
        const chain = this.#take();
        if (chain) chains.push(chain);
      }
      if (this.#chain) {
        throw new Violation(
          ['TXW-21'],
          `tx ring: req_prod ends inside a packet of ${this.#chain.layout.length} slots so far`,
        );
      }
      const more = this.ring.finalCheck();
      if (!more.ok || !more.value) return this.#fetch(chains);
    }
  }

  /** Puts the responses of a packet on the ring, in slot order, without publishing them. */
  answer(packet: TxPacket, status: number = RSP.okay): void {
    let request = 0;
    for (const isExtra of packet.layout) {
      if (isExtra) this.ring.put(encodeTxResponse({ id: 0, status: RSP.null }));
      else this.ring.put(encodeTxResponse({ id: packet.requests[request++]?.id ?? 0, status }));
    }
  }

  #take(): Chain | undefined {
    const index = this.ring.reqCons;
    const bytes = this.ring.take();
    const chain = (this.#chain ??= { requests: [], extras: [], layout: [], index });
    chain.layout.push(this.#next === 'extra');
    if (this.#next === 'extra') this.#extra(chain, bytes);
    else this.#data(chain, bytes);
    if (this.#next && chain.layout.length === TX_RING.size) {
      // There is no room for a slot that could end it.
      throw new Violation(['SLOT-02'], `tx packet without end: ${TX_RING.size} slots, the whole ring`);
    }
    if (this.#next) return undefined;
    this.#chain = undefined;
    return chain;
  }

  #extra(chain: { requests: TxRequest[]; extras: Extra[] }, bytes: Uint8Array): void {
    const extra = decodeExtra(bytes);
    if (!extra.ok) throw new Violation(['EXTRA-04'], `tx extra info: ${extra.reason}`);
    chain.extras.push(extra.value);
    const more = ((chain.requests[0]?.flags ?? 0) & TXF.moreData) !== 0;
    this.#next = (extra.value.flags & EXTRA_FLAG_MORE) !== 0 ? 'extra' : more ? 'data' : undefined;
  }

  #data(chain: { requests: TxRequest[] }, bytes: Uint8Array): void {
    const request = decodeTxRequest(bytes);
    if (!request.ok) throw new Violation(['TXW-01'], `tx request: ${request.reason}`);
    const { flags } = request.value;
    const first = chain.requests.length === 0;
    chain.requests.push(request.value);
    this.#next = first && (flags & TXF.extraInfo) !== 0 ? 'extra' : (flags & TXF.moreData) !== 0 ? 'data' : undefined;
  }

  /** Copies the bytes of all packets at once: each copy by itself would cost as much as all of them. */
  #fetch(chains: readonly Chain[]): TxPacket[] {
    const segments = chains.flatMap(({ requests }) => {
      const lengths = fragmentLengths(requests);
      return requests.map(({ gref, offset }, n) => ({
        domain: this.frontend,
        ref: gref,
        offset,
        length: lengths[n] ?? 0,
      }));
    });
    const copies = segments.length > 0 ? this.grants.copyFrom(segments) : [];
    let next = 0;
    return chains.map((chain) => {
      const own = copies.slice(next, (next += chain.requests.length));
      const failed = own.findIndex((copy) => copy.status !== 0);
      if (failed >= 0) {
        const ref = chain.requests[failed]?.gref;
        throw new Violation(
          ['GNT-04'],
          `tx fragment ${failed}: grant ${ref} can't be copied (GNTST ${own[failed]?.status})`,
        );
      }
      return { ...chain, frame: concat(...own.map(({ bytes }) => bytes)) };
    });
  }
}

/**
 * The bytes of each fragment: the first slot tells the packet's size, the others their own (netif.h, "Guest transmit").
 *
 * @throws Violation if they can't be
 */
function fragmentLengths(requests: readonly TxRequest[]): number[] {
  const [first, ...rest] = requests.map((request) => request.size);
  const own = (first ?? 0) - rest.reduce((sum, size) => sum + size, 0);
  if (own < 0)
    throw new Violation(['TXW-01'], `tx packet of ${first} bytes whose later fragments hold ${(first ?? 0) - own}`);
  const lengths = [own, ...rest];
  lengths.forEach((length, n) => {
    const offset = requests[n]?.offset ?? 0;
    if (offset + length > PAGE_SIZE) {
      throw new Violation(['TXW-04'], `tx fragment ${n}: offset ${offset} + ${length} bytes is beyond the page`);
    }
  });
  return lengths;
}
