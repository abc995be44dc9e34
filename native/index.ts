/**
 * The addon: Xen's libraries and a TAP device for JavaScript. This file loads it and gives it types; what the functions
 * mean for a driver is said by the port, harness/xen/domain.ts, which harness/xen/native/ implements over them.
 *
 * Errors have a message that says what was tried, and a `code`: the errno's name (ENOENT, …; ELIBACC if a library of
 * Xen's is missing), or ERR_PAGE for an access to shared memory that isn't allowed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One page of shared memory. Each method checks the range, and throws ERR_PAGE after its region was closed. */
export interface NativePage {
  readonly writable: boolean;
  load32(offset: number): number;
  store32(offset: number, value: number): void;
  copyOut(offset: number, length: number): Uint8Array;
  copyIn(offset: number, bytes: Uint8Array): void;
  /** A thread changes a u32 from `a` to `b` and back, until the answer is called or the region is closed. */
  flicker(offset: number, a: number, b: number): () => void;
}

/** Pages that were got together. Garbage collection of the region and all of its pages closes it too. */
export interface NativeRegion {
  /** Page number `index` of those that were got; another object at each call. */
  page(index: number): NativePage;
  /** Releases the memory; doing it again does nothing. */
  close(): void;
}

export interface NativeGrants {
  map(domain: number, refs: Uint32Array, writable: boolean): NativeRegion;
  /** One zeroed page; `writable` is what the other domain may do. */
  offer(domain: number, writable: boolean): NativeRegion & { readonly ref: number };
  /**
   * Copies into `bytes`. A segment is four numbers: domain, ref, offset and length; the segments' bytes lie one after
   * the other. Puts its GNTST status in the place of each length, as a u32; a segment that leaves its page gets
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
  /** `listener` is called once when `take` has something to give, and again only after a `take`. */
  listen(listener: () => void): void;
  close(): void;
}

/** A connection to xenstored. Requests run in order on a thread of their own. Transaction 0 is none. */
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
  /** Rejects with EAGAIN if a concurrent change made the transaction void. */
  transactionEnd(transaction: number, abort: boolean): Promise<void>;
  watch(path: string, token: string): Promise<void>;
  unwatch(path: string, token: string): Promise<void>;
  /** Resolves when all requests before it are done and the connection is closed. */
  close(): Promise<void>;
}

/** The view of other domains' grant tables, which Xen gives to the control domain only. */
export interface NativeGrantTables {
  /** The GTF_ bits of entry `ref`; GTF_reading and GTF_writing come from the status frames in a table of version 2. */
  flags(domain: number, ref: number): number;
  close(): void;
}

export interface NativeTapOptions {
  /** Bytes of the virtio-net header in front of each frame. */
  readonly headerSize: 10 | 12;
  /** What the kernel may leave to the reader of frames: checksums, and segmentation of TCP over IPv4 and IPv6. */
  readonly checksum: boolean;
  readonly tso4: boolean;
  readonly tso6: boolean;
}

export interface NativeTap {
  /** Hands out each frame, header first; an error comes once and is the last call. */
  listen(listener: (error: Error | undefined, frame?: Buffer) => void): void;
  /** False if the device takes no more at the moment. */
  write(frame: Uint8Array): boolean;
  /** Removes the device. */
  close(): void;
}

/** How many of each thing the addon holds in this process. */
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
  /** Creates TAP device `name` in network namespace `netns`, which `ip netns add` made; '' is the process's own. */
  readonly Tap: new (name: string, netns: string, options: NativeTapOptions) => NativeTap;
  /** `onWatch` gets path and token of every watch event of this connection. */
  openStore(onWatch: (path: string, token: string) => void): Promise<NativeStore>;
  /** A page of private memory, for tests of the pages' rules where there is no Xen. */
  anonymousPage(writable: boolean): NativeRegion;
  liveCounts(): LiveCounts;
  /** A line for each of Xen's libraries that can't be loaded. */
  libraryProblems(): string[];
}

/** The folder of netifspec's package.json, above the sources or above what was built from them. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) {
      const { name } = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown };
      if (name === 'netifspec') return folder;
    }
    if (folder === dirname(folder)) throw new Error('native/index.js is outside of the package netifspec');
  }
}

const ADDON = join(packageRoot(), 'native/build/Release/netifspec_native.node');
/** What was loaded stays loaded, and is asked for at every test. */
const loaded = new Map<string, NativeAddon>();

/** Loads the addon from `file`, or says in a sentence why that can't be and what to do. */
export function loadNative(file = ADDON): NativeAddon | { unavailable: string } {
  const known = loaded.get(file);
  if (known) return known;
  const advice = 'build it with "npm run install" in its folder (needs python3, make and g++)';
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
