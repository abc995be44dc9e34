import {
  PAGE_SIZE,
  XenError,
  type CopySegment,
  type DomId,
  type GrantRef,
  type Grants,
  type GrantUse,
  type Mapping,
  type Offer,
} from '../domain.js';
import { GNTST, GNTTAB_NR_RESERVED_ENTRIES } from '../../protocol/grant.js';
import { Frame, SimulatedPage, type FrameMemory, type Hooks } from './page.js';
import type { Random } from './random.js';

/** A version 1 table grows by frames of this many entries. */
const ENTRIES_PER_FRAME = 512;

/** One reference of so many needs more than 16 bits, as in the table of a large guest. */
const HIGH_ONE_IN = 16;
const HIGH = 0x4000_0000;

interface Entry {
  readonly frame: Frame;
  readonly peer: DomId;
  readonly writable: boolean;
  /** False after the granter has withdrawn it; mappings may keep it alive. */
  offered: boolean;
  readers: number;
  writers: number;
}

/** One domain's grant table. */
export class GrantTable {
  readonly #entries = new Map<GrantRef, Entry>();
  #last: GrantRef = GNTTAB_NR_RESERVED_ENTRIES - 1;
  #offers = 0;
  /** Pages that were ever granted. */
  #granted = 0;

  constructor(
    readonly domain: DomId,
    private readonly limit: number,
    private readonly random: Random,
    private readonly hooks: Hooks,
  ) {}

  get offers(): number {
    return this.#offers;
  }

