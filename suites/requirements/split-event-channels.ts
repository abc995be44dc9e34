import type { Requirement } from '../../harness/run/requirement.js';

/** Separate event channels for tx and rx. */
// prettier-ignore
export const SEC: readonly Requirement[] = [
  { id: 'SEC-01', side: 'backend', level: 'must', since: '9204bc6545',
    statement: 'The backend\'s feature-split-event-channels is absent, "0" or "1".',
    source: 'netif.h, "feature-split-event-channels"',
    lines: 'netif.h:43-45' },
  // The header names no moment. Not de-facto: QEMU 10 writes its features after InitWait.
  { id: 'SEC-02', side: 'backend', level: 'should', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: 'The backend writes feature-split-event-channels before it goes to InitWait.',
    source: 'good practice: Linux does so' },
  // The header says "should allocate two", yet gives no other way to use the feature: a format, hence a must.
  { id: 'SEC-03', side: 'frontend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: 'A frontend that splits its event channels writes both event-channel-tx and event-channel-rx.',
    source:
      'netif.h, "feature-split-event-channels"; "Multiple transmit and receive queues": must write the following set ' +
      'of queue-related keys',
    lines: 'netif.h:47-49, 80-81, 87-88, 92-93' },
  { id: 'SEC-04', side: 'frontend', level: 'must', since: '9204bc6545',
    statement:
      'A frontend whose backend lacks feature-split-event-channels, or sets it to 0, writes the single event-channel.',
    source: 'netif.h, "feature-split-event-channels"',
    lines: 'netif.h:43-45, 49-51' },
  { id: 'SEC-05', side: 'frontend', level: 'may', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: 'The frontend may ignore the offer of split event channels and write the single event-channel.',
    source: 'netif.h, "feature-split-event-channels"',
    untestable: 'MAY: every frontend conforms' },
  { id: 'SEC-06', side: 'backend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'A backend that offers split event channels still connects a frontend that writes the single event-channel.',
    source: 'netif.h, "feature-split-event-channels"',
    lines: 'netif.h:49-51' },
  { id: 'SEC-07', side: 'backend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'With split event channels the backend notifies tx on the tx channel only and rx on the rx channel only.',
    source: 'netif.h, "feature-split-event-channels"',
    lines: 'netif.h:43-44, 47-49' },
  { id: 'SEC-08', side: 'frontend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'With split event channels the frontend notifies tx on the tx channel only and rx on the rx channel only.',
    source: 'netif.h, "feature-split-event-channels"',
    lines: 'netif.h:43-44, 47-49' },
  { id: 'SEC-09', side: 'both', level: 'must', since: 'always',
    statement: 'A single event channel serves both rings: on its event an end checks the tx ring and the rx ring.',
    source: 'netif.h, "feature-split-event-channels": event-channel as before',
    lines: 'netif.h:43-44, 49-51' },
  { id: 'SEC-10', side: 'frontend', level: 'should', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: "The frontend doesn't write event-channel in addition to event-channel-tx and event-channel-rx.",
    source: 'good practice: netif.h, "feature-split-event-channels", gives the two styles as alternatives' },
  { id: 'SEC-11', side: 'backend', level: 'should', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'If only one of event-channel-tx and event-channel-rx is written, the backend reports an error or uses ' +
      'event-channel, and is never left half connected.',
    source: 'good practice: netif.h is silent on an incomplete pair' },
  { id: 'SEC-12', side: 'backend', level: 'should', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'If event-channel-tx and event-channel-rx name the same port, the backend either works or refuses the ' +
      'connection cleanly.',
    source: 'good practice: netif.h is silent on equal ports' },
];
