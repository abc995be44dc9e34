/**
 * The parts of a message that vary between runs and between vifs: the handle of a vif, the addresses derived from it,
 * numbers that Xen assigns, the number of a ping, and milliseconds. Group 1 is a hexadecimal part.
 */
export const VARYING = new RegExp(
  [
    /(?<=\b(?:ref|grant|request|domain|ping) )\d+/,
    /(?<=\/domain\/)\d+/,
    /(?<=\/(?:vif|netifspec)\/(?:\d+\/)?)\d+/,
    /(?<=\bvif(?:\d+\.)?)\d+/,
    /(?<=\b198\.18\.)\d+/,
    /(?<!\d)\d+(?= ms\b)/,
    /(?<=\b00:16:3e:6e:|\bfe6e:)([\da-f]{2})/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);
