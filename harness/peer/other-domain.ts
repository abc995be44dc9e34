import type { CopySegment, DomId, Domain, GrantRef, Mapping, Offer, Port } from '../xen/domain.js';

/** A piece of a grant copy to or from the domain of the driver under test. */
type Segment = Omit<CopySegment, 'domain'>;

/** The domain of the driver under test, as the peer uses it: grants from and to it, and event channels with it. */
export class OtherDomain {
  constructor(
    private readonly local: Domain,
    readonly id: DomId,
  ) {}

  /** Offers one zeroed page to the other domain. */
  offer(access: 'read-only' | 'read-write'): Offer {
    return this.local.grants.offer(this.id, access);
  }

  /** Maps pages of the other domain, read-write. */
  map(refs: readonly GrantRef[]): Mapping {
    return this.local.grants.map(this.id, refs, 'read-write');
  }

  /** Copies bytes out of pages that the other domain granted. */
  copyFrom(segments: readonly (Segment & { length: number })[]): { status: number; bytes: Uint8Array }[] {
    return this.local.grants.copyFrom(
      segments.map(({ ref, offset, length }) => ({ domain: this.id, ref, offset, length })),
    );
  }

  /** Copies bytes into pages that the other domain granted; returns the GNTST status of each segment. */
  copyTo(segments: readonly (Segment & { bytes: Uint8Array })[]): number[] {
    return this.local.grants.copyTo(
      segments.map(({ ref, offset, bytes }) => ({ domain: this.id, ref, offset, bytes })),
    );
  }

  /** Allocates a port that the other domain may bind to. */
  bindUnbound(): Port {
    return this.local.events.bindUnbound(this.id);
  }

  /** Allocates a port and binds it to `port` of the other domain. */
  bindInterdomain(port: Port): Port {
    return this.local.events.bindInterdomain(this.id, port);
  }

  notify(port: Port): void {
    this.local.events.notify(port);
  }

  unbind(port: Port): void {
    this.local.events.unbind(port);
  }
}
