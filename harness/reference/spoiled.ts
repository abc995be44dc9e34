/** A domain whose driver writes what is right, and from which something else goes out. */
import { RingSight } from '../protocol/ring.js';
import type { Domain, Grants, Page, Store, StoreAccess } from '../xen/domain.js';

/** What a driver writes: slots, indexes of a ring, the bytes of anything else in a page, and keys. */
export type Written = 'slot' | 'index' | 'data' | 'key';

/** Spoils the next things of a kind: in each the two bytes at `at`, or before its end, become `value`; an index whole. */
export interface Spoil {
  readonly what: Exclude<Written, 'key'>;
  readonly at: number;
  readonly value: number;
  readonly times: number;
}

/** Stands between a driver and its domain. */
export class Spoiler {
  readonly domain: Domain;
  /** What was really spoilt so far. */
  readonly struck = new Set<Written>();
  /** Pages that the driver comes by while this is set are left alone for ever. */
  sparing = false;
  readonly #revocable = new Set<() => void>();
  #spoil: Spoil | undefined;
  #left = 0;
  #lie: { readonly key: string; readonly value: string } | undefined;

  constructor(domain: Domain) {
    this.domain = {
      ...domain,
      grants: this.#grants(domain.grants),
      store: this.#store(domain.store),
      close: () => domain.close(),
    };
  }

  /** From now on; forgets an earlier one that isn't over. */
  arm(spoil: Spoil): void {
    this.#spoil = spoil;
    this.#left = spoil.times;
  }

  /** The next time that the driver writes `key`, this is what becomes of it. */
  lie(key: string, value: string): void {
    this.#lie = { key, value };
  }

  /** Withdraws one of the pages that the driver offers, behind its back; false if there is none. */
  revoke(n: number): boolean {
    const withdraw = [...this.#revocable][n % Math.max(this.#revocable.size, 1)];
    if (!withdraw) return false;
    this.#revocable.delete(withdraw);
    withdraw();
    return true;
  }

  #grants(grants: Grants): Grants {
    return {
      offer: (domain, access) => {
        const offer = grants.offer(domain, access);
        let revoked = false;
        const withdraw = (): void => {
          revoked = true;
          offer.end();
        };
        if (!this.sparing) this.#revocable.add(withdraw);
        const end = (): void => {
          this.#revocable.delete(withdraw);
          if (!revoked) offer.end();
        };
        return { ref: offer.ref, page: this.#page(offer.page, () => revoked), end };
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

  #store(store: Store): Store {
    const lying = (access: StoreAccess): StoreAccess => ({
      read: (path) => access.read(path),
      list: (path) => access.list(path),
      write: (path, value) => access.write(path, this.#told(path, value)),
      remove: (path) => access.remove(path),
      permissions: (path) => access.permissions(path),
      setPermissions: (path, permissions) => access.setPermissions(path, permissions),
    });
    return {
      ...lying(store),
      transaction: (body) => store.transaction((access) => body(lying(access))),
      watch: (path, listener) => store.watch(path, listener),
    };
  }

  #told(path: string, value: string): string {
    const lie = this.#lie;
    if (!lie || this.sparing || !path.endsWith(`/${lie.key}`)) return value;
    this.#lie = undefined;
    this.struck.add('key');
    return lie.value;
  }

  /** @param isGone whether it was withdrawn, which the driver doesn't know: then it reads zeros */
  #page(page: Page, isGone = (): boolean => false): Page {
    const sight = new RingSight();
    const { sparing } = this;
    return {
      writable: page.writable,
      load32: (offset) => {
        sight.touched(offset);
        return isGone() ? 0 : page.load32(offset);
      },
      store32: (offset, value) => {
        sight.touched(offset);
        const stored = !sparing && this.#strikes('index') ? (this.#spoil?.value ?? value) : value;
        if (!isGone()) page.store32(offset, stored);
      },
      copyOut: (offset, length) => (isGone() ? new Uint8Array(length) : page.copyOut(offset, length)),
      copyIn: (offset, bytes) => {
        const what = sight.slotAt(offset, bytes.length) ? 'slot' : 'data';
        const copied = sparing ? bytes : this.#spoilt(what, bytes);
        if (!isGone()) page.copyIn(offset, copied);
      },
      flicker: (offset, values) => page.flicker(offset, values),
    };
  }

  #spoilt(what: Written, bytes: Uint8Array): Uint8Array {
    if (bytes.length < 2 || !this.#strikes(what)) return bytes;
    const { at, value } = this.#spoil as Spoil;
    const changed = Uint8Array.from(bytes);
    new DataView(changed.buffer).setUint16(at % (bytes.length - 1), value & 0xffff, true);
    return changed;
  }

  /** Whether this is one of those to be spoilt; counts it. */
  #strikes(what: Written): boolean {
    if (this.#spoil?.what !== what || this.#left === 0) return false;
    this.#left--;
    this.struck.add(what);
    return true;
  }
}
