/** What the process that runs a driver and the one that watches it tell each other. */
import type { ResultRecord, Role } from '../run/record.js';

/** What the child is to run. */
export interface Order {
  /** The driver's module, an absolute path. */
  readonly module: string;
  readonly name: string;
  readonly command: readonly string[];
  readonly role: Role;
  /** Ids, in order. */
  readonly tests: readonly string[];
  readonly seed: number;
  readonly slow: boolean;
  readonly spec: string;
  readonly traceAll: boolean;
}

/** What the child says; `alive` every now and then, so that silence means that the driver doesn't give the thread back. */
export type Word =
  | { readonly type: 'alive' }
  /** A test begins. */
  | { readonly type: 'begin'; readonly id: string }
  | { readonly type: 'record'; readonly record: ResultRecord }
  /** The module is no driver. */
  | { readonly type: 'refused'; readonly reason: string }
  /** The harness's own part failed. */
  | { readonly type: 'broken'; readonly message: string }
  /** The driver threw, and nobody caught it. */
  | { readonly type: 'crash'; readonly message: string };

export const ALIVE_MS = 250;
