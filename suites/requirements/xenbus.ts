import type { Requirement } from './requirement.js';

/** The xenbus states and the life of a connection; netif.h describes none of it, xenbus.h only the states. */
// prettier-ignore
export const XB: readonly Requirement[] = [
  { id: 'XB-01', side: 'both', level: 'must', since: '7ef12531b8',
    statement: 'The state node holds one of the states 0 to 8, in decimal.',
    source: 'xenbus.h, enum xenbus_state' },
  { id: 'XB-02', side: 'both', level: 'must', since: 'always',
    statement: 'An end in InitWait has finished its early initialisation and waits for its peer or for hotplug.',
    source: 'xenbus.h, enum xenbus_state: InitWait' },
  { id: 'XB-03', side: 'both', level: 'must', since: 'always',
    statement: 'An end in Initialised waits for its peer to connect.',
    source: 'xenbus.h, enum xenbus_state: Initialised' },
  { id: 'XB-04', side: 'both', level: 'must', since: 'always',
    statement: 'An end is Closing when an error or an unplug ends the device, and Closed when that is done.',
    source: 'xenbus.h, enum xenbus_state: Closing' },
  // Not a must: the header only has the states, and FreeBSD's backend ends the device over them.
  { id: 'XB-05', side: 'both', level: 'should', since: '7ef12531b8',
    statement: "A peer's Reconfiguring or Reconfigured doesn't end the connection.",
    source: 'xenbus.h, enum xenbus_state: Reconfiguring' },
  { id: 'XB-06', side: 'backend', level: 'de-facto', since: 'always',
    statement: "The backend's features are all readable by the time it goes to InitWait.",
    source: 'every driver: Linux, FreeBSD, QEMU, mirage' },
  { id: 'XB-07', side: 'frontend', level: 'de-facto', since: 'always',
    statement: "The frontend reads the backend's features once the backend is in InitWait.",
    source: 'every driver: Linux, FreeBSD, Windows',
    note: "mini-os doesn't wait: a backend may meet a frontend that is Connected already." },
  { id: 'XB-08', side: 'frontend', level: 'de-facto', since: 'always',
    statement:
      'The frontend publishes rings, event channels and features, and then goes to Connected, straight or by way of ' +
      'Initialised.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-09', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'The backend connects a frontend that goes straight to Connected as well as one that passes through ' +
      'Initialised.',
    source: 'every driver: Linux, FreeBSD, QEMU, mirage' },
  { id: 'XB-10', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'The backend goes to Connected once rings are mapped, event channels bound and hotplug-status is connected.',
    source: 'every driver: Linux; FreeBSD writes hotplug-status itself' },
  { id: 'XB-11', side: 'frontend', level: 'de-facto', since: 'always',
    statement: "The frontend sends once the backend is Connected, and what it sent before isn't lost.",
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-12', side: 'both', level: 'de-facto', since: 'always',
    statement:
      'An end follows its peer to Closing and Closed, and has unmapped and closed everything of the connection ' +
      'before it writes Closed.',
    source: 'every driver: Linux, QEMU, Windows' },
  { id: 'XB-13', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      "With online at 1 a closed backend goes to InitWait again on the frontend's Initialising, and at 0 the device " +
      'goes away.',
    source: 'every driver: Linux, QEMU' },
  { id: 'XB-14', side: 'both', level: 'de-facto', since: 'always',
    statement: 'A vif connects any number of times, each time with new rings, features and number of queues.',
    source: 'every driver: Linux, QEMU, Windows' },
  { id: 'XB-15', side: 'frontend', level: 'de-facto', since: 'always',
    statement:
      'When the backend closes or vanishes the frontend goes to Closed, ends all grants and closes its event ' +
      'channels.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  { id: 'XB-16', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend connects anew when the backend returns to InitWait.',
    source: 'every driver: Linux, Windows' },
  { id: 'XB-17', side: 'backend', level: 'de-facto', since: 'always',
    statement: "When the frontend's directory vanishes the backend releases the connection and works on for others.",
    source: 'every driver: Linux, FreeBSD, QEMU' },
  { id: 'XB-18', side: 'both', level: 'de-facto', since: 'always',
    statement: 'A missing or invalid key ends the attempt with an error node and Closing, and with nothing worse.',
    source: 'every driver: Linux, FreeBSD, QEMU',
    note: "Linux's backend writes the error and goes to Connected all the same." },
  // Both sides: writing request-rx-copy is the frontend's part.
  { id: 'XB-19', side: 'both', level: 'de-facto', since: 'always',
    statement: 'The backend has feature-rx-copy at 1 and the frontend writes request-rx-copy as 1.',
    source: 'every driver: Linux, FreeBSD, QEMU, Windows, mini-os',
    note: "Without request-rx-copy Linux connects but reads no further feature, QEMU closes, FreeBSD doesn't mind." },
  { id: 'XB-20', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'The frontend takes its address from mac in its own directory.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-21', side: 'both', level: 'de-facto', since: 'always',
    statement: 'A state that is seen twice has the effect of one seen once.',
    source: 'every driver: Linux, FreeBSD, Windows' },
  { id: 'XB-22', side: 'both', level: 'de-facto', since: 'always',
    statement: 'Numbers in xenstore are decimal digits without a terminating zero byte or blanks.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-23', side: 'backend', level: 'de-facto', since: 'always',
    statement: "Changes in the frontend's directory lead to no endless xenstore writes and leave no watches behind.",
    source: 'every driver: Linux, FreeBSD' },
  { id: 'XB-24', side: 'both', level: 'de-facto', since: 'always',
    statement:
      'After suspend, resume or migration the frontend starts with fresh rings and the backend with their new ' +
      'references.',
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  // Not de-facto: iPXE writes key by key, so it isn't every driver.
  { id: 'XB-25', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend writes the keys of one attempt in one transaction and retries it when it conflicts.',
    source: 'good practice: Linux, FreeBSD, Windows and mini-os do so',
    untestable: 'xenstore shows the other end what was written, never by how many transactions' },
  { id: 'XB-26', side: 'frontend', level: 'de-facto', since: 'always',
    statement: "Ring references and event channels are valid by the time that the frontend's state tells of them.",
    source: 'every driver: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-27', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'A backend that starts late finds a frontend already Connected and connects it or refuses it cleanly.',
    source: 'every driver: Linux, QEMU' },
  { id: 'XB-28', side: 'frontend', level: 'de-facto', since: 'always',
    statement: 'A frontend that starts while the backend is still Connected gets it to a fresh connection.',
    source: 'every driver: Linux, Windows, iPXE' },
  { id: 'XB-29', side: 'backend', level: 'de-facto', since: 'always',
    statement: "A reconnect that the guest brings about doesn't remove hotplug-status.",
    source: "every driver: Linux; QEMU and FreeBSD don't depend on the node" },
  { id: 'XB-30', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'States that the frontend goes through in quick succession leave the backend in the state that fits the last ' +
      'of them.',
    source: 'every driver: Linux; it is what QEMU means to do',
    note: "QEMU 10 goes from Closed to InitWait alone: a frontend that is past Closed before it looks finds it in Closing for good." },
];
