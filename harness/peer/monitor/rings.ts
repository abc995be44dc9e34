/** ring.h: the state of idle rings and of their event channels. */
import { type Rules, when } from './rule.js';

/** Events beyond the number of messages that NOTIFY-13 allows, for example those at the start of a connection. */
const A_FEW = 8;

export const RING_RULES: Rules = {
  mapped: [
    {
      id: 'RING-02',
      // A frontend may have moved rsp_event by now: ahead, to be notified of a batch, or out of reach, if it polls.
      judge: ({ name, rspProd, reqEvent, rspEvent, pad }) =>
        when(
          true,
          () => rspProd === 0 && reqEvent === 1 && rspEvent !== 0 && pad.every((byte) => byte === 0),
          () =>
            `${name} ring: rsp_prod is ${rspProd}, req_event ${reqEvent}, rsp_event ${rspEvent}, ` +
            `pvt and pad ${Buffer.from(pad).toString('hex')}`,
        ),
    },
  ],
  atRest: [
    {
      id: 'RING-13',
      judge: ({ name, wrote, found }) =>
        when(
          true,
          () => wrote.every((value, n) => value === found[n]),
          () => `the peer wrote ${wrote.join(', ')} to its fields of the ${name} ring and reads ${found.join(', ')}`,
        ),
    },
    {
      id: 'RING-05',
      judge: ({ name, changed }) =>
        when(
          changed !== undefined,
          () => changed === 0,
          () => `${changed} slots of the ${name} ring changed after they had been published`,
        ),
    },
    {
      id: 'NOTIFY-02',
      judge: ({ name, withoutEvent }) =>
        when(
          true,
          () => withoutEvent === 0,
          () => `${withoutEvent} messages on the ${name} ring without an event`,
        ),
    },
  ],
  channel: [
    {
      id: 'NOTIFY-13',
      judge: ({ name, events, messages }) =>
        when(
          events > 0,
          () => events <= messages + A_FEW,
          () => `${events} events on the ${name} channel for ${messages} messages`,
        ),
    },
  ],
};
