/**
 * Which test a worker is at, for who finds it spinning or dead: written into a file that has no name. A message would
 * wake the other end some 40,000 times, and take a tenth of the processors.
 */
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The file's descriptor in a worker. */
export const WHERE = 4;
/** Longer than any test's id. */
const BYTES = 128;

/** Opens a worker's file; answers the descriptor, the caller's to close. */
export function openWhere(): number {
  const folder = mkdtempSync(join(tmpdir(), 'netifspec-where-'));
  try {
    return openSync(join(folder, 'test'), 'w+');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Notes, in a worker, the test that begins. */
export function noteBegin(id: string): void {
  writeSync(WHERE, id.padEnd(BYTES), 0);
}

/** The test that was begun last; empty if none was. */
export function lastBegun(where: number): string {
  const bytes = Buffer.alloc(BYTES);
  return bytes.toString('utf8', 0, readSync(where, bytes, 0, BYTES, 0)).trim();
}