  grant(peer: DomId, writable: boolean, memory: FrameMemory | undefined): Entry {
    if (this.#offers >= this.limit)
      throw XenError.refused('ENOSPC', `domain ${this.domain} offers ${this.limit} pages`);
    this.#offers++;
    // References have gaps, so that no test relies on consecutive ones.
    this.#last += 1 + this.random.below(3);
    const ref = ++this.#granted % HIGH_ONE_IN === 0 ? HIGH + this.#last : this.#last;
    const frame = new Frame(this.domain, ref, this.hooks, memory);
    const entry: Entry = { frame, peer, writable, offered: true, readers: 0, writers: 0 };
    this.#entries.set(ref, entry);
    return entry;
  }

  withdraw(entry: Entry): void {
    entry.offered = false;
    this.#offers--;
    this.#drop(entry);
  }

  /** The entry if `peer` may read, or write, the page; otherwise the GNTST of the error. */
  find(ref: GrantRef, peer: DomId, write: boolean): Entry | number {
    const entry = this.#entries.get(ref);
    const size = ENTRIES_PER_FRAME * Math.ceil((this.#last + 1) / ENTRIES_PER_FRAME);
    if (!entry) return ref < size ? GNTST.generalError : GNTST.badGntref;
    return entry.peer === peer && (entry.writable || !write) ? entry : GNTST.generalError;
  }

  map(entry: Entry, write: boolean): void {
    if (write) entry.writers++;
    else entry.readers++;
  }

  unmap(entry: Entry, write: boolean): void {
    if (write) entry.writers--;
    else entry.readers--;
    this.#drop(entry);
  }

  use(ref: GrantRef): GrantUse {
    const entry = this.#entries.get(ref);
    if (!entry || entry.readers + entry.writers === 0) return 'unused';
    return entry.writers > 0 ? 'writing' : 'reading';
  }

  #drop(entry: Entry): void {
    if (entry.offered || entry.readers + entry.writers > 0) return;
    this.#entries.delete(entry.frame.ref);
    entry.frame.free();
  }
}

class SimulatedOffer implements Offer {
  readonly ref: GrantRef;

  constructor(
    readonly entry: Entry,
    readonly page: SimulatedPage,
    private readonly release: (offer: SimulatedOffer) => void,
  ) {
    this.ref = entry.frame.ref;
  }

  end(): void {
    this.page.close();
    this.release(this);
  }
}

interface Mapped {
  readonly table: GrantTable;
  readonly entry: Entry;
}

class SimulatedMapping implements Mapping {
  readonly pages: readonly SimulatedPage[];

  constructor(
    readonly granter: DomId,
    readonly entries: readonly Mapped[],
    readonly writable: boolean,
    domain: DomId,
    private readonly release: (mapping: SimulatedMapping) => void,
  ) {
    this.pages = entries.map(({ entry }) => new SimulatedPage(entry.frame, domain, writable));
  }

  unmap(): void {
    for (const page of this.pages) page.close();
    this.release(this);
  }
}

/** The offers and mappings of one handle. */
export class SimulatedGrants implements Grants {
  readonly #own: GrantTable;
  readonly #tableOf: (domain: DomId) => GrantTable | undefined;
  readonly #check: () => void;
  readonly #offers = new Set<SimulatedOffer>();
  readonly #mappings = new Set<SimulatedMapping>();

  constructor(own: GrantTable, tableOf: (domain: DomId) => GrantTable | undefined, check: () => void) {
    this.#own = own;
    this.#tableOf = tableOf;
    this.#check = check;
  }

  /** @param memory the page to offer, if it is not a new one */
  offer(domain: DomId, access: 'read-only' | 'read-write', memory?: FrameMemory): Offer {
    this.#check();
    const entry = this.#own.grant(domain, access === 'read-write', memory);
    const offer = new SimulatedOffer(entry, new SimulatedPage(entry.frame, this.#own.domain, true), (ended) => {
      if (this.#offers.delete(ended)) this.#own.withdraw(ended.entry);
    });
    this.#offers.add(offer);
    return offer;
  }

  map(domain: DomId, refs: readonly GrantRef[], access: 'read-only' | 'read-write'): SimulatedMapping {
    this.#check();
    const table = this.#tableOf(domain);
    const writable = access === 'read-write';
    const entries = refs.map((ref): Mapped => {
      const entry = table?.find(ref, this.#own.domain, writable);
      if (!table || typeof entry !== 'object')
        throw XenError.refused('EINVAL', `mapping grant ${ref} of domain ${domain} ${access}`);
      return { table, entry };
    });
    if (entries.length === 0) throw XenError.refused('EINVAL', 'mapping no grants');
    for (const { table, entry } of entries) table.map(entry, writable);
    const mapping = new SimulatedMapping(domain, entries, writable, this.#own.domain, (ended) => {
      if (!this.#mappings.delete(ended)) return;
      for (const { table, entry } of ended.entries) table.unmap(entry, ended.writable);
    });
    this.#mappings.add(mapping);
    return mapping;
  }

  copyFrom(segments: readonly (CopySegment & { length: number })[]): { status: number; bytes: Uint8Array }[] {
    this.#check();
    for (const segment of segments) checkSegment(segment, segment.length);
    return segments.map((segment) => {
      const entry = this.#find(segment, false);
      if (typeof entry === 'number') return { status: entry, bytes: new Uint8Array(0) };
      return { status: GNTST.okay, bytes: entry.frame.copyOut(this.#own.domain, segment.offset, segment.length) };
    });
  }

  copyTo(segments: readonly (CopySegment & { bytes: Uint8Array })[]): number[] {
    this.#check();
    for (const segment of segments) checkSegment(segment, segment.bytes.length);
    return segments.map((segment) => {
      const entry = this.#find(segment, true);
      if (typeof entry === 'number') return entry;
      entry.frame.copyIn(this.#own.domain, segment.offset, segment.bytes);
      return GNTST.okay;
    });
  }

  /** Mapped units of this handle. */
  get mappings(): number {
    return this.#mappings.size;
  }

  close(): void {
    for (const mapping of this.#mappings) mapping.unmap();
    for (const offer of this.#offers) offer.end();
  }

  #find(segment: CopySegment, write: boolean): Entry | number {
    const table = this.#tableOf(segment.domain);
    return table ? table.find(segment.ref, this.#own.domain, write) : GNTST.badDomain;
  }
}

/** The OS refuses a whole batch if one segment exceeds its page, before anything is copied. */
function checkSegment(segment: CopySegment, length: number): void {
  const whole = Number.isInteger(segment.offset) && Number.isInteger(length);
  if (!whole || segment.offset < 0 || length < 0 || segment.offset + length > PAGE_SIZE)
    throw XenError.refused('EINVAL', `copying ${length} bytes at offset ${segment.offset} of grant ${segment.ref}`);
}
