import type { RingPage } from '../../protocol/ring-page.js';
import { PAGE_SIZE, PageError, type DomId, type GrantRef, type Page } from '../domain.js';

/** One read or write of a granted page by a domain, through its own page, a mapping or a grant copy. */
export interface PageAccess {
  /** The domain that accessed the page. */
  readonly domain: DomId;
  /** The owner of the page and the reference by which it was granted. */
  readonly granter: DomId;
  readonly ref: GrantRef;
  readonly kind: 'load' | 'store';
  readonly offset: number;
  readonly length: number;
}

/** Where a test can listen. */
export interface Hooks {
  onPageAccess?: (access: PageAccess) => void;
  /** Provides the memory of all pages, if other processes share it. */
  allocate?: () => FrameMemory;
}

/** Who learns of the stores of other domains to a word. */
interface Listener {
  readonly domain: DomId;
  readonly offset: number;
  readonly told: () => void;
}

/** The bytes of one page. Offsets are those of the page, and checked. */
export interface FrameMemory {
  load32(offset: number): number;
  store32(offset: number, value: number): void;
  /** A copy. */
  read(offset: number, length: number): Uint8Array;
  write(offset: number, bytes: Uint8Array): void;
  /** The page is granted and mapped no more. */
  free?(): void;
  /** Calls `told` after another process has changed the word, if that is seen at once. Returns how to end that. */
  readonly onStore?: ((offset: number, told: () => void) => () => void) | undefined;
}

/** Memory of this process, all zero at first. */
class OwnMemory implements FrameMemory {
  readonly #bytes = new Uint8Array(PAGE_SIZE);
  readonly #words = new DataView(this.#bytes.buffer);

  load32(offset: number): number {
    return this.#words.getUint32(offset, true);
  }

  store32(offset: number, value: number): void {
    this.#words.setUint32(offset, value, true);
  }

  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
  }
}

/** The memory of a granted page, shared by every {@link SimulatedPage} of it. */
export class Frame {
  #allocated: FrameMemory | undefined;
  #listeners: Set<Listener> | undefined;
  #flicker: { readonly offset: number; values: readonly [number, number] } | undefined;

  constructor(
    readonly granter: DomId,
    readonly ref: GrantRef,
    private readonly hooks: Hooks,
    memory?: FrameMemory,
  ) {
    this.#allocated = memory;
  }

