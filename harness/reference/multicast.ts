/** What a reference backend keeps of its frontend's multicast control (netif.h, "feature-multicast-control"). */
import type { Watch } from '../xen/domain.js';

/** Groups that a frontend may have in its list. */
const MAX_GROUPS = 64;

/** The filter of one vif. */
export class MulticastList {
  /** Whether the frontend wants only the groups of its list. */
  requested = false;
  /** Follows the frontend's wish. */
  watch: Watch | undefined;
  readonly #groups = new Set<string>();

  /** Puts a group in; false if the list is full. */
  add(address: Uint8Array): boolean {
    if (this.#groups.size >= MAX_GROUPS) return false;
    this.#groups.add(address.join());
    return true;
  }

  /** Takes a group out; one that isn't in it changes nothing. */
  delete(address: Uint8Array): void {
    this.#groups.delete(address.join());
  }

  has(address: Uint8Array): boolean {
    return this.#groups.has(address.join());
  }

  clear(): void {
    this.requested = false;
    this.#groups.clear();
  }
}
