/** A domain that changes what its driver writes: the driver is correct, its peer sees faults. */
import { RingSight } from '../protocol/ring.js';
import type { Domain, Grants, Page, Store, StoreAccess } from '../xen/domain.js';

/** Kinds of writes: ring slots, ring indices, other bytes of a page, and keys. */
export type Written = 'slot' | 'index' | 'data' | 'key';

/** Changes the next writes of a kind: the two bytes at `at` (modulo the length) become `value`, or the whole index. */
export interface WriteFault {
  readonly what: Exclude<Written, 'key'>;
  readonly at: number;
  readonly value: number;
  readonly times: number;
}

/** Wraps the domain of a driver. */
export class FaultInjector {
  readonly domain: Domain;
  /** Kinds of writes that were changed so far. */
  readonly injected = new Set<Written>();
  /** Pages that the driver gets while this is set are never attacked. */
  protecting = false;
  readonly #revocable = new Set<() => void>();
  #writeFault: WriteFault | undefined;
  #left = 0;
  #falseValue: { readonly key: string; readonly value: string } | undefined;

  constructor(domain: Domain) {
    this.domain = {
      ...domain,
      grants: this.#grants(domain.grants),
      store: this.#store(domain.store),
      close: () => domain.close(),
    };
  }

  /** Starts to change writes. Replaces an earlier fault. */
  arm(fault: WriteFault): void {
    this.#writeFault = fault;
    this.#left = fault.times;
  }

  /** Replaces the value of the driver's next write to `key`. */
  falsify(key: string, value: string): void {
    this.#falseValue = { key, value };
  }

  /** Ends the grant of one of the driver's pages without its knowledge. Returns false if it has granted none. */
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
        if (!this.protecting) this.#revocable.add(withdraw);
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
        grants.copyTo(segments.map((each) => ({ ...each, bytes: this.#altered('data', each.bytes) }))),
    };
  }

  #store(store: Store): Store {
    const falsifying = (access: StoreAccess): StoreAccess => ({
      read: (path) => access.read(path),
      list: (path) => access.list(path),
      write: (path, value) => access.write(path, this.#valueToWrite(path, value)),
      remove: (path) => access.remove(path),
      permissions: (path) => access.permissions(path),
      setPermissions: (path, permissions) => access.setPermissions(path, permissions),
    });
    return {
      ...falsifying(store),
      transaction: (body) => store.transaction((access) => body(falsifying(access))),
      watch: (path, listener) => store.watch(path, listener),
    };
  }

  #valueToWrite(path: string, value: string): string {
    const falseValue = this.#falseValue;
    if (!falseValue || this.protecting || !path.endsWith(`/${falseValue.key}`)) return value;
    this.#falseValue = undefined;
    this.injected.add('key');
    return falseValue.value;
  }

  /** @param isGone whether the grant was revoked; the driver then reads zeros */
  #page(page: Page, isGone = (): boolean => false): Page {
    const sight = new RingSight();
    const { protecting } = this;
    return {
      writable: page.writable,
      load32: (offset) => {
        sight.touched(offset);
        return isGone() ? 0 : page.load32(offset);
      },
      store32: (offset, value) => {
        sight.touched(offset);
        const stored = !protecting && this.#countIfDue('index') ? (this.#writeFault?.value ?? value) : value;
        if (!isGone()) page.store32(offset, stored);
      },
      copyOut: (offset, length) => (isGone() ? new Uint8Array(length) : page.copyOut(offset, length)),
      copyIn: (offset, bytes) => {
        const what = sight.slotAt(offset, bytes.length) ? 'slot' : 'data';
        const copied = protecting ? bytes : this.#altered(what, bytes);
        if (!isGone()) page.copyIn(offset, copied);
      },
      flicker: (offset, values) => page.flicker(offset, values),
    };
  }

  #altered(what: Written, bytes: Uint8Array): Uint8Array {
    if (bytes.length < 2 || !this.#countIfDue(what)) return bytes;
    const { at, value } = this.#writeFault as WriteFault;
    const changed = Uint8Array.from(bytes);
    new DataView(changed.buffer).setUint16(at % (bytes.length - 1), value & 0xffff, true);
    return changed;
  }

  /** Counts a write of a kind. Returns whether to change it. */
  #countIfDue(what: Written): boolean {
    if (this.#writeFault?.what !== what || this.#left === 0) return false;
    this.#left--;
    this.injected.add(what);
    return true;
  }
}
