import type { Domain } from '../domain.js';

/** Two handles, of two domains or of one; `close` ends both and whatever they run on. */
export interface Pair {
  readonly a: Domain;
  readonly b: Domain;
  close(): Promise<void>;
}
