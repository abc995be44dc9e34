import type { Requirement } from './requirement.js';

/** Conditional notifications through req_event and rsp_event. */
// prettier-ignore
export const NOTIFY: readonly Requirement[] = [
  { id: 'NOTIFY-01', side: 'both', level: 'should', since: 'always',
    statement: "An end notifies its peer only where the messages just pushed cross the peer's event index.",
    source: 'netif.h, "feature-rx-notify" (conditional notifications); ring.h, "Notification hold-off"' },
  { id: 'NOTIFY-02', side: 'both', level: 'must', since: 'always',
    statement:
      "An end always notifies its peer when the messages just pushed reach or cross the peer's event index, " +
      'whatever their number.',
    source: 'ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY and RING_PUSH_RESPONSES_AND_CHECK_NOTIFY' },
  { id: 'NOTIFY-03', side: 'both', level: 'must', since: 'always',
    statement:
      "A producer reads the peer's event index only after its own new producer index is visible, so that no wake-up " +
      'is lost.',
    source: 'ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY: full barrier before the event index is read' },
  { id: 'NOTIFY-04', side: 'both', level: 'must', since: 'always',
    statement:
      'Before a consumer sleeps it moves its event index past what it has consumed and then looks once more for ' +
      'messages.',
    source: 'ring.h, RING_FINAL_CHECK_FOR_REQUESTS and RING_FINAL_CHECK_FOR_RESPONSES',
    note: 'A driver that polls for ever, as iPXE does, never sleeps and need not re-arm.' },
  { id: 'NOTIFY-05', side: 'both', level: 'may', since: 'always',
    statement: 'A consumer may set its event index further ahead than the next message, to be woken once for several.',
    source: 'ring.h, "Notification hold-off": batches of work' },
  { id: 'NOTIFY-06', side: 'both', level: 'must', since: 'always',
    statement: 'The comparison with the event index holds across the wrap of the 32-bit indexes.',
    source: 'ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY: differences cast to RING_IDX',
    note: 'Near the wrap only where an end attaches at the current rsp_prod; from 0 it takes 2^32 messages.' },
  // The text is silent on events with nothing to do.
  { id: 'NOTIFY-07', side: 'both', level: 'de-facto', since: 'always',
    statement:
      'An end takes events that bring no new message without a response, a crash or a storm of events in return.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'NOTIFY-08', side: 'frontend', level: 'should', since: 'always',
    statement: 'A frontend that notifies for rx requests writes feature-rx-notify.',
    source: 'netif.h, "feature-rx-notify"',
    note: 'A frontend that omits the key and notifies all the same does no harm.' },
  { id: 'NOTIFY-09', side: 'backend', level: 'must', since: 'always',
    statement:
      'Without feature-rx-notify the backend expects no notification for rx requests: it drops or polls, and goes ' +
      'on delivering once buffers are there.',
    source: 'netif.h, "feature-rx-notify"',
    note:
      'Packets without a buffer may be dropped or kept: Linux polls every 30 ms and drops what it drains, FreeBSD ' +
      'drops at once.' },
  { id: 'NOTIFY-10', side: 'backend', level: 'should', since: 'always', gate: 'feature-rx-notify',
    statement:
      'A backend that keeps packets while no rx buffer is posted sets req_event so that the refill is notified.',
    source: 'netif.h, "feature-rx-notify"; ring.h, RING_FINAL_CHECK_FOR_REQUESTS',
    note: 'Keeping packets is optional: a backend that drops them instead meets the rule.' },
  // Not a must: the header says that notifications "should" be conditional, for every type of message.
  { id: 'NOTIFY-11', side: 'both', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement:
      "On the control ring too an end notifies only where the messages just pushed cross the peer's event index.",
    source: 'netif.h, "feature-rx-notify": any type of message; "Control ring"' },
  // Both sides: the indexes are the frontend's to initialise, the first notification is either end's.
  { id: 'NOTIFY-12', side: 'both', level: 'must', since: 'always',
    statement:
      'With the event indexes at their initial 1, the first message on a ring is notified in either direction.',
    source: 'ring.h, SHARED_RING_INIT and RING_PUSH_RESPONSES_AND_CHECK_NOTIFY' },
  { id: 'NOTIFY-13', side: 'both', level: 'should', since: 'always',
    statement: 'The work done for an event is bounded, and no more notifications are sent than messages plus a few.',
    source: 'good practice: ring.h, "Notification hold-off", spares notifications' },
  { id: 'NOTIFY-14', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'Having reached Connected the frontend notifies its tx and rx event channels once.',
    source: 'every driver: Linux, FreeBSD, mini-os',
    untestable: 'a channel is pending when it is bound, so a peer that binds it after the notification sees the same as without one' },
];
