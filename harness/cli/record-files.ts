import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readRecords } from '../../reports/records.js';
import { fileProblem } from '../base/errno.js';
import type { ResultRecord } from '../run/record.js';
import { UsageError } from '../base/errors.js';
import { atPath } from './paths.js';

const RECORDS = 'results.jsonl';

/** A path has no records: the run ended before it wrote one. */
export class NoRecords extends UsageError {}

/** The record files of a path: those in a folder or in its subfolders, or the file itself. Throws {@link NoRecords}. */
export function recordFiles(path: string): string[] {
  if (!existsSync(path)) throw new NoRecords(`${path}: no such file or folder; give a folder with results`);
  if (statSync(path).isFile()) return [resolve(path)];
  if (existsSync(join(path, RECORDS))) return [resolve(path, RECORDS)];
  const inside = readdirSync(path)
    .sort()
    .map((name) => resolve(path, name, RECORDS))
    .filter((file) => existsSync(file));
  if (inside.length === 0)
    throw new NoRecords(`${path}: no ${RECORDS} in this folder or its subfolders; give a folder with results`);
  return inside;
}

interface ReadOptions {
  /** Whether to read traces and kernel logs, which are most of a large file (default: true). */
  readonly traces?: boolean;
}

/** The records of a file. Throws a UsageError that names the line which is not a record. */
export function recordsIn(file: string, options: ReadOptions = {}): ResultRecord[] {
  return atPath(file, () => {
    try {
      return readRecords(file, options);
    } catch (error) {
      if (fileProblem(error)) throw error;
      throw new UsageError((error as Error).message, { cause: error });
    }
  });
}

/** The records of a run. Throws like {@link recordsIn}, and {@link NoRecords}. */
export function runIn(file: string, options: ReadOptions = {}): ResultRecord[] {
  const records = recordsIn(file, options);
  if (records.length === 0)
    throw new NoRecords(`${file}: no records; the run ended before its first test, so run it again`);
  return records;
}