  /** Allocated by the first access, since most of the buffers that a driver posts are never used. */
  get memory(): FrameMemory {
    return (this.#allocated ??= this.hooks.allocate?.() ?? new OwnMemory());
  }

  /** Whether each access to the page passes through this class. */
  get observable(): boolean {
    return this.hooks.allocate === undefined;
  }

  /** Whether the stores of other domains are seen before they do anything else. */
  get seesStores(): boolean {
    return this.observable || this.memory.onStore !== undefined;
  }

  free(): void {
    this.#allocated?.free?.();
  }

  /** Sets the word to its other value after each read. */
  flicker(offset: number, values: readonly [number, number]): () => void {
    if (!this.observable) throw new PageError('nobody sees when another process reads a word');
    if (this.#flicker) throw new PageError('the page already has a flickering word');
    const flicker = { offset, values };
    this.#flicker = flicker;
    this.memory.store32(offset, values[0]);
    return () => {
      if (this.#flicker === flicker) this.#flicker = undefined;
    };
  }

  load32(domain: DomId, offset: number): number {
    this.#reportAccess(domain, 'load', offset, 4);
    const word = this.memory.load32(offset);
    this.#flipIfRead(offset, 4);
    return word;
  }

  store32(domain: DomId, offset: number, value: number): void {
    this.#reportAccess(domain, 'store', offset, 4);
    this.memory.store32(offset, value);
    this.#tell(domain, offset, 4);
  }

  copyOut(domain: DomId, offset: number, length: number): Uint8Array {
    this.#reportAccess(domain, 'load', offset, length);
    const bytes = this.memory.read(offset, length);
    this.#flipIfRead(offset, length);
    return bytes;
  }

  copyIn(domain: DomId, offset: number, bytes: Uint8Array): void {
    this.#reportAccess(domain, 'store', offset, bytes.length);
    this.memory.write(offset, bytes);
    this.#tell(domain, offset, bytes.length);
  }

  /** Calls `told` after each store of another domain to the word at `offset`. Returns how to end that. */
  onStore(domain: DomId, offset: number, told: () => void): () => void {
    if (!this.observable && this.memory.onStore) return this.memory.onStore(offset, told);
    const listener = { domain, offset, told };
    const listeners = (this.#listeners ??= new Set());
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #tell(domain: DomId, offset: number, length: number): void {
    if (!this.#listeners) return;
    for (const each of this.#listeners) {
      if (each.domain !== domain && each.offset < offset + length && each.offset + 4 > offset) each.told();
    }
  }

  #flipIfRead(offset: number, length: number): void {
    const flicker = this.#flicker;
    if (!flicker || offset >= flicker.offset + 4 || offset + length <= flicker.offset) return;
    flicker.values = [flicker.values[1], flicker.values[0]];
    this.memory.store32(flicker.offset, flicker.values[0]);
  }

  #reportAccess(domain: DomId, kind: PageAccess['kind'], offset: number, length: number): void {
    this.hooks.onPageAccess?.({ domain, granter: this.granter, ref: this.ref, kind, offset, length });
  }
}

/** One domain's access to a frame. */
export class SimulatedPage implements Page {
  readonly #frame: Frame;
  readonly #domain: DomId;
  #closed = false;
  /** Ends what {@link flicker} and {@link onStore} began; undefined on most pages. */
  #stops: (() => void)[] | undefined;

  constructor(
    frame: Frame,
    domain: DomId,
    readonly writable: boolean,
  ) {
    this.#frame = frame;
    this.#domain = domain;
  }

  load32(offset: number): number {
    this.#check(offset, 4, 4);
    return this.#frame.load32(this.#domain, offset);
  }

  store32(offset: number, value: number): void {
    this.#check(offset, 4, 4);
    this.#checkWritable();
    this.#frame.store32(this.#domain, offset, value);
  }

  copyOut(offset: number, length: number): Uint8Array {
    this.#check(offset, length, 1);
    return this.#frame.copyOut(this.#domain, offset, length);
  }

  copyIn(offset: number, bytes: Uint8Array): void {
    this.#check(offset, bytes.length, 1);
    this.#checkWritable();
    this.#frame.copyIn(this.#domain, offset, bytes);
  }

  flicker(offset: number, values: readonly [number, number]): () => void {
    this.#check(offset, 4, 4);
    this.#checkWritable();
    return this.#untilClosed(this.#frame.flicker(offset, values));
  }

  /** Undefined if other processes share the memory and their stores are not seen. */
  get onStore(): RingPage['onStore'] {
    if (!this.#frame.seesStores) return undefined;
    return (offset, listener) => {
      this.#check(offset, 4, 4);
      return this.#untilClosed(this.#frame.onStore(this.#domain, offset, () => listener(this)));
    };
  }

  get memory(): FrameMemory {
    return this.#frame.memory;
  }

  close(): void {
    for (const stop of this.#stops ?? []) stop();
    this.#closed = true;
  }

  #untilClosed(stop: () => void): () => void {
    (this.#stops ??= []).push(stop);
    return stop;
  }

  #check(offset: number, length: number, alignment: number): void {
    if (this.#closed) throw new PageError('the page is closed');
    const whole = Number.isInteger(offset) && Number.isInteger(length);
    if (!whole || offset < 0 || length < 0 || offset + length > PAGE_SIZE || offset % alignment !== 0)
      throw new PageError(`no ${length} bytes at offset ${offset} of a page`);
  }

  #checkWritable(): void {
    if (!this.writable) throw new PageError('the page is read-only');
  }
}
