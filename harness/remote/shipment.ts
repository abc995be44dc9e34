/** The files that a run on another host reads: the target file, and files that it names relative to itself. */
import { access, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { parse } from 'yaml';
import { fileProblem } from '../base/errno.js';
import { RemoteError } from './error.js';
import { startTar } from './tar.js';

export interface Shipment {
  /** A tar of all files, with paths below one folder, so that relative paths stay valid on the other host. */
  readonly archive: Buffer;
  /** Path of the target file in the tar. */
  readonly target: string;
}

/**
 * The target file at `path`, with its expectations. Other paths in it, for example of keys and consoles, mean files on
 * the other host and are not copied. Throws a {@link RemoteError}, of exit code 2 if the file is invalid.
 */
export async function shipmentOf(path: string): Promise<Shipment> {
  const target = resolve(path);
  const named = expectationsIn(await readTarget(target), path);
  const absolute = named.find((name) => isAbsolute(name));
  if (absolute !== undefined) {
    throw new RemoteError(
      2,
      `${path}: ${absolute}: for a run on another host, give this path relative to the target file`,
    );
  }
  const files = named.map((name) => resolve(dirname(target), name));
  await Promise.all(
    files.map((file) =>
      access(file).catch((cause: Error) => {
        throw new RemoteError(2, `${path}: expectations: ${file}: ${fileProblem(cause)?.text ?? cause.message}`, {
          cause,
        });
      }),
    ),
  );
  let base = dirname(target);
  while (files.some((file) => relative(base, file).startsWith('..'))) base = dirname(base);
  const archive = await tarOf(
    base,
    [target, ...files].map((file) => relative(base, file)),
  );
  return { archive, target: relative(base, target) };
}

async function tarOf(base: string, files: readonly string[]): Promise<Buffer> {
  const tar = startTar(['-chf', '-', '-C', base, '--null', '-T', '-']);
  tar.stdin.end(files.join('\0'));
  const archive = await buffer(tar.stdout);
  const failure = await tar.failure;
  if (failure !== undefined) throw new RemoteError(3, `cannot pack the target file: ${failure}`);
  return archive;
}

async function readTarget(path: string): Promise<unknown> {
  try {
    return parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new RemoteError(2, `${path}: ${fileProblem(cause)?.text ?? (cause as Error).message}`, { cause });
  }
}

function expectationsIn(target: unknown, path: string): string[] {
  if (typeof target !== 'object' || target === null || Array.isArray(target)) {
    throw new RemoteError(2, `${path}: not a target file; see docs/target-file.md`);
  }
  const named: unknown = 'expectations' in target ? target.expectations : undefined;
  if (named === undefined) return [];
  if (typeof named === 'string' && named !== '') return [named];
  throw new RemoteError(2, `${path}: expectations must be the path of a file`);
}
