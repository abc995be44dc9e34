/** The lengths of a packet's first slots in a layout like `14+20`; the rest of the packet is in one more slot. */
export function slotsOf(layout: string): number[] {
  return layout === '' ? [] : layout.split('+').map(Number);
}
