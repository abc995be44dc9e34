/** netif.h, "Guest transmit": the frontend's requests and the backend's responses. */
import { sameBytes } from '../../bytes/bytes.js';
import { ETHERNET_HEADER } from '../../packet/ethernet.js';
import { GNTTAB_NR_RESERVED_ENTRIES } from '../../protocol/grant.js';
import { KEY, NR_SLOTS_MIN, RSP, TXF } from '../../protocol/netif.js';
import { lengthFits, paddingIsZero } from './length.js';
import { each, type Rules, when } from './rule.js';

export const TRANSMIT_RULES: Rules = {
  transmitted: [
    {
      id: 'TXW-08',
      judge: ({ flags }) =>
        each(flags.slice(1), ({ bits }, n) =>
          when(
            true,
            () => (bits & ~TXF.moreData) === 0,
            () => `fragment ${n + 1} has the flags ${bits}: only more_data is allowed there`,
          ),
        ),
    },
    {
      id: 'TXW-32',
      judge: ({ requests, receiver }) =>
        when(
          !receiver.has(KEY.featureSg),
          () => requests.length === 1,
          () => `a packet of ${requests.length} data slots to a backend without feature-sg`,
        ),
    },
    { id: 'TXW-33', judge: lengthFits },
    { id: 'TXW-38', judge: paddingIsZero },
    {
      id: 'TXW-35',
      judge: ({ lengths }) =>
        when(
          true,
          () => (lengths[0] ?? 0) >= ETHERNET_HEADER,
          () => `the first fragment holds ${lengths[0]} bytes`,
        ),
    },
    {
      id: 'SLOT-02',
      judge: ({ requests }) =>
        when(
          true,
          () => requests.length <= NR_SLOTS_MIN,
          () => `a packet of ${requests.length} data slots`,
        ),
    },
    {
      id: 'TXW-21',
      judge: ({ updates }) =>
        when(
          updates !== undefined,
          () => updates === 1,
          () => `a packet that was published by ${updates} updates of req_prod`,
        ),
    },
    {
      id: 'RING-16',
      judge: ({ taken }) =>
        when(
          true,
          () => taken.length === 0,
          () => `id ${taken.join(', ')} is already in flight`,
        ),
    },
    {
      id: 'GNT-06',
      judge: ({ requests }) => each(requests, ({ gref }) => unreserved(gref)),
    },
  ],
  withheld: [
    {
      id: 'TXW-16',
      judge: ({ read, found }) =>
        when(
          true,
          () => sameBytes(found, read),
          () => `a request whose ${read.length} bytes changed before its response`,
        ),
    },
  ],
  posted: [{ id: 'GNT-06', judge: ({ request }) => unreserved(request.gref) }],
  txResponse: [
    {
      id: 'TXW-12',
      judge: ({ isExtra, response: { status } }) =>
        when(
          isExtra,
          () => status === RSP.null,
          () => `the response to an extra has the status ${status}`,
        ),
    },
    {
      id: 'TXW-13',
      judge: ({ response: { status } }) =>
        when(
          true,
          () => [RSP.okay, RSP.error, RSP.dropped, RSP.null].some((defined) => defined === status),
          () => `a tx response with the status ${status}`,
        ),
    },
  ],
};

const unreserved = (gref: number) =>
  when(
    true,
    () => gref >= GNTTAB_NR_RESERVED_ENTRIES,
    () => `grant reference ${gref} is one of the ${GNTTAB_NR_RESERVED_ENTRIES} reserved references`,
  );
