/** Parses the header of an executable: its machine and its loader. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { fileProblem } from '../base/errno.js';
import { RemoteError } from './error.js';

/** The names that `uname -m` prints, by the machine number in the header. */
const MACHINES: Readonly<Record<number, string>> = { 62: 'x86_64', 183: 'aarch64', 243: 'riscv64' };

/** Offsets of the used fields (System V ABI, "ELF Header" and "Program Header", 64 bits, little-endian). */
const HEADER = { bytes: 64, magic: 0, class: 4, data: 5, machine: 18, programs: 32, programCount: 56 } as const;
const PROGRAM = { bytes: 56, type: 0, offset: 8, fileSize: 32 } as const;
const MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const TYPE_INTERP = 3;
/** More program headers than any executable has; an invalid file may claim any number. */
const PROGRAMS_MAX = 64;
const PATH_MAX = 4096;

export interface Executable {
  /** The name that `uname -m` prints, or the number in the header. */
  readonly machine: string;
  /** Path of the loader, which differs between C libraries; absent in a static executable. */
  readonly loader?: string;
}

/** Reads the header of the executable at `path`. Throws a {@link RemoteError} of exit code 2 if it is not one. */
export function readExecutable(path: string): Executable {
  try {
    const file = openSync(path, 'r');
    try {
      return readHeader(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new RemoteError(2, `${path}: ${fileProblem(cause)?.text ?? (cause as Error).message}`, { cause });
  }
}

/** Throws an Error if the file is not an executable, and any error of a read at the offsets in it. */
function readHeader(file: number): Executable {
  const at = (position: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, position));
  };
  const header = at(0, HEADER.bytes);
  const isOurs =
    header.length === HEADER.bytes &&
    header.readUInt32BE(HEADER.magic) === MAGIC &&
    header[HEADER.class] === CLASS_64 &&
    header[HEADER.data] === LITTLE_ENDIAN;
  if (!isOurs) throw new Error('not an executable of a 64-bit Linux machine; give another file');
  const number = header.readUInt16LE(HEADER.machine);
  const machine = MACHINES[number] ?? `machine ${number}`;
  const first = Number(header.readBigUInt64LE(HEADER.programs));
  const count = Math.min(header.readUInt16LE(HEADER.programCount), PROGRAMS_MAX);
  for (let n = 0; n < count; n++) {
    const program = at(first + n * PROGRAM.bytes, PROGRAM.bytes);
    if (program.length < PROGRAM.bytes || program.readUInt32LE(PROGRAM.type) !== TYPE_INTERP) continue;
    const [offset, size] = [PROGRAM.offset, PROGRAM.fileSize].map((field) => Number(program.readBigUInt64LE(field)));
    const loader = at(offset ?? 0, Math.min(size ?? 0, PATH_MAX))
      .toString('utf8')
      .replace(/\0.*/s, '');
    return { machine, loader };
  }
  return { machine };
}

/** The latest version of glibc that a program or library requires; undefined if it requires none, like one for musl. */
export function glibcOf(path: string): string | undefined {
  const bytes = readFileSync(path);
  const prefix = 'GLIBC_';
  let latest: string | undefined;
  // The names of symbol versions are plain text in the file.
  for (let at = bytes.indexOf(prefix); at >= 0; at = bytes.indexOf(prefix, at + 1)) {
    const [, version] = /^GLIBC_(\d+\.\d+)/.exec(bytes.toString('latin1', at, at + 16)) ?? [];
    if (version !== undefined && (latest === undefined || isOlder(latest, version))) latest = version;
  }
  return latest;
}

/** Whether version `a`, of two numbers, is older than version `b`. */
export function isOlder(a: string, b: string): boolean {
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [a, b].map((each) =>
    each.split('.').map(Number),
  ) as [number[], number[]];
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
