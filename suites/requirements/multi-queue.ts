import type { Requirement } from './requirement.js';

/** Several queues on one vif. */
// prettier-ignore
export const MQ: readonly Requirement[] = [
  { id: 'MQ-01', side: 'backend', level: 'must', since: 'fecc45fa4a',
    statement:
      'A backend with several queues writes multi-queue-max-queues, a decimal number above zero, in its own ' +
      'directory of the vif.',
    source: 'netif.h, "Multiple transmit and receive queues"' },
  { id: 'MQ-02', side: 'frontend', level: 'may', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'A frontend that knows of queues may ask for a number of them in multi-queue-num-queues.',
    source: 'netif.h, "Multiple transmit and receive queues"',
    untestable: 'a permission, which no frontend can break' },
  { id: 'MQ-03', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "The frontend's multi-queue-num-queues is greater than zero.",
    source: 'netif.h, "Multiple transmit and receive queues"' },
  { id: 'MQ-04', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "The frontend's multi-queue-num-queues is at most the backend's multi-queue-max-queues.",
    source: 'netif.h, "Multiple transmit and receive queues"' },
  { id: 'MQ-05', side: 'frontend', level: 'must', since: 'fecc45fa4a',
    statement: 'Where the backend writes no multi-queue-max-queues the frontend uses one queue.',
    source: 'netif.h, "Multiple transmit and receive queues"' },
  { id: 'MQ-06', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'A frontend that asks for one queue writes its event channel and ring keys at the top level, not under ' +
      'queue-0.',
    source: 'netif.h, "Multiple transmit and receive queues": requesting just one queue',
    note:
      'Whether multi-queue-num-queues itself is written as 1 is open: Linux does where the backend offers queues, ' +
      "FreeBSD doesn't." },
  { id: 'MQ-07', side: 'backend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'The backend reads the top-level keys alike when multi-queue-num-queues is absent and when it is 1.',
    source: 'netif.h, "Multiple transmit and receive queues": requesting just one queue' },
  { id: 'MQ-08', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'A frontend with two or more queues writes no event channel and no ring reference at the top level.',
    source: 'netif.h, "Multiple transmit and receive queues": requesting two or more',
    note:
      'Judged on a first connection: after a reconnect with another count, stale keys of the earlier one are common.' },
  { id: 'MQ-09', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      "With two or more queues each one's keys stand under queue-N, where N runs from 0 to the count less one, in " +
      'plain decimal.',
    source: 'netif.h, "Multiple transmit and receive queues": indexed from zero' },
  // A must, though of an example: the header says that the keys of its example "must" be written so.
  { id: 'MQ-10', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'Every queue-N node itself has the empty value.',
    source: 'netif.h, "Multiple transmit and receive queues": example',
    note: 'A node that xenstore made as the parent of a key is empty too, and enough.' },
  { id: 'MQ-11', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'Every queue has exactly one tx ring and one rx ring.',
    source: 'netif.h, "Multiple transmit and receive queues": one shared ring pair' },
  { id: 'MQ-12', side: 'both', level: 'may', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'With several queues split event channels stay optional: each queue may have one channel or two.',
    source: 'netif.h, "Multiple transmit and receive queues": not mandatory' },
  // The text's "may" is the refusal; that the rest stays whole is good practice.
  { id: 'MQ-13', side: 'backend', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'On inconsistent queue keys the backend never connects only some of the queues, and a later consistent ' +
      'attempt succeeds.',
    source: 'good practice: netif.h, "Multiple transmit and receive queues", lets it refuse all of them as an error',
    note: 'Linux refuses every queue, writes an error node, and goes to Connected nevertheless.' },
  { id: 'MQ-14', side: 'backend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "The backend accepts any packet on any connected queue: the choice is the frontend's.",
    source: 'netif.h, "Multiple transmit and receive queues": mapping of packets to queues' },
  { id: 'MQ-15', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'The frontend receives any packet on any queue that it set up.',
    source: 'netif.h, "Multiple transmit and receive queues": mapping of packets to queues' },
  // Not a must: the text replicates rings and channels but says nothing of stalls.
  { id: 'MQ-16', side: 'both', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "A queue that its peer no longer serves doesn't stop the other queues.",
    source:
      'good practice: netif.h, "Multiple transmit and receive queues", replicates rings and event channels per queue' },
  // Not a must: the text says nothing of reconnecting.
  { id: 'MQ-17', side: 'backend', level: 'de-facto', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'The number of queues may differ from one connection to the next, and the backend follows it up and down.',
    source: 'every driver: Linux, Windows' },
  { id: 'MQ-18', side: 'frontend', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "All keys of all queues are written before the frontend's state invites the backend to read them.",
    source: 'good practice: drivers write them in one transaction' },
  // A must: what multi-queue-max-queues promises, the text makes the backend support.
  { id: 'MQ-19', side: 'backend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      "The backend connects every count of queues up to its multi-queue-max-queues, also where the queue's number " +
      'has two digits.',
    source: 'netif.h, "Multiple transmit and receive queues": maximum supported number' },
  { id: 'MQ-20', side: 'both', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "Events of a queue come on that queue's channel or channels and on no other's.",
    source: 'netif.h, "Multiple transmit and receive queues": queues replicate event channels' },
];
