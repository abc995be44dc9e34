/** Grants that the reference backend keeps mapped for one queue (netif.h, "Static Grants", and the staging extension). */
import { type DomId, type GrantRef, type Grants, type Mapping, type Page, XenError } from '../xen/domain.js';

/** Maximum number of grants that can be mapped for one queue. */
export const MAX_MAPPED = 512;

export interface GrantToMap {
  readonly ref: GrantRef;
  readonly readonly: boolean;
}

/** A table of mapped grants. Each grant is mapped as a separate unit, so that it can be unmapped on its own. */
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

  /** The page of a grant; undefined if the grant is not mapped. */
  page(ref: GrantRef): Page | undefined {
    return this.#mappings.get(ref)?.pages[0];
  }

  /** Maps all of `entries` or none. Throws a XenError if one cannot be mapped or is already mapped. */
  add(entries: readonly GrantToMap[]): void {
    const added: GrantRef[] = [];
    try {
      for (const { ref, readonly } of entries) {
        if (this.has(ref)) throw XenError.refused('EEXIST', `mapping grant ${ref} twice`);
        this.#mappings.set(ref, this.grants.map(this.frontend, [ref], readonly ? 'read-only' : 'read-write'));
        added.push(ref);
      }
    } catch (error) {
      for (const ref of added) this.delete(ref);
      throw error;
    }
  }

  /** Unmaps a grant. Returns false if it is not mapped. */
  delete(ref: GrantRef): boolean {
    this.#mappings.get(ref)?.unmap();
    return this.#mappings.delete(ref);
  }

  clear(): void {
    for (const ref of [...this.#mappings.keys()]) this.delete(ref);
  }
}
