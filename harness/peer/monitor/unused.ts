/** Bytes of responses and extras that belong to no field: they must not contain data from the backend's memory. */
import { each, type Judgement, type Rules, when } from './rule.js';
import type { Rest } from './situations.js';

/** Where the padding of a GSO extra is in its slot, in bytes. */
const GSO_PAD = 5;

export const UNUSED_RULES: Rules = {
  txResponse: [{ id: 'RXW-24', judge: ({ rest }) => leaksNothing('tx response', rest) }],
  delivered: [
    {
      id: 'RXW-24',
      judge: ({ extras, extraSlots }) =>
        each(extras, (extra, n) =>
          when(
            'pad' in extra,
            () => 'pad' in extra && [0, extraSlots[n]?.put[GSO_PAD]].includes(extra.pad),
            () => `the padding of a ${extra.type} extra is not zero`,
          ),
        ),
    },
  ],
  ctrlResponse: [{ id: 'RXW-24', judge: ({ rest }) => leaksNothing('control response', rest) }],
};

/** Accepts zeros, and the bytes that the peer itself had written there. */
function leaksNothing(what: string, { found, put }: Rest): Judgement {
  return when(
    found.length > 0,
    () => found.every((byte, n) => byte === 0 || byte === put[n]),
    () => `the ${found.length} unused bytes after a ${what} are ${Buffer.from(found).toString('hex')}`,
  );
}
