/** What a guest's kernel says while a test runs. */
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { Ssh } from './ssh.js';
import { printable } from './text.js';

/** Bytes that one {@link KernelLog.since} reads at most: a guest can print for ever. */
export const READ_LIMIT = 1024 * 1024;
const SSH_DEADLINE_MS = 20_000;

export interface KernelLog {
  /** Passes over all lines so far. */
  mark(): Promise<void>;
  /** The lines since the last mark or since, oldest first, without control characters. */
  since(): Promise<string[]>;
}

/** Where a read of a log file stopped: always behind a newline. */
interface Position {
  readonly inode: number;
  readonly offset: number;
}

/**
 * A guest's console as xenconsoled logs it (`--log=guest`), on this host. A line counts once its newline is there. A
 * missing file is an empty one: xenconsoled makes it when the guest starts. A log that was rotated to `path.1` or
 * truncated is read on.
 */
export function consoleLog(path: string): KernelLog {
  let position: Position = { inode: 0, offset: 0 };
  return {
    async mark() {
      position = await endOf(path);
    },
    async since() {
      const before = position;
      const current = await fileAt(path);
      if (!current) return [];
      const rotated = current.inode !== before.inode;
      const old = rotated ? await fileAt(`${path}.1`) : undefined;
      const rest = old?.inode === before.inode ? await readLines(`${path}.1`, before.offset) : undefined;
      const { lines, next } = await readLines(path, rotated || current.size < before.offset ? 0 : before.offset);
      position = { inode: current.inode, offset: next };
      return [...(rest?.lines ?? []), ...lines];
    },
  };
}

async function fileAt(path: string): Promise<{ inode: number; size: number } | undefined> {
  try {
    const { ino, size } = await stat(path);
    return { inode: ino, size };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Behind the last newline: a line that is half there at the mark belongs to what comes after. */
async function endOf(path: string): Promise<Position> {
  const file = await fileAt(path);
  if (!file) return { inode: 0, offset: 0 };
  const start = Math.max(0, file.size - READ_LIMIT);
  const tail = await readBytes(path, start, file.size - start);
  const newline = tail.lastIndexOf(0x0a);
  return { inode: file.inode, offset: newline < 0 ? start : start + newline + 1 };
}

async function readLines(path: string, from: number): Promise<{ lines: string[]; next: number }> {
  const size = (await fileAt(path))?.size ?? 0;
  const start = Math.max(from, size - READ_LIMIT);
  const bytes = await readBytes(path, start, size - start);
  const end = bytes.lastIndexOf(0x0a) + 1;
  // A megabyte without a newline is no line to wait for.
  const next = end > 0 ? start + end : start;
  const lines = toLines(bytes.subarray(0, end).toString('utf8'));
  return { lines: start > from ? [`[netifspec: ${start - from} bytes of the log left out]`, ...lines] : lines, next };
}

async function readBytes(path: string, offset: number, length: number): Promise<Buffer> {
  if (length <= 0) return Buffer.alloc(0);
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const buffer = Buffer.alloc(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await file.read(buffer, read, length - read, offset + read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return buffer.subarray(0, read);
  } finally {
    await file?.close();
  }
}

/** How many lines of the last answer are looked for in the next: lines may repeat, a run of them hardly does. */
const OVERLAP = 16;

/** The guest's own `dmesg`, where its console can't be read. What the kernel's buffer has lost is lost. */
export function sshDmesg(ssh: Ssh): KernelLog {
  let seen: readonly string[] = [];
  const read = async (): Promise<string[]> => {
    const { code, stdout, stderr } = await ssh.exec('dmesg', { deadlineMs: SSH_DEADLINE_MS });
    if (code !== 0) throw new Error(`dmesg failed in the guest (${code}): ${printable(stderr, 200).trim()}`);
    return toLines(stdout);
  };
  return {
    async mark() {
      seen = (await read()).slice(-OVERLAP);
    },
    async since() {
      const lines = await read();
      const fresh = lines.slice(afterLast(lines, seen));
      seen = lines.slice(-OVERLAP);
      return fresh;
    },
  };
}

/** Index behind the last place where `run` stands in `lines`; 0 if it isn't there or is empty. */
function afterLast(lines: readonly string[], run: readonly string[]): number {
  if (run.length === 0) return 0;
  for (let end = lines.length; end >= run.length; end--) {
    if (run.every((line, i) => lines[end - run.length + i] === line)) return end;
  }
  return 0;
}

function toLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => printable(line))
    .filter((line) => line.trim() !== '');
}

// Where a message of the kernel's starts: at the line's start or behind a time stamp (a login prompt may stand before
// it on the same line), then perhaps a caller and the subsystem's prefix. A program's own "WARNING: " is none.
const START =
  /(?:^|\[ *\d+\.\d{6}\])\s*(?:\[[^\]]{0,40}\]\s*)*(?:(?:watchdog|rcu|kernel|Internal error|xen[\w-]*|\w+_t): )?/;
const FAULT = [
  'WARNING: ',
  'BUG: ',
  'kernel BUG at ',
  'Oops\\b',
  'Kernel panic\\b',
  '[Gg]eneral protection fault, ',
  'general protection fault: ',
  '[Uu]nable to handle ',
  'invalid opcode: ',
  'divide error: ',
  'double fault: ',
  'UBSAN: ',
  'INFO: task .{1,80} blocked for more than ',
  'INFO: rcu_\\w+ .{0,40}detected ',
  'INFO: possible ',
].join('|');
const FAULT_LINE = new RegExp(`${START.source}(?:${FAULT})`);

/** The first line by which a Linux kernel tells of a fault of its own, or undefined if there is none. */
export function kernelFault(lines: readonly string[]): string | undefined {
  return lines.map((line) => printable(line)).find((line) => FAULT_LINE.test(line));
}
