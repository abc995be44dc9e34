import { concat } from '../bytes/bytes.js';
import { decodeExtra, EXTRA_BYTES, type Extra } from '../protocol/extra.js';
import { EXTRA_FLAG_MORE, EXTRA_TYPE, GSO_TYPE, RSP, TXF } from '../protocol/netif.js';
import { TX_RING } from '../protocol/ring.js';
import { BackRing } from '../protocol/shared-ring.js';
import { GNTST } from '../protocol/grant.js';
import { decodeTxRequest, encodeTxResponse, type TxRequest } from '../protocol/tx.js';
import { type Page, PAGE_SIZE } from '../xen/domain.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import type { OtherDomain } from './other-domain.js';
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
  /** Ids of the packet that were already in flight. */
  readonly taken: readonly number[];
  /** By how many updates of req_prod the packet was published; undefined where that cannot be observed. */
  readonly updates: number | undefined;
}

/** A packet whose data is not copied yet. */
type Chain = Omit<TxPacket, 'frame'>;

/** A packet whose last slot is not read yet. */
interface OpenChain extends Chain {
  readonly requests: TxRequest[];
  readonly extras: Extra[];
  readonly layout: boolean[];
  readonly taken: number[];
  updates: number | undefined;
}

/** The transmit half of one queue of a backend peer. */
export class BackendTx {
  readonly ring: BackRing<Page>;
  /** Whether packets get their responses as soon as they are read; a test that responds by itself sets it to false. */
  respond = true;
  /** Ids of requests without a response. */
  readonly #inFlight = new Set<number>();
  /** Slots with data whose responses a test withholds, by id, with the bytes that they had. */
  readonly #withheld = new Map<number, { readonly request: TxRequest; readonly read: Uint8Array }>();
  #chain: OpenChain | undefined;
  #next: 'extra' | 'data' | undefined;

  constructor(
    private readonly frontend: OtherDomain,
    page: Page,
    private readonly monitor: VifMonitor,
  ) {
    this.ring = new BackRing(page, TX_RING);
    this.ring.attach();
    this.ring.watch();
  }

  /**
   * Reads all published packets: first all slots, then the data, so that an invalid slot is reported before an invalid
   * grant.
   *
   * @throws Violation if an index, a slot or a grant is invalid
   */
  service(): TxPacket[] {
    const chains: Chain[] = [];
    for (;;) {
      const ready = this.ring.unconsumed();
      if (!ready.ok) throw new Violation(['RING-06'], ready.reason);
      for (let n = 0; n < ready.value; n++) {
        const chain = this.#take();
        if (chain) chains.push(chain);
      }
      if (this.#chain) throw this.#unfinished(this.#chain);
      const more = this.ring.finalCheck();
      if (!more.ok || !more.value) return this.#fetch(chains);
    }
  }

  #unfinished({ layout, extras }: OpenChain): Violation {
    const where = `tx ring: req_prod ends inside a packet of ${layout.length} slots so far`;
    return this.#next === 'extra' && extras.length > 0
      ? new Violation(['EXTRA-08', 'TXW-21'], `${where}, whose last extra says that another one follows`)
      : new Violation(this.#next === 'data' ? ['TXW-07', 'TXW-21'] : ['TXW-21'], where);
  }

  /** Writes the responses of a packet to the ring, in slot order, without publishing them. */
  answer(packet: TxPacket, status: number = RSP.okay): void {
    let request = 0;
    for (const isExtra of packet.layout) {
      if (isExtra) this.ring.put(encodeTxResponse({ id: 0, status: RSP.null }));
      else this.answerRequest(packet.requests[request++]?.id ?? 0, status);
    }
  }

  /** Writes the response to one request of a packet; the others are still in flight. */
  answerRequest(id: number, status: number): void {
    this.#inFlight.delete(id);
    this.#readAgain(id);
    this.ring.put(encodeTxResponse({ id, status }));
  }

  /** Lets the monitor compare the data of a slot whose response was withheld with what it was when it was read. */
  #readAgain(id: number): void {
    const slot = this.#withheld.get(id);
    if (!slot) return;
    this.#withheld.delete(id);
    const { request, read } = slot;
    const [copy] = this.frontend.copyFrom([{ ref: request.gref, offset: request.offset, length: read.length }]);
    // A frontend that has closed meanwhile has ended the grant.
    if (copy?.status === GNTST.okay) this.monitor.see('withheld', () => ({ read, found: copy.bytes }));
  }

