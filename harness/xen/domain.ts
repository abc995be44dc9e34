/**
 * The port: everything that a driver, a peer or a test sees of Xen.
 *
 * It promises what user space can do on a real Xen host and nothing more. `native/` implements it over the addon,
 * `simulated/` in one process with virtual time; `contract.ts` holds the tests that both pass.
 */

/** A domain's number. */
export type DomId = number;
/** An event channel's number in the domain that holds it. */
export type Port = number;
/** A grant reference in the granting domain's table. */
export type GrantRef = number;

/** Bytes of a page that crosses the port, whatever page size the OS uses (ring.h, "XEN_PAGE_SIZE"). */
export const PAGE_SIZE = 4096;

/** What Xen or the OS refused. `code` is the errno's name: EINVAL, ENOSPC, EACCES, … */
export class XenError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${message}: ${code}`);
    this.name = 'XenError';
  }
}

/** Memory is gone: the page was closed, or it is read-only. A fault of the caller, never of the other domain. */
export class PageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PageError';
  }
}

/**
 * One 4096-byte page that another domain may read or write at any moment.
 *
 * There is no view of it: slots are copied out once and decoded from the copy, so that a value can't change between
 * its check and its use. Every method throws a {@link PageError} after the close, on a range outside the page, and on
 * a write to a read-only page.
 */
export interface Page {
  readonly writable: boolean;
  /** Loads the little-endian u32 at `offset` (a multiple of 4) with acquire semantics, then a full barrier. */
  load32(offset: number): number;
  /** Stores a u32 with release semantics, followed by a full barrier (ring.h needs one between index and event). */
  store32(offset: number, value: number): void;
  /** A private copy of `length` bytes. */
  copyOut(offset: number, length: number): Uint8Array;
  copyIn(offset: number, bytes: Uint8Array): void;
  /**
   * Changes the u32 at `offset` (a multiple of 4) from one of `values` to the other and back, as fast as it can be done,
   * until the answer is called or the page is closed: a domain that looks twice may see both. One at a time, in pages
   * that were got together.
   */
  flicker(offset: number, values: readonly [number, number]): () => void;
}

/** A page of this domain, offered to another. */
export interface Offer {
  readonly ref: GrantRef;
  readonly page: Page;
  /** Withdraws the offer and closes the page. Xen keeps the entry alive for as long as the other domain maps it. */
  end(): void;
}

/** Another domain's pages, mapped as one unit: it was mapped whole and is unmapped whole. */
export interface Mapping {
  readonly pages: readonly Page[];
  unmap(): void;
}

/** One piece of a grant copy, within one page of the granting domain. */
export interface CopySegment {
  readonly domain: DomId;
  readonly ref: GrantRef;
  /** Bytes from the start of the page. */
  readonly offset: number;
}

export interface Grants {
  /** Offers one page to `domain`; the page is zeroed. Throws ENOSPC where the OS allows no more. */
  offer(domain: DomId, access: 'read-only' | 'read-write'): Offer;
  /** Maps `refs` of `domain`, in order. Throws (EINVAL, …) and maps nothing if any of them can't be mapped. */
  map(domain: DomId, refs: readonly GrantRef[], access: 'read-only' | 'read-write'): Mapping;
  /** Copies bytes out of granted pages. Each segment has its own GNTST status; `bytes` is empty unless that is 0. */
  copyFrom(segments: readonly (CopySegment & { length: number })[]): { status: number; bytes: Uint8Array }[];
  /** Copies bytes into granted pages; answers each segment's GNTST status. */
  copyTo(segments: readonly (CopySegment & { bytes: Uint8Array })[]): number[];
}

/** Event channels. An event is a bit, not a message: a hundred notifies may be seen as one. */
export interface Events {
  /** A new port that `remote` may bind to. */
  bindUnbound(remote: DomId): Port;
  /** A new port joined to `remotePort` of `remote`. It is pending at once, as on real Xen. */
  bindInterdomain(remote: DomId, remotePort: Port): Port;
  unbind(port: Port): void;
  notify(port: Port): void;
  /** The ports that fired since their last unmask, each now masked; empty if none did. */
  take(): Port[];
  /** Lets `port` fire again; an event that came while it was masked is pending at once. */
  unmask(port: Port): void;
  /** Calls `listener`, from the event loop, when {@link take} has something to give. One listener a domain. */
  onPending(listener: () => void): void;
}

/** The permission letters of xenstore: none, read, write, both. The first entry of a list names the owner. */
export interface Permission {
  readonly domain: DomId;
  readonly access: 'n' | 'r' | 'w' | 'b';
}

/** Reads and writes of xenstore, inside a transaction or outside. Relative paths start at the domain's own home. */
export interface StoreAccess {
  /** The node's value, or undefined if there is no such node. Bytes that aren't UTF-8 come as U+FFFD. */
  read(path: string): Promise<string | undefined>;
  /** The names of the node's children, or undefined if there is no such node. */
  list(path: string): Promise<string[] | undefined>;
  write(path: string, value: string): Promise<void>;
  /** Removes the node and all below it; removing what isn't there is no error. */
  remove(path: string): Promise<void>;
  permissions(path: string): Promise<Permission[] | undefined>;
  setPermissions(path: string, permissions: readonly Permission[]): Promise<void>;
}

export interface Watch {
  close(): Promise<void>;
}

export interface Store extends StoreAccess {
  /** Runs `body` as one transaction, again from its start for as long as xenstored answers EAGAIN (at most 100 times). */
  transaction<T>(body: (access: StoreAccess) => Promise<T>): Promise<T>;
  /** Calls `listener` once at first, then with the path of each change at or below `path`. */
  watch(path: string, listener: (path: string) => void): Promise<Watch>;
}

export interface Clock {
  /** Milliseconds since some fixed moment; virtual in the simulator. */
  now(): number;
  /** Calls `callback` after `ms` milliseconds; the answer cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** Keeps virtual time from jumping until the answer is called: for real I/O inside simulated code. */
  hold(): () => void;
}

/** Who still uses a grant: reading or writing it by a mapping. `unknown` where the host gives no way to look. */
export type GrantUse = 'unused' | 'reading' | 'writing' | 'unknown';

/** A view of other domains that no driver has; only tests and audits use it. */
export interface Observer {
  /** How other domains use entry `ref` of `granter`'s grant table right now. */
  grantUse(granter: DomId, ref: GrantRef): Promise<GrantUse>;
}

/** What an adapter can do beyond the port; a test may need one. */
export type Capability = 'observer';

export interface Domain {
  readonly id: DomId;
  readonly store: Store;
  readonly grants: Grants;
  readonly events: Events;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly capabilities: ReadonlySet<Capability>;
  /** Ends every offer, mapping, port and watch of this handle. Using it afterwards throws. */
  close(): Promise<void>;
}

/** What a domain holds of Xen's, over all its handles. */
export interface Holdings {
  readonly grants: number;
  readonly mappings: number;
  readonly eventChannels: number;
  readonly watches: number;
}
