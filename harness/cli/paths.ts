/** Paths that the user gives, and errors of the OS on them. */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileProblem } from '../base/errno.js';
import { EnvironmentError } from '../run/environment.js';
import { UsageError } from '../base/errors.js';

/**
 * Runs `work` with a path that the user gave as `what`, for example `--out results`.
 *
 * @throws UsageError if the path is wrong, and EnvironmentError if the host refuses it; both name `what`
 */
export function atPath<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const problem = fileProblem(error);
    if (!problem) throw error;
    const Kind = problem.wrongPath ? UsageError : EnvironmentError;
    throw new Kind(`${what}: ${problem.text}`, { cause: error });
  }
}

/**
 * Turns an error of the OS on any other file into an EnvironmentError with a message; returns any other error
 * unchanged.
 */
export function explained(error: unknown): unknown {
  const problem = fileProblem(error);
  if (!problem) return error;
  return new EnvironmentError(
    problem.path === undefined ? `writing: ${problem.text}` : `${problem.path}: ${problem.text}`,
    {
      cause: error,
    },
  );
}

/**
 * Creates the folder of results before the work starts, so that an error is reported early. Throws like {@link atPath}.
 */
export function makeFolder(out: string): void {
  atPath(`--out ${out}`, () => {
    make(out);
    accessSync(out, constants.W_OK);
  });
}

/**
 * Creates one folder after the other: Node's recursive mkdir never ends on a file system that refuses new folders, such
 * as /proc.
 */
function make(folder: string): void {
  const parent = dirname(folder);
  if (!existsSync(parent)) make(parent);
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw error;
  }
}

/**
 * Writes a file, or the pieces of one, atomically: under its name it is either complete or missing. A link stays: the
 * file that it names is written. What is there already and not a file, such as a device or a pipe, is written to.
 */
export function writeWhole(named: string, content: string | Buffer | Iterable<string>): void {
  const path = existsSync(named) ? realpathSync(named) : named;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isFile() && !found.isDirectory()) return write(path, content, 'w');
  // Nobody else can know the name, and place a link there.
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}`);
  try {
    write(temporary, content, 'wx');
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Number of characters that are written at a time. */
const CHUNK = 1 << 16;

function write(path: string, content: string | Buffer | Iterable<string>, flag: 'w' | 'wx'): void {
  if (typeof content === 'string' || Buffer.isBuffer(content)) writeFileSync(path, content, { flag });
  else writePieces(path, content, flag);
}

function writePieces(path: string, pieces: Iterable<string>, flag: 'w' | 'wx'): void {
  const file = openSync(path, flag);
  try {
    let waiting = '';
    for (const piece of pieces) {
      waiting += piece;
      if (waiting.length < CHUNK) continue;
      writeFileSync(file, waiting);
      waiting = '';
    }
    writeFileSync(file, waiting);
  } finally {
    closeSync(file);
  }
}
