import type { Requirement } from '../../harness/run/requirement.js';

/** Several queues on one vif. */
// prettier-ignore
export const MQ: readonly Requirement[] = [
  { id: 'MQ-01', side: 'backend', level: 'must', since: 'fecc45fa4a',
    statement:
      'A backend with several queues writes multi-queue-max-queues, a decimal number greater than zero, in its own ' +
      'directory of the vif.',
    source: 'netif.h, "Multiple transmit and receive queues"',
    lines: 'netif.h:56-58' },
  { id: 'MQ-02', side: 'frontend', level: 'may', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'A frontend that supports several queues may request a number of them in multi-queue-num-queues.',
    source: 'netif.h, "Multiple transmit and receive queues"',
    untestable: 'MAY: every frontend conforms' },
  { id: 'MQ-03', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "The frontend's multi-queue-num-queues is greater than zero.",
    source: 'netif.h, "Multiple transmit and receive queues"',
    lines: 'netif.h:59-61' },
  { id: 'MQ-04', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "The frontend's multi-queue-num-queues is at most the backend's multi-queue-max-queues.",
    source: 'netif.h, "Multiple transmit and receive queues"',
    lines: 'netif.h:59-62' },
  { id: 'MQ-05', side: 'frontend', level: 'must', since: 'fecc45fa4a',
    statement: "If the backend doesn't write multi-queue-max-queues, the frontend uses one queue.",
    source: 'netif.h, "Multiple transmit and receive queues"',
    lines: 'netif.h:56-62' },
  { id: 'MQ-06', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'A frontend that requests one queue writes its event channel and ring keys at the top level, not under queue-0.',
    source: 'netif.h, "Multiple transmit and receive queues": requesting just one queue',
    lines: 'netif.h:71-74',
    note:
      'Whether multi-queue-num-queues itself is written as 1 is open: Linux writes it if the backend offers queues, ' +
      "FreeBSD doesn't." },
  { id: 'MQ-07', side: 'backend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'The backend reads the top-level keys both when multi-queue-num-queues is absent and when it is 1.',
    source: 'netif.h, "Multiple transmit and receive queues": requesting just one queue',
    lines: 'netif.h:71-74' },
  { id: 'MQ-08', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'A frontend with two or more queues writes no event channel and no ring reference at the top level.',
    source: 'netif.h, "Multiple transmit and receive queues": requesting two or more',
    lines: 'netif.h:76-77',
    note:
      'Judged on a first connection: after a reconnect with another number of queues, stale keys of the earlier ' +
      'connection are common.' },
  { id: 'MQ-09', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      "A frontend with two or more queues writes each queue's keys under queue-N, where N runs from 0 to the number " +
      'of queues minus one, in plain decimal.',
    source: 'netif.h, "Multiple transmit and receive queues": indexed from zero',
    lines: 'netif.h:76-79' },
  // A must, although from an example: the header says that the keys of its example "must" be written so.
  { id: 'MQ-10', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'Every queue-N node itself has an empty value.',
    source: 'netif.h, "Multiple transmit and receive queues": example',
    lines: 'netif.h:80-81, 84, 89',
    note: 'A node that xenstore created as the parent of a key is empty as well, which is enough.' },
  { id: 'MQ-11', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'Every queue has exactly one tx ring and one rx ring.',
    source: 'netif.h, "Multiple transmit and receive queues": one shared ring pair',
    lines: 'netif.h:68-69' },
  // Not a must: the header only says that split event channels are not mandatory.
  { id: 'MQ-12', side: 'backend', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'The backend serves several queues whether each has one event channel or two.',
    source: 'netif.h, "Multiple transmit and receive queues": not mandatory' },
  // The header's "may" is the refusal; that the rest stays intact is good practice.
  { id: 'MQ-13', side: 'backend', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'On inconsistent queue keys the backend connects either no queue or all queues of a consistent reading, and a ' +
      'later consistent attempt succeeds.',
    source:
      'good practice: netif.h, "Multiple transmit and receive queues", lets the backend refuse all of them as an ' +
      'error',
    note: 'Linux refuses every queue, writes an error node, and still goes to Connected.' },
  { id: 'MQ-14', side: 'backend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'The backend accepts any packet on any connected queue: the frontend chooses the queue.',
    source: 'netif.h, "Multiple transmit and receive queues": mapping of packets to queues',
    lines: 'netif.h:102-103' },
  { id: 'MQ-15', side: 'frontend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'The frontend receives any packet on any queue that it set up.',
    source: 'netif.h, "Multiple transmit and receive queues": mapping of packets to queues',
    lines: 'netif.h:103-104' },
  // Not a must: the header replicates rings and channels but says nothing about stalls.
  { id: 'MQ-16', side: 'both', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'An end whose peer stops serving one queue keeps serving the other queues.',
    source:
      'good practice: netif.h, "Multiple transmit and receive queues", replicates rings and event channels per queue' },
  // Not a must: the header says nothing about reconnecting. Known for Linux only, so not "every driver".
  { id: 'MQ-17', side: 'backend', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'The number of queues may differ from one connection to the next, and the backend accepts both more and fewer.',
    source: 'good practice: Linux xen-netback accepts both' },
  { id: 'MQ-18', side: 'frontend', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: 'The frontend writes all keys of all queues before its state invites the backend to read them.',
    source: 'good practice: drivers write them in one transaction' },
  // A must: the header calls multi-queue-max-queues the number that the backend supports.
  { id: 'MQ-19', side: 'backend', level: 'must', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement:
      'The backend accepts any number of queues up to its multi-queue-max-queues, including queue-10 and above.',
    source: 'netif.h, "Multiple transmit and receive queues": maximum supported number',
    lines: 'netif.h:56-58' },
  // Not a must: an event that its queue does not need is spurious, which no header forbids.
  { id: 'MQ-20', side: 'both', level: 'should', since: 'fecc45fa4a', gate: 'multi-queue-max-queues',
    statement: "An end sends the events of a queue on that queue's channel or channels and on no other queue's.",
    source: 'netif.h, "Multiple transmit and receive queues": queues replicate event channels' },
];
