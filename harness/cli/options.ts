/** Options that several commands share. */
import type { LimitOptions } from './limit.js';
import type { ResultsOptions } from './results.js';
import type { Selection } from './select.js';

export interface RunOptions extends Selection, ResultsOptions, LimitOptions {
  readonly target?: readonly string[];
  readonly on?: string;
  readonly identity?: string;
  readonly knownHosts?: string;
  readonly node?: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly iut?: string;
  readonly slow?: boolean;
  readonly keep?: boolean;
  readonly trace?: 'failed' | 'all';
}

/** The options that affect what a test does or how it is judged, for the command that reproduces it. */
export function verdictArgs({ spec, slow, strict }: Partial<Pick<RunOptions, 'spec' | 'slow' | 'strict'>>): string[] {
  return [
    ...(spec === undefined ? [] : ['--spec', spec]),
    ...(slow ? ['--slow'] : []),
    ...(strict ? ['--strict'] : []),
  ];
}

export interface DoctorOptions {
  readonly on?: string;
  readonly identity?: string;
  readonly knownHosts?: string;
  readonly node?: string;
}
