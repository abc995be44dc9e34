/** Where the fragments of a packet start in their pages: one offset for all of them, or one for each. */
export type Offset = number | readonly number[];

/** Where fragment number `n` starts, in bytes. */
export function offsetOf({ offset = 0 }: { readonly offset?: Offset }, n: number): number {
  return typeof offset === 'number' ? offset : (offset[n] ?? 0);
}