  #take(): Chain | undefined {
    const index = this.ring.reqCons;
    const bytes = this.ring.take();
    const { published } = this.ring;
    const updates = published && 1;
    const chain = (this.#chain ??= { requests: [], extras: [], layout: [], taken: [], index, updates });
    if (chain.updates !== undefined && chain.layout.length > 0 && published?.begins) chain.updates++;
    chain.layout.push(this.#next === 'extra');
    if (this.#next === 'extra') this.#extra(chain, bytes);
    else this.#data(chain, bytes);
    if (this.#next && chain.layout.length === TX_RING.size) {
      // The chain fills the ring, so no slot is left that could end it.
      throw new Violation(['SLOT-02'], `tx packet does not end within ${TX_RING.size} slots, the size of the ring`);
    }
    if (this.#next) return undefined;
    this.#chain = undefined;
    return chain;
  }

  /** The highest id up to `id` that no request in flight has. */
  unusedId(id: number): number {
    while (this.#inFlight.has(id)) id = (id - 1) & 0xffff;
    return id;
  }

  #extra(chain: OpenChain, bytes: Uint8Array): void {
    const extra = decodeExtra(bytes);
    if (!extra.ok) {
      // A slot of another kind where an extra was announced, or an extra that no header has.
      const announced = chain.extras.length > 0 ? 'EXTRA-08' : 'TXW-06';
      throw new Violation([bytes[0] === EXTRA_TYPE.none ? 'EXTRA-03' : announced], `tx ${extra.reason}`);
    }
    chain.extras.push(extra.value);
    const more = ((chain.requests[0]?.flags ?? 0) & TXF.moreData) !== 0;
    this.#next = (extra.value.flags & EXTRA_FLAG_MORE) !== 0 ? 'extra' : more ? 'data' : undefined;
  }

  #data(chain: OpenChain, bytes: Uint8Array): void {
    if (chain.requests.length === 0 && bytes.every((byte) => byte === 0)) {
      throw new Violation(['RING-01', 'RING-05'], `tx ring: slot ${chain.index % TX_RING.size} is published but empty`);
    }
    const request = decodeTxRequest(bytes);
    if (!request.ok) throw new Violation(['TXW-01'], `tx request: ${request.reason}`);
    if (readsAsGso(bytes)) {
      throw new Violation(['EXTRA-01'], 'tx request: it is a GSO extra, and the slot before it announces none');
    }
    const { flags, id } = request.value;
    // The slots of one packet may share an id: OpenBSD's do.
    if (this.#inFlight.has(id) && !chain.requests.some((slot) => slot.id === id)) chain.taken.push(id);
    this.#inFlight.add(id);
    const first = chain.requests.length === 0;
    chain.requests.push(request.value);
    this.#next = first && (flags & TXF.extraInfo) !== 0 ? 'extra' : (flags & TXF.moreData) !== 0 ? 'data' : undefined;
  }

  /** Copies the data of all packets in one batch: a single copy costs as much as a batch. */
  #fetch(chains: readonly Chain[]): TxPacket[] {
    const segments = chains.flatMap((chain) => {
      const requests = dataOf(chain);
      const lengths = fragmentLengths(requests);
      return requests.map(({ gref, offset }, n) => ({
        ref: gref,
        offset,
        length: lengths[n] ?? 0,
      }));
    });
    const copies = segments.length > 0 ? this.frontend.copyFrom(segments) : [];
    let next = 0;
    return chains.map((chain) => {
      const own = copies.slice(next, (next += dataOf(chain).length));
      const failed = own.findIndex((copy) => copy.status !== 0);
      if (failed >= 0) {
        const ref = chain.requests[failed]?.gref;
        throw new Violation(
          ['GNT-01', 'TXW-16'],
          `tx fragment ${failed}: grant ${ref} can't be copied (GNTST ${own[failed]?.status}): it was never valid, or ` +
            'was ended before the response',
        );
      }
      if (!this.respond) {
        dataOf(chain).forEach((request, n) => this.#withheld.set(request.id, { request, read: own[n]?.bytes ?? NONE }));
      }
      return { ...chain, frame: concat(...own.map(({ bytes }) => bytes)) };
    });
  }
}

const NONE = new Uint8Array();

/** Whether a slot is a GSO extra in every field, which as a request would be one of no bytes. */
function readsAsGso(bytes: Uint8Array): boolean {
  const extra = decodeExtra(bytes);
  if (!extra.ok || extra.value.type !== 'gso' || bytes.subarray(EXTRA_BYTES).some((byte) => byte !== 0)) return false;
  const { flags, size, gsoType, pad, features } = extra.value;
  const isType = gsoType === GSO_TYPE.tcpv4 || gsoType === GSO_TYPE.tcpv6;
  return flags <= EXTRA_FLAG_MORE && size > 0 && isType && pad === 0 && features === 0;
}

/**
 * The requests whose pages hold data. A multicast dummy request has no data: its page may be anything (netif.h,
 * "feature-multicast-control").
 */
function dataOf({ requests, extras }: Chain): readonly TxRequest[] {
  return extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del') ? [] : requests;
}

/**
 * The bytes of each fragment: the first slot has the size of the packet, the others have their own (netif.h, "Guest
 * transmit").
 *
 * @throws Violation if the sizes contradict each other or a fragment crosses its page
 */
export function fragmentLengths(requests: readonly TxRequest[]): number[] {
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
