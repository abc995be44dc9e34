import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readRecords } from '../../reports/records.js';
import type { ResultRecord } from '../run/record.js';
import { UsageError } from './exit.js';

const RECORDS = 'results.jsonl';

/** There are no records where some are said to be: that run ended before it began. */
export class NoRecords extends UsageError {}

/**
 * The record files that a folder stands for: its own, or those of the folders in it. A file is taken as it is. Throws
 * {@link NoRecords}.
 */
export function recordFiles(path: string): string[] {
  if (!existsSync(path)) throw new NoRecords(`${path}: no such file or folder`);
  if (statSync(path).isFile()) return [resolve(path)];
  if (existsSync(join(path, RECORDS))) return [resolve(path, RECORDS)];
  const inside = readdirSync(path)
    .sort()
    .map((name) => resolve(path, name, RECORDS))
    .filter((file) => existsSync(file));
  if (inside.length === 0) throw new NoRecords(`${path}: no ${RECORDS} there, nor in a folder below it`);
  return inside;
}

/** The records of a file. Throws a UsageError that names the line which is none. */
export function recordsIn(file: string): ResultRecord[] {
  try {
    return readRecords(file);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** The records of a run. Throws as {@link recordsIn}, and {@link NoRecords}. */
export function runIn(file: string): ResultRecord[] {
  const records = recordsIn(file);
  if (records.length === 0) throw new NoRecords(`${file}: no records: that run ended before it began`);
  return records;
}
