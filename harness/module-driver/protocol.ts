/** Messages between the process that runs a driver and the one that watches it. */
import type { ExploreWork } from '../explore/session.js';
import type { Tallies } from '../peer/monitor/monitor.js';
import type { ResultRecord, Role, Script } from '../run/record.js';

/** The job of the child. */
export interface ChildJob {
  /** The driver's module or program, an absolute path. */
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
  /** What the monitor found in the processes before this one. */
  readonly tallies?: Tallies | undefined;
  /** Explores the driver instead of running tests. */
  readonly explore?: ExploreWork;
}

/** Messages from the child; it sends `alive` periodically, so that silence means that the driver blocks the thread. */
export type ChildMessage =
  | { readonly type: 'alive' }
  /** The driver is a program, and runs as this process from now on. */
  | { readonly type: 'program'; readonly pid: number }
  /** The module was loaded, or the program has made its first call. */
  | { readonly type: 'loaded' }
  /** A test begins. */
  | { readonly type: 'begin'; readonly id: string }
  /** A check of these requirements begins. */
  | { readonly type: 'check'; readonly requirements: readonly string[] }
  /** What the monitor has found up to the end of a test. */
  | { readonly type: 'tallies'; readonly tallies: Tallies }
  | { readonly type: 'record'; readonly record: ResultRecord }
  /** The steps of the sequence that runs now, up to one that begins. */
  | { readonly type: 'sequence'; readonly script: Script }
  /** The file is not a driver. */
  | { readonly type: 'refused'; readonly reason: string }
  /** The harness itself failed. */
  | { readonly type: 'broken'; readonly message: string }
  /** The driver threw an uncaught exception, or its program ended. */
  | { readonly type: 'crash'; readonly message: string };

export const ALIVE_MS = 250;
