/** The buffers of one ring of a reference frontend. */
import type { DomId, GrantRef, Grants, Offer } from '../xen/domain.js';

/** Gives out granted pages: those that it keeps first, for which the backend may have a mapping, then fresh ones. */
export class BufferPool {
  readonly #kept = new Set<Offer>();
  readonly #idle: Offer[] = [];

  constructor(
    private readonly grants: Grants,
    private readonly backend: DomId,
    private readonly access: 'read-only' | 'read-write',
  ) {}

  /** The grants that are kept. */
  get refs(): GrantRef[] {
    return [...this.#kept].map((offer) => offer.ref);
  }

  /** Makes `count` buffers that are kept. */
  fill(count: number): void {
    for (let n = 0; n < count; n++) {
      const offer = this.grants.offer(this.backend, this.access);
      this.#kept.add(offer);
      this.#idle.push(offer);
    }
  }

  take(): Offer {
    return this.#idle.pop() ?? this.grants.offer(this.backend, this.access);
  }

  /** Takes a buffer back. */
  give(offer: Offer): void {
    if (this.#kept.has(offer)) this.#idle.push(offer);
    else offer.end();
  }

  /** Ends the grants of what is kept; all must have been given back. */
  clear(): void {
    for (const offer of this.#kept) offer.end();
    this.#kept.clear();
    this.#idle.length = 0;
  }
}
