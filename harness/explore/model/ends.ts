/** The two ends of a bridge in the guest: the vifs of a sequence. */
import fc from 'fast-check';

export type EndIndex = 0 | 1;

/** The vif on which a step acts, or into which it sends. */
export const END = fc.constantFrom<EndIndex[]>(0, 1);

export const otherEnd = (end: EndIndex): EndIndex => (end === 0 ? 1 : 0);

/** The vif into which a step sends, and the one at which the packets leave the bridge. */
export function way<P>({ vifs }: { readonly vifs: readonly [P, P] }, from: EndIndex): [P, P] {
  return [vifs[from], vifs[otherEnd(from)]];
}

/** A pair with another value at one end. */
export function withEnd<T>([first, second]: readonly [T, T], end: EndIndex, value: T): readonly [T, T] {
  return end === 0 ? [value, second] : [first, value];
}

/** A queue of a vif, by any number. */
export function queueAt<Q>({ queues, queue }: { readonly queues: readonly Q[]; readonly queue: Q }, n: number): Q {
  return queues[n % queues.length] ?? queue;
}

/** The lengths of a packet's first slots in a layout like `14+20`; the rest of the packet is in one more slot. */
export function slotsOf(layout: string): number[] {
  return layout === '' ? [] : layout.split('+').map(Number);
}
