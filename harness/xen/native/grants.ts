import type { NativeGrants, NativePage } from '../../../native/index.js';
import {
  XenError,
  type CopySegment,
  type DomId,
  type GrantRef,
  type Grants,
  type Mapping,
  type Offer,
  type Page,
} from '../domain.js';
import { call, hasCode } from './errors.js';

/** The port's page over the addon's. */
export class SharedPage implements Page {
  constructor(private readonly page: NativePage) {}

  get writable(): boolean {
    return this.page.writable;
  }
  load32(offset: number): number {
    return call(() => this.page.load32(offset));
  }
  store32(offset: number, value: number): void {
    call(() => this.page.store32(offset, value));
  }
  copyOut(offset: number, length: number): Uint8Array {
    return call(() => this.page.copyOut(offset, length));
  }
  copyIn(offset: number, bytes: Uint8Array): void {
    call(() => this.page.copyIn(offset, bytes));
  }
  flicker(offset: number, values: readonly [number, number]): () => void {
    return call(() => this.page.flicker(offset, ...values));
  }
}

/** How many pages gntalloc offers at most, over all processes. */
export const GNTALLOC_LIMIT = '/sys/module/xen_gntalloc/parameters/limit';

/** Grants over gntdev and gntalloc. */
export class HostGrants implements Grants {
  constructor(private readonly native: NativeGrants) {}

  offer(domain: DomId, access: 'read-only' | 'read-write'): Offer {
    let region: ReturnType<NativeGrants['offer']>;
    try {
      region = call(() => this.native.offer(domain, access === 'read-write'));
    } catch (error) {
      if (!hasCode(error, 'ENOSPC')) throw error;
      throw new XenError(
        'ENOSPC',
        `no page is left to offer to domain ${domain}: xen_gntalloc.limit pages are offered; raise it in ${GNTALLOC_LIMIT}`,
      );
    }
    const [page] = region.pages;
    if (!page) throw new Error('the addon offered no page');
    return { ref: region.ref, page: new SharedPage(page), end: () => call(() => region.close()) };
  }

  map(domain: DomId, refs: readonly GrantRef[], access: 'read-only' | 'read-write'): Mapping {
    const region = call(() => this.native.map(domain, refs, access === 'read-write'));
    return {
      pages: region.pages.map((page) => new SharedPage(page)),
      unmap: () => call(() => region.close()),
    };
  }

  copyFrom(segments: readonly (CopySegment & { length: number })[]): { status: number; bytes: Uint8Array }[] {
    return call(() => this.native.copyFrom(segments));
  }

  copyTo(segments: readonly (CopySegment & { bytes: Uint8Array })[]): number[] {
    return call(() => this.native.copyTo(segments));
  }
}
