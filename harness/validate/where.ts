/**
 * Records which test a worker runs, in an unlinked file, in case the worker hangs or dies. A message per test would
 * wake the main process some 40,000 times and use a tenth of the processors.
 */
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The file's descriptor in a worker. */
export const WHERE = 4;
/** Longer than any test's id. */
const BYTES = 128;

/** Opens a worker's file; returns the descriptor, which the caller must close. */
export function openWhere(): number {
  const folder = mkdtempSync(join(tmpdir(), 'netifspec-where-'));
  try {
    return openSync(join(folder, 'test'), 'w+');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Records, in a worker, the test that begins. */
export function noteBegin(id: string): void {
  writeSync(WHERE, id.padEnd(BYTES), 0);
}

/** The last test that began; empty if none did. */
export function lastBegun(where: number): string {
  const bytes = Buffer.alloc(BYTES);
  return bytes.toString('utf8', 0, readSync(where, bytes, 0, BYTES, 0)).trim();
}
