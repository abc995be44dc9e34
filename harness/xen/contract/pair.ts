import type { Domain } from '../domain.js';

/** Two handles, of two domains or of one; `close` closes both and everything that they run on. */
export interface Pair {
  readonly a: Domain;
  readonly b: Domain;
  close(): Promise<void>;
}
