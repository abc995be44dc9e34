/**
 * The addon: Xen's libraries and a TAP device for JavaScript. This file loads and types it; the port,
 * harness/xen/domain.ts, documents what the functions mean for a driver, and harness/xen/native/ implements it with
 * them. Errors have a message that names the operation, and a `code`: the errno's name (ENOENT, …; ELIBACC if one of
 * Xen's libraries is missing), or ERR_PAGE for an invalid access to shared memory.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packageRoot } from '../harness/base/root.js';
import { join } from 'node:path';

/** One page of shared memory. Each method checks the range, and throws ERR_PAGE after its region was closed. */
export interface NativePage {
  readonly writable: boolean;
  load32(offset: number): number;
  store32(offset: number, value: number): void;
  copyOut(offset: number, length: number): Uint8Array;
  copyIn(offset: number, bytes: Uint8Array): void;
  /**
   * Starts a thread that alternates a u32 between `a` and `b`, until the returned function is called or the region is
   * closed.
   */
  flicker(offset: number, a: number, b: number): () => void;
}

/** Pages that were obtained together. Garbage collection of the region and all of its pages also closes it. */
export interface NativeRegion {
  /** The page with this index in the region; a new object on each call. */
  page(index: number): NativePage;
  /** Releases the memory; a second call does nothing. */
  close(): void;
}

export interface NativeGrants {
  map(domain: number, refs: Uint32Array, writable: boolean): NativeRegion;
  /** One zeroed page; `writable` applies to the other domain. */
  offer(domain: number, writable: boolean): NativeRegion & { readonly ref: number };
  /**
   * Copies into `bytes`. A segment is four numbers: domain, ref, offset and length; the data of the segments is
   * contiguous. Replaces each length by the segment's GNTST status, as a u32; a segment beyond its page gets
   * GNTST_bad_copy_arg (-10).
   */
  copyFrom(segments: Uint32Array, bytes: Uint8Array): void;
  /** Copies out of `bytes`, as {@link copyFrom} does into them. */
  copyTo(segments: Uint32Array, bytes: Uint8Array): void;
  /** Closes every region that is still open, and the devices. */
  close(): void;
}

export interface NativeEvents {
  bindUnbound(remote: number): number;
  bindInterdomain(remote: number, remotePort: number): number;
  unbind(port: number): void;
  notify(port: number): void;
  take(): number[];
  unmask(port: number): void;
  /** `listener` is called once when `take` has a port to return, and again only after a `take`. */
  listen(listener: () => void): void;
  close(): void;
}

/** A connection to xenstored. Requests run in order on a separate thread. Transaction 0 means no transaction. */
export interface NativeStore {
  read(transaction: number, path: string): Promise<Buffer>;
  write(transaction: number, path: string, value: Uint8Array): Promise<void>;
  mkdir(transaction: number, path: string): Promise<void>;
  remove(transaction: number, path: string): Promise<void>;
  directory(transaction: number, path: string): Promise<string[]>;
  /** `bits`: 1 may read, 2 may write. */
  getPermissions(transaction: number, path: string): Promise<{ domain: number; bits: number }[]>;
  setPermissions(
    transaction: number,
    path: string,
    permissions: readonly { domain: number; bits: number }[],
  ): Promise<void>;
  transactionStart(): Promise<number>;
  /** Rejects with EAGAIN if a concurrent change conflicts with the transaction. */
  transactionEnd(transaction: number, abort: boolean): Promise<void>;
  watch(path: string, token: string): Promise<void>;
  unwatch(path: string, token: string): Promise<void>;
  /** Resolves when all earlier requests are done and the connection is closed. */
  close(): Promise<void>;
}

/** The view of other domains' grant tables, which Xen allows only in the control domain. */
export interface NativeGrantTables {
  /** The GTF_ bits of entry `ref`; in a version 2 table, GTF_reading and GTF_writing come from the status frames. */
  flags(domain: number, ref: number): number;
  close(): void;
}

export interface NativeTapOptions {
  /** Bytes of the virtio-net header before each frame. */
  readonly headerSize: 10 | 12;
  /**
   * Offloads that the kernel may leave to the reader of frames: checksums, and segmentation of TCP over IPv4 and IPv6.
   */
  readonly checksum: boolean;
  readonly tso4: boolean;
  readonly tso6: boolean;
}

export interface NativeTap {
  /** Called with each frame, header first; an error is reported once, by the last call. */
  listen(listener: (error: Error | undefined, frame?: Buffer) => void): void;
  /** Returns false if the device has no room at the moment. */
  write(frame: Uint8Array): boolean;
  /** Removes the device. */
  close(): void;
}

/** How many of each resource the addon holds in this process. */
export interface LiveCounts {
  readonly mappings: number;
  readonly offers: number;
  readonly anonymous: number;
  readonly ports: number;
  readonly stores: number;
  readonly taps: number;
  /** Releases that the OS refused during garbage collection. */
  readonly failedReleases: number;
}

export interface NativeAddon {
  readonly Grants: new () => NativeGrants;
  readonly Events: new () => NativeEvents;
  readonly GrantTables: new () => NativeGrantTables;
  /** Creates TAP device `name` in a network namespace created by `ip netns add`; '' is that of the process. */
  readonly Tap: new (name: string, netns: string, options: NativeTapOptions) => NativeTap;
  /** `onWatch` is called with path and token of every watch event of this connection. */
  openStore(onWatch: (path: string, token: string) => void): Promise<NativeStore>;
  /** A page of private memory, for tests of pages without Xen. */
  anonymousPage(writable: boolean): NativeRegion;
  liveCounts(): LiveCounts;
  /** One line for each of Xen's libraries that can't be loaded. */
  libraryProblems(): string[];
}

/** The addon that was built on this machine, and the one of the package. */
const PLACES: readonly [string, string] = [
  join(packageRoot, 'native/build/Release/netifspec_native.node'),
  join(packageRoot, `native/prebuilds/${process.platform}-${process.arch}/netifspec_native.node`),
];

/** The file of the addon; it may be missing. The variable NETIFSPEC_ADDON names another one, for tests. */
export function addonFile(): string {
  return process.env['NETIFSPEC_ADDON'] ?? PLACES.find((place) => existsSync(place)) ?? PLACES[0];
}

/** The loaded addon stays loaded; every test uses it. */
const loaded = new Map<string, NativeAddon>();

/** Loads the addon from `file`, or returns why it can't be loaded and what to do. */
export function loadNative(file = addonFile()): NativeAddon | { unavailable: string } {
  const known = loaded.get(file);
  if (known) return known;
  const advice = 'build it with "npm run install" in its folder (needs g++)';
  if (!existsSync(file)) return { unavailable: `The native addon isn't built (no ${file}): ${advice}.` };
  try {
    const addon = createRequire(import.meta.url)(file) as NativeAddon;
    loaded.set(file, addon);
    return addon;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { unavailable: `The native addon doesn't fit this Node (${why}): ${advice}.` };
  }
}
