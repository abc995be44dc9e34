/** Reads the messages of a guest's kernel during a test. */
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { Ssh } from '../ssh/ssh.js';
import { printableLine } from '../base/text.js';

/** Maximum number of bytes that one {@link KernelLog.since} reads: a guest can print without end. */
export const READ_LIMIT = 1024 * 1024;
const SSH_DEADLINE_MS = 20_000;

export interface KernelLog {
  /** Skips all lines so far. */
  mark(): Promise<void>;
  /** The lines since the last mark or the last call, oldest first, without control characters. */
  since(): Promise<string[]>;
}

/** A position in a log file, always after a newline. */
interface Position {
  readonly inode: number;
  readonly offset: number;
}

/**
 * A guest's console as xenconsoled logs it (`--log=guest`) on this host. A line counts once its newline is written. A
 * missing file counts as empty: xenconsoled creates it when the guest starts. Reading continues after the log was
 * rotated to `path.1` or truncated.
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

/** The position after the last newline: a line that is incomplete at the mark belongs to the next read. */
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
  // A megabyte without a newline is skipped.
  const next = end > 0 ? start + end : start;
  const lines = toLines(bytes.subarray(0, end).toString('utf8'));
  return { lines: start > from ? [`[netifspec: ${start - from} bytes of the log skipped]`, ...lines] : lines, next };
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

/**
 * Number of lines at the end of the last read that are searched for in the next one: single lines may repeat, a
 * sequence of this length hardly does.
 */
const OVERLAP = 16;

/**
 * The guest's own `dmesg`, if its console cannot be read. Messages that the kernel's buffer has dropped are lost.
 * Undefined, with a message to `log`, if the guest has no dmesg or does not allow it.
 *
 * @throws SshError
 */
export async function dmesgLog(ssh: Ssh, log: (line: string) => void): Promise<KernelLog | undefined> {
  const { code, stderr } = await ssh.exec('dmesg', { deadlineMs: SSH_DEADLINE_MS });
  if (code === 0) return sshDmesg(ssh);
  log(
    `the guest's kernel log is not read: dmesg failed in the guest (status ${code}): ${printableLine(stderr, 200).trim()}; allow it, or set "console" in the target file`,
  );
  return undefined;
}

function sshDmesg(ssh: Ssh): KernelLog {
  let seen: readonly string[] = [];
  const read = async (): Promise<string[]> => {
    const { code, stdout, stderr } = await ssh.exec('dmesg', { deadlineMs: SSH_DEADLINE_MS });
    if (code !== 0) throw new Error(`dmesg failed in the guest (status ${code}): ${printableLine(stderr, 200).trim()}`);
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

/** The index after the last occurrence of `run` in `lines`; 0 if there is none or `run` is empty. */
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
    .map((line) => printableLine(line))
    .filter((line) => line.trim() !== '');
}
