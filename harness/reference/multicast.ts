/** Multicast control of one vif of the reference backend (netif.h, "feature-multicast-control"). */
import type { Watch } from '../xen/domain.js';

/** Maximum number of groups in a filter list. */
const MAX_GROUPS = 64;

/** The filter list of one vif. */
export class MulticastList {
  /** Whether the frontend asked for a filter. */
  requested = false;
  /** The watch on the frontend's request. */
  watch: Watch | undefined;
  readonly #groups = new Set<string>();

  /** Adds a group. Returns false if the list is full. */
  add(address: Uint8Array): boolean {
    if (this.#groups.size >= MAX_GROUPS) return false;
    this.#groups.add(address.join());
    return true;
  }

  /** Removes a group. A group that is not in the list is ignored. */
  delete(address: Uint8Array): void {
    this.#groups.delete(address.join());
  }

  has(address: Uint8Array): boolean {
    return this.#groups.has(address.join());
  }

  /** Empties the list. */
  clear(): void {
    this.#groups.clear();
  }
}
