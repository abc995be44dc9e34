/** A domain whose driver writes what is right, and from which something else goes out. */
import { ringOfSlot } from '../protocol/print-slot.js';
import { RING_OFFSET } from '../protocol/ring.js';
import type { Domain, Grants, Offer, Page } from '../xen/domain.js';

/** What a driver writes: slots, indexes of a ring, or the bytes of anything else. */
export type Written = 'slot' | 'index' | 'data';

/** Spoils the next things of a kind: the word at byte `at` of each (of an index: all of it) becomes `value`. */
export interface Spoil {
  readonly what: Written;
  readonly at: number;
  readonly value: number;
  readonly times: number;
}

/** Stands between a driver and its domain. */
export class Spoiler {
  readonly domain: Domain;
  readonly #offers = new Set<Offer>();
  #spoil: Spoil | undefined;
  #left = 0;

  constructor(domain: Domain) {
    this.domain = { ...domain, grants: this.#grants(domain.grants), close: () => domain.close() };
  }

  /** From now on; forgets an earlier one that isn't over. */
  arm(spoil: Spoil): void {
    this.#spoil = spoil;
    this.#left = spoil.times;
  }

  /** Withdraws one of the pages that the driver offers, behind its back; false if there is none. */
  revoke(n: number): boolean {
    const offer = [...this.#offers][n % Math.max(this.#offers.size, 1)];
    if (!offer) return false;
    this.#offers.delete(offer);
    offer.end();
    return true;
  }

  #grants(grants: Grants): Grants {
    return {
      offer: (domain, access) => {
        const offer = grants.offer(domain, access);
        const shown: Offer = {
          ref: offer.ref,
          page: this.#page(offer.page),
          end: () => {
            if (this.#offers.delete(shown)) offer.end();
          },
        };
        this.#offers.add(shown);
        return shown;
      },
      map: (domain, refs, access) => {
        const mapping = grants.map(domain, refs, access);
        return { pages: mapping.pages.map((page) => this.#page(page)), unmap: () => mapping.unmap() };
      },
      copyFrom: (segments) => grants.copyFrom(segments),
      copyTo: (segments) =>
        grants.copyTo(segments.map((each) => ({ ...each, bytes: this.#spoilt('data', each.bytes) }))),
    };
  }

  #page(page: Page): Page {
    // Any other page may hold what is as long as a slot.
    let isRing = false;
    const touched = (offset: number): void => {
      isRing ||= offset < RING_OFFSET.pvt;
    };
    return {
      writable: page.writable,
      load32: (offset) => {
        touched(offset);
        return page.load32(offset);
      },
      store32: (offset, value) => {
        touched(offset);
        page.store32(offset, this.#struck('index') ? (this.#spoil?.value ?? value) : value);
      },
      copyOut: (offset, length) => page.copyOut(offset, length),
      copyIn: (offset, bytes) => {
        const what = isRing && ringOfSlot(offset, bytes.length) ? 'slot' : 'data';
        page.copyIn(offset, this.#spoilt(what, bytes));
      },
      flicker: (offset, values) => page.flicker(offset, values),
    };
  }

  #spoilt(what: Written, bytes: Uint8Array): Uint8Array {
    if (bytes.length < 2 || !this.#struck(what)) return bytes;
    const { at, value } = this.#spoil as Spoil;
    const changed = Uint8Array.from(bytes);
    new DataView(changed.buffer).setUint16(at % (bytes.length - 1), value & 0xffff, true);
    return changed;
  }

  /** Whether this is one of those to be spoilt; counts it. */
  #struck(what: Written): boolean {
    if (this.#spoil?.what !== what || this.#left === 0) return false;
    this.#left--;
    return true;
  }
}
