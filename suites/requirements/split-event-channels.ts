import type { Requirement } from './requirement.js';

/** Event channels of their own for tx and rx. */
// prettier-ignore
export const SEC: readonly Requirement[] = [
  { id: 'SEC-01', side: 'backend', level: 'must', since: '9204bc6545',
    statement: 'The backend\'s feature-split-event-channels is absent, "0" or "1".',
    source: 'netif.h, "feature-split-event-channels"' },
  // The text names no moment; features are readable once the backend is in InitWait.
  { id: 'SEC-02', side: 'backend', level: 'de-facto', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: 'The backend writes feature-split-event-channels before it goes to InitWait.',
    source: 'every driver: Linux, Windows and the reference start-up of xenbus devices' },
  // The header says "should allocate two", yet names no other way to use the feature: format, hence must.
  { id: 'SEC-03', side: 'frontend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: 'A frontend that splits its event channels writes both event-channel-tx and event-channel-rx.',
    source: 'netif.h, "feature-split-event-channels"' },
  { id: 'SEC-04', side: 'frontend', level: 'must', since: '9204bc6545',
    statement:
      'A frontend whose backend lacks feature-split-event-channels, or has it at 0, writes the single event-channel.',
    source: 'netif.h, "feature-split-event-channels"' },
  { id: 'SEC-05', side: 'frontend', level: 'may', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: 'The frontend may leave the offer of split event channels alone and write the single event-channel.',
    source: 'netif.h, "feature-split-event-channels"',
    untestable: 'a permission, which no frontend can break' },
  { id: 'SEC-06', side: 'backend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'A backend that offers split event channels still connects a frontend that writes the single event-channel.',
    source: 'netif.h, "feature-split-event-channels"' },
  { id: 'SEC-07', side: 'backend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'With split event channels the backend signals the tx ring on the tx channel only and the rx ring on the rx ' +
      'channel only.',
    source: 'netif.h, "feature-split-event-channels"' },
  { id: 'SEC-08', side: 'frontend', level: 'must', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'With split event channels the frontend signals the tx ring on the tx channel only and the rx ring on the rx ' +
      'channel only.',
    source: 'netif.h, "feature-split-event-channels"' },
  { id: 'SEC-09', side: 'both', level: 'must', since: 'always',
    statement: 'A single event channel serves both rings: on its event an end looks at the tx ring and at the rx ring.',
    source: 'netif.h, "feature-split-event-channels": event-channel as before' },
  { id: 'SEC-10', side: 'frontend', level: 'should', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement: "The frontend doesn't write event-channel beside event-channel-tx and event-channel-rx.",
    source: 'good practice: netif.h, "feature-split-event-channels" gives the styles as alternatives' },
  { id: 'SEC-11', side: 'backend', level: 'should', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'Given only one of event-channel-tx and event-channel-rx the backend reports an error or uses event-channel, ' +
      'and is never left half connected.',
    source: 'good practice: netif.h is silent on half a pair' },
  { id: 'SEC-12', side: 'backend', level: 'should', since: '9204bc6545', gate: 'feature-split-event-channels',
    statement:
      'Given the same port as event-channel-tx and event-channel-rx the backend either works or refuses cleanly.',
    source: 'good practice: netif.h is silent on equal ports' },
];
