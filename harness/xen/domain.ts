/**
 * The port: everything that a driver, a peer or a test can use of Xen. It offers what user space can do on a real Xen
 * host and nothing more. `native/` implements it with the addon, `simulated/` in one process with virtual time;
 * `contract/` has the tests that both pass.
 */
import { NetifspecError } from '../base/errors.js';
import type { RingPage } from '../protocol/ring-page.js';

/** A domain's number. */
export type DomId = number;
/** An event channel's number in the domain that holds it. */
export type Port = number;
/** A grant reference in the granting domain's table. */
export type GrantRef = number;

/** Bytes of a page in this interface, whatever page size the OS uses (ring.h, "XEN_PAGE_SIZE"). */
export const PAGE_SIZE = 4096;

/** An operation that Xen or the OS refused. `code` is the name of the errno: EINVAL, ENOSPC, EACCES, … */
export class XenError extends NetifspecError {
  override readonly name = 'XenError';
  readonly exitCode = 3;

  /** `message` is a sentence for the user that says what to do. */
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** For a single refused call: the message names the `call` and ends with the code. */
  static refused(code: string, call: string): XenError {
    return new XenError(code, `${call}: ${code}`);
  }
}

/** Access to memory that is closed or read-only. An error of the caller, never of the other domain. */
export class PageError extends NetifspecError {
  override readonly name = 'PageError';
  readonly exitCode = 3;
}

/**
 * One 4096-byte page that another domain may read or write at any time. There is no view of it: slots are copied out
 * once and decoded from the copy, so that a value can't change between its check and its use. Every method throws a
 * {@link PageError} after the close, on a range outside the page, and on a write to a read-only page.
 */
export interface Page extends RingPage {
  readonly writable: boolean;
  /**
   * Alternates the u32 at `offset` (a multiple of 4) between the two `values` as fast as possible, until the returned
   * function is called or the page is closed: a domain that reads it twice may see both. One word at a time per batch
   * of pages that were mapped or offered together.
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

/** Another domain's pages, mapped and unmapped as one unit. */
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
  /** Offers one zeroed page to `domain`. Throws ENOSPC if the OS allows no more offers. */
  offer(domain: DomId, access: 'read-only' | 'read-write'): Offer;
  /** Maps `refs` of `domain`, in order. If any of them can't be mapped it throws (EINVAL, …) and maps none. */
  map(domain: DomId, refs: readonly GrantRef[], access: 'read-only' | 'read-write'): Mapping;
  /**
   * Copies bytes out of granted pages. Each segment has its own GNTST status; `bytes` is empty unless the status is 0.
   */
  copyFrom(segments: readonly (CopySegment & { length: number })[]): { status: number; bytes: Uint8Array }[];
  /** Copies bytes into granted pages; returns the GNTST status of each segment. */
  copyTo(segments: readonly (CopySegment & { bytes: Uint8Array })[]): number[];
}

/** Event channels. An event is a bit, not a message: several notifies may be seen as one. */
export interface Events {
  /** Allocates a port that `remote` may bind to. */
  bindUnbound(remote: DomId): Port;
  /** Allocates a port and binds it to `remotePort` of `remote`. The port is pending at once, as on real Xen. */
  bindInterdomain(remote: DomId, remotePort: Port): Port;
  unbind(port: Port): void;
  notify(port: Port): void;
  /** The ports that fired since their last unmask, each masked by this call; empty if none did. */
  take(): Port[];
  /** Unmasks `port`; if an event arrived while it was masked, the port is pending at once. */
  unmask(port: Port): void;
  /** Calls `listener` from the event loop when {@link take} may have a port to return. One listener per handle. */
  onPending(listener: () => void): void;
}

/** The permission letters of xenstore: none, read, write, both. The first entry of a list names the owner. */
export interface Permission {
  readonly domain: DomId;
  readonly access: 'n' | 'r' | 'w' | 'b';
}

/** Reads and writes of xenstore, inside or outside a transaction. Relative paths start at the domain's home. */
export interface StoreAccess {
  /**
   * The node's value, or undefined if the node is missing. Bytes that aren't UTF-8 are read as U+FFFD. Throws EACCES for
   * a node that this domain may not read, and for a missing node whose parent it may not read: a removed device.
   */
  read(path: string): Promise<string | undefined>;
  /** The names of the node's children, or undefined if the node is missing. */
  list(path: string): Promise<string[] | undefined>;
  write(path: string, value: string): Promise<void>;
  /** Removes the node and its subtree; removing a missing node is no error. */
  remove(path: string): Promise<void>;
  permissions(path: string): Promise<Permission[] | undefined>;
  setPermissions(path: string, permissions: readonly Permission[]): Promise<void>;
}

export interface Watch {
  close(): Promise<void>;
}

export interface Store extends StoreAccess {
  /** Runs `body` as one transaction, and repeats it while xenstored returns EAGAIN (at most 100 times). */
  transaction<T>(body: (access: StoreAccess) => Promise<T>): Promise<T>;
  /** Calls `listener` once at first, then with the path of each change at or below `path`. */
  watch(path: string, listener: (path: string) => void): Promise<Watch>;
}

export interface Clock {
  /** Milliseconds since some fixed time; virtual in the simulator. */
  now(): number;
  /** Calls `callback` after `ms` milliseconds; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void;
  /** Stops virtual time from advancing until the returned function is called: for real I/O in simulated code. */
  hold(): () => void;
}

/** How a grant is in use: `reading` or `writing` through a mapping; `unknown` if the host has no way to find out. */
export type GrantUse = 'unused' | 'reading' | 'writing' | 'unknown';

/** A view of other domains that drivers don't have; only tests and audits use it. */
export interface Observer {
  /** How other domains currently use entry `ref` of `granter`'s grant table. */
  grantUse(granter: DomId, ref: GrantRef): Promise<GrantUse>;
  /** The same, synchronously, where it is cheap: on the simulated Xen. */
  readonly grantUseNow?: (granter: DomId, ref: GrantRef) => GrantUse;
}

/** Features of an adapter beyond the port; a test may need one. */
export type Capability = 'observer' | 'virtual-time' | 'flicker';

export interface Domain {
  readonly id: DomId;
  readonly store: Store;
  readonly grants: Grants;
  readonly events: Events;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly capabilities: ReadonlySet<Capability>;
  /** Ends every offer, mapping, port and watch of this handle. Any later use throws. */
  close(): Promise<void>;
}

/** The Xen resources of a domain, over all its handles. */
export interface Holdings {
  readonly grants: number;
  readonly mappings: number;
  readonly eventChannels: number;
  readonly watches: number;
}
