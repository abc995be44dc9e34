/** The memory of a simulated machine as a file, which a driver's program maps. */
import { closeSync, existsSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAGE_SIZE, XenError } from '../xen/domain.js';
import type { FrameMemory } from '../xen/simulated/page.js';

/** Pages that belong to the program; it decides on their use. */
const PROGRAM_PAGES = 64 * 1024;
/** Pages of all other domains, from {@link PROGRAM_PAGES} on. */
const OTHER_PAGES = 64 * 1024;

const ZEROES = new Uint8Array(PAGE_SIZE);

/** A word whose changes somebody wants to learn of. */
interface WatchedWord {
  readonly page: SharedPage;
  readonly offset: number;
  readonly told: () => void;
  value: number;
}

/** A file of pages. Its length is that of all pages; a page that was never written occupies nothing. */
export class SharedMemory {
  readonly fd: number;
  /** Whether the program calls at its barriers, so that its stores are seen before it reads anything else. */
  hasBarriers = false;
  readonly #unused: number[] = [];
  readonly #words = new Set<WatchedWord>();
  #next = PROGRAM_PAGES;

  constructor() {
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'netifspec-'));
    this.fd = openSync(join(folder, 'memory'), 'wx+', 0o600);
    rmSync(folder, { recursive: true });
    ftruncateSync(this.fd, (PROGRAM_PAGES + OTHER_PAGES) * PAGE_SIZE);
  }

  /** A zeroed page for a domain other than the program's. */
  allocate(): SharedPage {
    const number = this.#unused.pop() ?? this.#next++;
    if (number >= PROGRAM_PAGES + OTHER_PAGES) throw XenError.refused('ENOMEM', 'the shared memory is full');
    const page = new SharedPage(this, number, () => this.#unused.push(number));
    page.write(0, ZEROES);
    return page;
  }

  /** A page of the program; undefined if it has no page of that number. */
  ofProgram(number: number): SharedPage | undefined {
    return number < PROGRAM_PAGES ? new SharedPage(this, number, () => undefined) : undefined;
  }

  /** Calls `told` at a barrier before which the program has changed the word. Returns how to end that. */
  watch(page: SharedPage, offset: number, told: () => void): () => void {
    const word = { page, offset, told, value: page.load32(offset) };
    this.#words.add(word);
    return () => this.#words.delete(word);
  }

  /**
   * Looks at the watched words when the program calls. Anywhere but at a barrier, it may already have read what it reads
   * after its store, so that a change is only noted.
   */
  look(atBarrier: boolean): void {
    for (const word of this.#words) {
      const before = word.value;
      word.value = word.page.load32(word.offset);
      if (atBarrier && word.value !== before) word.told();
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** One page of the file. */
export class SharedPage implements FrameMemory {
  readonly #word = Buffer.alloc(4);

  constructor(
    private readonly memory: SharedMemory,
    /** Its place in the file, in pages. */
    readonly number: number,
    readonly free: () => void,
  ) {}

  /** Undefined if nobody sees when the program stores. */
  get onStore(): FrameMemory['onStore'] {
    return this.memory.hasBarriers ? (offset, told) => this.memory.watch(this, offset, told) : undefined;
  }

  load32(offset: number): number {
    readSync(this.memory.fd, this.#word, 0, 4, this.#position(offset));
    return this.#word.readUInt32LE();
  }

  store32(offset: number, value: number): void {
    this.#word.writeUInt32LE(value);
    writeSync(this.memory.fd, this.#word, 0, 4, this.#position(offset));
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (length > 0) readSync(this.memory.fd, bytes, 0, length, this.#position(offset));
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length > 0) writeSync(this.memory.fd, bytes, 0, bytes.length, this.#position(offset));
  }

  #position(offset: number): number {
    return this.number * PAGE_SIZE + offset;
  }
}
