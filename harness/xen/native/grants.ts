import type { NativeGrants, NativePage, NativeRegion } from '../../../native/index.js';
import {
  PAGE_SIZE,
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

/** A page of the addon as a page of the port; created on first use. */
export class SharedPage implements Page {
  #page: NativePage | undefined;

  constructor(
    private readonly region: NativeRegion,
    private readonly index: number,
  ) {}

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

  private get page(): NativePage {
    return (this.#page ??= this.region.page(this.index));
  }
}

/** Creates its pages on first use. */
class SharedMapping implements Mapping {
  #pages: readonly Page[] | undefined;

  constructor(
    private readonly region: NativeRegion,
    private readonly count: number,
  ) {}

  get pages(): readonly Page[] {
    return (this.#pages ??= Array.from({ length: this.count }, (_, index) => new SharedPage(this.region, index)));
  }
  unmap(): void {
    call(() => this.region.close());
  }
}

/** File with the maximum number of pages that gntalloc offers, over all processes. */
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
        `cannot offer another page to domain ${domain}: all pages of xen_gntalloc.limit are in use; raise it in ${GNTALLOC_LIMIT}`,
      );
    }
    return { ref: region.ref, page: new SharedPage(region, 0), end: () => call(() => region.close()) };
  }

  map(domain: DomId, refs: readonly GrantRef[], access: 'read-only' | 'read-write'): Mapping {
    const region = call(() => this.native.map(domain, u32s(refs), access === 'read-write'));
    return new SharedMapping(region, refs.length);
  }

  copyFrom(segments: readonly (CopySegment & { length: number })[]): { status: number; bytes: Uint8Array }[] {
    // A segment beyond its page is refused whatever its length; this limits the buffer.
    const lengthOf = ({ length }: { length: number }): number => Math.min(length, PAGE_SIZE + 1);
    const { list, total } = flat(segments, lengthOf);
    const all = new Uint8Array(total);
    call(() => this.native.copyFrom(list, all));
    let position = 0;
    return segments.map((segment, n) => {
      const status = statusOf(list, n);
      const length = lengthOf(segment);
      const bytes = all.subarray(position, status === 0 ? position + length : position);
      position += length;
      return { status, bytes };
    });
  }

  copyTo(segments: readonly (CopySegment & { bytes: Uint8Array })[]): number[] {
    const { list, total } = flat(segments, ({ bytes }) => bytes.length);
    const all = new Uint8Array(total);
    let position = 0;
    for (const { bytes } of segments) {
      all.set(bytes, position);
      position += bytes.length;
    }
    call(() => this.native.copyTo(list, all));
    return segments.map((_, n) => statusOf(list, n));
  }
}

/** Segments in the addon's format. Throws a TypeError on a value that is not a u32. */
function flat<S extends CopySegment>(
  segments: readonly S[],
  lengthOf: (segment: S) => number,
): { list: Uint32Array; total: number } {
  const values: number[] = [];
  let total = 0;
  for (const segment of segments) {
    const length = lengthOf(segment);
    values.push(segment.domain, segment.ref, segment.offset, length);
    total += length;
  }
  return { list: u32s(values), total };
}

/** The status of segment `n`, which the addon writes in place of its length. */
const statusOf = (list: Uint32Array, n: number): number => (list[4 * n + 3] ?? 0) | 0;

function u32s(values: readonly number[]): Uint32Array {
  const list = new Uint32Array(values);
  for (let n = 0; n < list.length; n++) if (list[n] !== values[n]) throw new TypeError(`${values[n]} is not a u32`);
  return list;
}
