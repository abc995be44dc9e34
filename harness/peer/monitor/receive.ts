/** netif.h, "Guest receive": what a backend writes to the frontend's buffers and to the responses. */
import { KEY, NR_SLOTS_MIN, RSP, RXF } from '../../protocol/netif.js';
import { PAGE_SIZE } from '../../xen/domain.js';
import { UNTOUCHED } from '../canary.js';
import { lengthFits, paddingIsZero } from './length.js';
import { each, type Rules, when } from './rule.js';

const DEFINED = Object.values(RXF).reduce((mask, flag) => mask | flag, 0);

export const RECEIVE_RULES: Rules = {
  delivered: [
    {
      id: 'RXW-02',
      judge: ({ slots }) =>
        each(slots, ({ request, response }) =>
          when(
            true,
            () => response.id === request.id,
            () => `the response in the slot of request ${request.id} has the id ${response.id}`,
          ),
        ),
    },
    {
      // Nothing obliges a backend to leave that buffer as it is.
      id: 'RXW-19',
      judge: ({ extraSlots }) =>
        each(extraSlots, ({ index, untouched }) =>
          when(
            true,
            () => untouched,
            () => `the buffer at index ${index}, whose slot holds an extra, was written to`,
          ),
        ),
    },
    { id: 'RXW-05', judge: lengthFits },
    { id: 'RXW-24', judge: paddingIsZero },
    {
      id: 'RXW-05',
      judge: ({ lengths }) =>
        each(lengths, (length, n) =>
          when(
            true,
            () => length > 0,
            () => `fragment ${n} of ${lengths.length} has the status ${length}, which is neither an error nor a size`,
          ),
        ),
    },
    {
      id: 'RXW-09',
      judge: ({ flags }) =>
        each(flags.slice(1), ({ bits }, n) =>
          when(
            true,
            () => (bits & DEFINED & ~RXF.moreData) === 0,
            () => `fragment ${n + 1} has the flags ${bits}: only more_data is allowed there`,
          ),
        ),
    },
    {
      id: 'RXW-19',
      judge: ({ slots }) =>
        each(slots, ({ page, response: { id, offset, status } }) =>
          when(
            true,
            () => isUntouched(page, 0, offset) && isUntouched(page, offset + status, PAGE_SIZE),
            () => `buffer ${id} was written to outside of the ${status} bytes from offset ${offset}`,
          ),
        ),
    },
    {
      id: 'RXW-22',
      judge: ({ slots, receiver }) =>
        when(
          !receiver.has(KEY.featureSg),
          () => slots.length === 1,
          () => `a packet of ${slots.length} fragments to a frontend without feature-sg`,
        ),
    },
    {
      id: 'RXW-23',
      judge: ({ flags }) =>
        each(flags, ({ bits }) =>
          when(
            true,
            () => (bits & ~DEFINED) === 0,
            () => `an rx response has the undefined flags ${bits & ~DEFINED}`,
          ),
        ),
    },
    {
      id: 'SLOT-07',
      judge: ({ slots }) =>
        when(
          true,
          () => slots.length <= NR_SLOTS_MIN,
          () => `an rx packet of ${slots.length} slots`,
        ),
    },
  ],
  rxError: [
    {
      id: 'RXW-02',
      judge: ({ request, response }) =>
        when(
          true,
          () => response.id === request.id,
          () => `the error response in the slot of request ${request.id} has the id ${response.id}`,
        ),
    },
    {
      id: 'RXW-06',
      judge: ({ response: { status } }) =>
        when(
          true,
          () => status === RSP.error || status === RSP.dropped,
          () => `an rx response with the status ${status}`,
        ),
    },
  ],
  rxPublished: [
    {
      id: 'RXW-21',
      judge: ({ split }) =>
        when(
          true,
          () => !split,
          () => 'rsp_prod ended inside a packet',
        ),
    },
  ],
  reused: [
    {
      id: 'RXW-18',
      judge: ({ what, left, found }) =>
        when(
          true,
          () => Buffer.compare(left, found) === 0,
          () => `${what} was written to after its response`,
        ),
    },
  ],
};

function isUntouched(page: Uint8Array, from: number, to: number): boolean {
  return from >= to || Buffer.compare(page.subarray(from, to), UNTOUCHED.subarray(from, to)) === 0;
}
