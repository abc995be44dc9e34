/** The buffers of one ring of the reference frontend. */
import type { DomId, GrantRef, Grants, Offer } from '../xen/domain.js';

/** Provides granted pages: first those that are kept, which the backend may have mapped, then new pages. */
export class BufferPool {
  readonly #kept = new Set<Offer>();
  readonly #idle: Offer[] = [];

  constructor(
    private readonly grants: Grants,
    private readonly backend: DomId,
    private readonly access: 'read-only' | 'read-write',
  ) {}

  /** The references of the kept pages. */
  get refs(): GrantRef[] {
    return [...this.#kept].map((offer) => offer.ref);
  }

  /** Adds `count` kept pages. */
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

  /** Returns a page to the pool; the grant of a page that is not kept ends. */
  give(offer: Offer): void {
    if (this.#kept.has(offer)) this.#idle.push(offer);
    else offer.end();
  }

  /** Ends the grants of the kept pages. All must have been returned. */
  clear(): void {
    for (const offer of this.#kept) offer.end();
    this.#kept.clear();
    this.#idle.length = 0;
  }
}
