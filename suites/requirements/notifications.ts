import type { Requirement } from '../../harness/run/requirement.js';

/** Conditional notifications through req_event and rsp_event. */
// prettier-ignore
export const NOTIFY: readonly Requirement[] = [
  { id: 'NOTIFY-01', side: 'both', level: 'should', since: 'always',
    statement: "An end notifies its peer only if the messages just pushed cross the peer's event index.",
    source: 'netif.h, "feature-rx-notify" (conditional notifications); ring.h, "Notification hold-off"' },
  { id: 'NOTIFY-02', side: 'both', level: 'must', since: 'always',
    statement:
      "An end always notifies its peer when the messages just pushed reach or cross the peer's event index, however " +
      'many they are.',
    source: 'ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY and RING_PUSH_RESPONSES_AND_CHECK_NOTIFY',
    lines: 'ring.h:296-298, 321-322, 331-332' },
  { id: 'NOTIFY-03', side: 'both', level: 'must', since: 'always',
    statement:
      "A producer reads the peer's event index only after its own new producer index is visible, so that no wake-up " +
      'is lost.',
    source: 'ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY: full barrier before the event index is read',
    lines: 'ring.h:319-322, 329-332' },
  { id: 'NOTIFY-04', side: 'both', level: 'must', since: 'always',
    statement:
      'Before a consumer sleeps it moves its event index past what it has consumed and then checks for messages once ' +
      'more.',
    source: 'ring.h, RING_FINAL_CHECK_FOR_REQUESTS and RING_FINAL_CHECK_FOR_RESPONSES',
    lines: 'ring.h:300-305, 338-340, 346-348',
    note: 'A driver that polls, such as iPXE, never sleeps and need not re-arm.' },
  { id: 'NOTIFY-05', side: 'both', level: 'may', since: 'always',
    statement:
      'A consumer may set its event index further ahead than the next message, so that several messages cause one ' +
      'event.',
    source: 'ring.h, "Notification hold-off": batches of work',
    untestable: 'MAY: every consumer conforms; NOTIFY-02 and NOTIFY-03 require that the producer follows the index' },
  { id: 'NOTIFY-06', side: 'both', level: 'must', since: 'always',
    statement: 'The comparison with the event index holds across the wrap of the 32-bit indices.',
    source: 'ring.h, RING_PUSH_REQUESTS_AND_CHECK_NOTIFY: differences cast to RING_IDX',
    lines: 'ring.h:321-322, 331-332',
    note:
      'The wrap is within reach only if an end attaches at the current rsp_prod; from index 0 it is 2^32 messages ' +
      'away.' },
  // The header is silent on events without a new message.
  { id: 'NOTIFY-07', side: 'both', level: 'de-facto', since: 'always',
    statement: 'An end tolerates spurious events: no response, no crash and no event storm follows.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'NOTIFY-08', side: 'frontend', level: 'should', since: 'always',
    statement: 'A frontend that notifies the backend of rx requests writes feature-rx-notify.',
    source: 'netif.h, "feature-rx-notify"',
    note: 'A frontend that omits the key but notifies anyway does no harm.' },
  { id: 'NOTIFY-09', side: 'backend', level: 'must', since: 'always',
    statement:
      'Without feature-rx-notify the backend expects no notification of rx requests: it drops or polls, and resumes ' +
      'delivery once buffers are posted.',
    source: 'netif.h, "feature-rx-notify"',
    lines: 'netif.h:37-39',
    note:
      'The backend may drop or keep packets without a buffer: Linux polls every 30 ms and drops what it drains, ' +
      'FreeBSD drops at once.' },
  { id: 'NOTIFY-10', side: 'backend', level: 'should', since: 'always', gate: 'feature-rx-notify',
    statement:
      'A backend that keeps packets while no rx buffer is posted sets req_event so that the refill causes a ' +
      'notification.',
    source: 'netif.h, "feature-rx-notify"; ring.h, RING_FINAL_CHECK_FOR_REQUESTS',
    note: 'Keeping packets is optional: a backend that drops them instead conforms.' },
  // Not a must: the header says that notifications "should" be conditional, for every type of message.
  { id: 'NOTIFY-11', side: 'both', level: 'should', since: '162a81abb1', gate: 'feature-ctrl-ring',
    statement:
      "On the control ring, too, an end notifies only if the messages just pushed cross the peer's event index.",
    source: 'netif.h, "feature-rx-notify": any type of message; "Control ring"' },
  // Both sides: the frontend initialises the indices, either end sends a first notification.
  { id: 'NOTIFY-12', side: 'both', level: 'must', since: 'always',
    statement:
      'With the event indices at their initial value 1, the first message on a ring causes a notification, in either ' +
      'direction.',
    source: 'ring.h, SHARED_RING_INIT and RING_PUSH_RESPONSES_AND_CHECK_NOTIFY',
    lines: 'ring.h:163, 321-322, 331-332' },
  { id: 'NOTIFY-13', side: 'both', level: 'should', since: 'always',
    statement:
      'An end bounds the work that it does for an event and sends no more notifications than messages plus a few.',
    source: 'good practice: ring.h, "Notification hold-off", is there to avoid notifications' },
  { id: 'NOTIFY-14', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'After going to Connected the frontend notifies its tx and rx event channels once.',
    source: 'drivers: Linux, FreeBSD, mini-os',
    untestable:
      'an event channel is pending when it is bound, so a peer that binds it after the notification sees the same as ' +
      'without one' },
];
