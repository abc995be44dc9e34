/** Grants that a reference backend keeps mapped for one queue: netif.h, "Static Grants", and the staging extension. */
import { type DomId, type GrantRef, type Grants, type Mapping, type Page, XenError } from '../xen/domain.js';

/** Grants that may be mapped for one queue. */
export const MAX_MAPPED = 512;

export interface GrantToMap {
  readonly ref: GrantRef;
  readonly readonly: boolean;
}

/** A table of mapped grants. Each is a unit of its own, so that it can go alone. */
export class MappedGrants {
  readonly #mappings = new Map<GrantRef, Mapping>();

  constructor(
    private readonly grants: Grants,
    private readonly frontend: DomId,
  ) {}

  get size(): number {
    return this.#mappings.size;
  }

  has(ref: GrantRef): boolean {
    return this.#mappings.has(ref);
  }

  /** Undefined for a grant that isn't mapped. */
  page(ref: GrantRef): Page | undefined {
    return this.#mappings.get(ref)?.pages[0];
  }

  /** Maps all of `entries`, or none. Throws a XenError if one can't be mapped, or is already. */
  add(entries: readonly GrantToMap[]): void {
    const added: GrantRef[] = [];
    try {
      for (const { ref, readonly } of entries) {
        if (this.#mappings.has(ref)) throw new XenError('EEXIST', `mapping grant ${ref} twice`);
        this.#mappings.set(ref, this.grants.map(this.frontend, [ref], readonly ? 'read-only' : 'read-write'));
        added.push(ref);
      }
    } catch (error) {
      for (const ref of added) this.delete(ref);
      throw error;
    }
  }

  /** False if it isn't mapped. */
  delete(ref: GrantRef): boolean {
    this.#mappings.get(ref)?.unmap();
    return this.#mappings.delete(ref);
  }

  clear(): void {
    for (const ref of [...this.#mappings.keys()]) this.delete(ref);
  }
}
