import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UsageError } from './exit.js';

const RECORDS = 'results.jsonl';

/**
 * The record files that a folder stands for: its own, or those of the folders in it. A file is taken as it is.
 *
 * @throws UsageError if there is none
 */
export function recordFiles(path: string): string[] {
  if (!existsSync(path)) throw new UsageError(`${path}: no such file or folder`);
  if (statSync(path).isFile()) return [resolve(path)];
  if (existsSync(join(path, RECORDS))) return [resolve(path, RECORDS)];
  const inside = readdirSync(path)
    .sort()
    .map((name) => resolve(path, name, RECORDS))
    .filter((file) => existsSync(file));
  if (inside.length === 0) throw new UsageError(`${path}: no ${RECORDS} there, nor in a folder below it`);
  return inside;
}
