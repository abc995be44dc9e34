import type { Requirement } from '../../harness/run/requirement.js';

/** The xenbus states and the life of a connection; netif.h describes none of it, xenbus.h only the states. */
// prettier-ignore
export const XB: readonly Requirement[] = [
  // Not a must: the header numbers the states and does not say how a node holds them.
  { id: 'XB-01', side: 'both', level: 'de-facto', since: '7ef12531b8',
    statement: 'The state node holds one of the states 0 to 8 of xenbus.h, in decimal.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU, Windows, mini-os' },
  // The header explains the state and obliges nobody to enter it.
  { id: 'XB-02', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'The backend goes to InitWait without being asked, as soon as it has finished its early initialisation.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU, mirage' },
  // Not a must: the header explains the state and does not say what ends the wait.
  { id: 'XB-03', side: 'both', level: 'should', since: 'always',
    statement: 'An end in Initialised waits for its peer to connect.',
    source: 'xenbus.h, enum xenbus_state: Initialised' },
  // Not a must: the header explains the state and obliges nobody to enter it.
  // Not a frontend's: FreeBSD's and NetBSD's go to Closed without Closing, which no header forbids.
  { id: 'XB-04', side: 'backend', level: 'should', since: 'always',
    statement: 'An end is Closing when an error or an unplug ends the device, and Closed when that is done.',
    source: 'good practice: xenbus.h, enum xenbus_state, has Closing for a device that an error or an unplug ends',
    untestable: 'a state that the next one follows at once is over before its watch event can be read' },
  // Not a must: the header only lists the states, and FreeBSD's backend ends the device on them.
  { id: 'XB-05', side: 'both', level: 'should', since: '7ef12531b8',
    statement: "A peer's Reconfiguring or Reconfigured doesn't end the connection.",
    source: 'xenbus.h, enum xenbus_state: Reconfiguring' },
  // Not de-facto: QEMU 10 writes its features after InitWait.
  { id: 'XB-06', side: 'backend', level: 'should', since: 'always',
    statement: 'All features of the backend are readable by the time that it goes to InitWait.',
    source: 'good practice: Linux, FreeBSD, NetBSD, QEMU before version 10 and mirage do so' },
  { id: 'XB-07', side: 'frontend', level: 'should', since: 'always',
    statement: "The frontend reads the backend's features once the backend is in InitWait.",
    source: 'good practice: Linux, FreeBSD, NetBSD, Windows and iPXE do so',
    note:
      "mini-os, Unikraft, mirage and OpenBSD don't wait: a backend may find a frontend that is already Connected." },
  { id: 'XB-08', side: 'frontend', level: 'de-facto', since: 'always',
    statement:
      'The frontend publishes rings, event channels and features, and then goes to Connected, directly or through ' +
      'Initialised.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-09', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'The backend connects a frontend that goes directly to Connected as well as one that passes through Initialised.',
    source: 'drivers: Linux, FreeBSD, QEMU, mirage' },
  { id: 'XB-10', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'The backend goes to Connected once it has mapped the rings and bound the event channels of a frontend that is ' +
      'Connected.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU, mirage',
    note: 'Linux also waits for hotplug-status = connected; FreeBSD and QEMU write that key themselves.' },
  { id: 'XB-11', side: 'frontend', level: 'de-facto', since: 'always',
    statement: "The frontend sends once the backend is Connected, and what it sent earlier isn't lost.",
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  // Not a frontend's: those that watch no backend that they are connected to are named at XB-15.
  { id: 'XB-12', side: 'backend', level: 'de-facto', since: 'always',
    statement:
      'The backend follows the frontend to Closing and Closed, or removes its directory, and has unmapped and closed ' +
      'everything of the connection by then.',
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU',
    note: 'mirage removes its directory.' },
  // Not de-facto: FreeBSD, NetBSD and mirage connect a device once.
  { id: 'XB-13', side: 'backend', level: 'should', since: 'always',
    statement:
      'While online = 1, a Closed backend returns to InitWait when the frontend writes Initialising; once online = ' +
      '0, the device is removed.',
    source: 'good practice: Linux and QEMU do so' },
  // Not de-facto: the backends of FreeBSD, NetBSD and mirage connect a device once.
  { id: 'XB-14', side: 'both', level: 'should', since: 'always',
    statement: 'A vif can connect any number of times, each time with new rings, features and number of queues.',
    source: 'good practice: Linux, QEMU and Windows do so' },
  // Not de-facto: OpenBSD, Unikraft, iPXE and mini-os watch no backend that they are connected to.
  { id: 'XB-15', side: 'frontend', level: 'should', since: 'always',
    statement:
      'When the backend closes or disappears, the frontend goes to Closed, ends all grants and closes its event ' +
      'channels.',
    source: 'good practice: Linux, FreeBSD, NetBSD and Windows do so',
    note: 'Windows closes when online = 0, whatever the state of a backend that stays online.' },
  { id: 'XB-16', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend reconnects when the backend returns to InitWait.',
    source: 'good practice: Linux and Windows do so' },
  { id: 'XB-17', side: 'backend', level: 'de-facto', since: 'always',
    statement: "When the frontend's directory disappears, the backend keeps working for others.",
    source: 'drivers: Linux, FreeBSD, QEMU, mirage' },
  // Not de-facto: Linux's backend goes to Connected, NetBSD's, mirage's and old QEMU's stay in InitWait or go away.
  { id: 'XB-18', side: 'both', level: 'should', since: 'always',
    statement: 'On a missing or invalid key an end writes an error node and Closing; nothing worse happens.',
    source:
      'good practice: FreeBSD does so; netif.h, "Multiple transmit and receive queues", lets the backend treat such ' +
      'keys as an error' },
  // Both sides: the frontend writes request-rx-copy. What it does without feature-rx-copy is XB-31.
  { id: 'XB-19', side: 'both', level: 'de-facto', since: 'always',
    statement: 'The backend writes feature-rx-copy = 1 and the frontend writes request-rx-copy = 1.',
    source: 'drivers: Linux, FreeBSD, QEMU, Windows, mini-os',
    note: 'Without request-rx-copy Linux connects but reads no further feature, QEMU closes, FreeBSD accepts it.' },
  { id: 'XB-20', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend uses the address in the mac key of its own directory.',
    source: 'good practice: Linux, FreeBSD, NetBSD, Windows, iPXE and mini-os do so',
    note: "OpenBSD reads the mac key of the backend's directory." },
  { id: 'XB-21', side: 'both', level: 'de-facto', since: 'always',
    statement: 'A state that is seen twice has the same effect as one seen once.',
    source: 'drivers: Linux, FreeBSD, Windows' },
  { id: 'XB-22', side: 'both', level: 'de-facto', since: 'always',
    statement: 'Numbers in xenstore are decimal digits, without a trailing NUL or whitespace.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-23', side: 'backend', level: 'de-facto', since: 'always',
    statement: "Neither changes in the frontend's directory nor malformed packets cause endless xenstore writes, and no stale watches stay.",
    source: 'drivers: Linux, FreeBSD, NetBSD, QEMU' },
  { id: 'XB-24', side: 'both', level: 'de-facto', since: 'always',
    statement:
      'After suspend, resume or migration the frontend starts with fresh rings and the backend with the new ' +
      'references.',
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  // Not de-facto: iPXE writes key by key, so not every driver does it.
  { id: 'XB-25', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend writes the keys of one attempt in one transaction and retries it on a conflict.',
    source: 'good practice: Linux, FreeBSD, Windows and mini-os do so',
    note: 'A peer sees what was written and never in how many transactions, so only the retry is tested.' },
  { id: 'XB-26', side: 'frontend', level: 'de-facto', since: 'always',
    statement: "Ring references and event channels are valid by the time that the frontend's state announces them.",
    source: 'drivers: Linux, FreeBSD, Windows, mini-os' },
  { id: 'XB-27', side: 'backend', level: 'de-facto', since: 'always',
    statement: 'A backend that starts late and finds a frontend already Connected connects it or refuses it cleanly.',
    source: 'drivers: Linux, FreeBSD, QEMU, mirage' },
  // Not de-facto: those that don't wait for InitWait, see XB-07, don't look at that state either.
  { id: 'XB-28', side: 'frontend', level: 'should', since: 'always',
    statement: 'A frontend that starts while the backend is still Connected brings it to a fresh connection.',
    source: 'good practice: Linux, Windows and iPXE do so' },
  { id: 'XB-29', side: 'backend', level: 'should', since: 'always',
    statement: "A reconnect that the guest initiates doesn't remove hotplug-status.",
    source: 'good practice: Linux, which depends on the node, and QEMU keep it' },
  // Not de-facto: QEMU 10 misses a Closed that it does not see, and others connect a device once.
  { id: 'XB-30', side: 'backend', level: 'should', since: 'always',
    statement:
      'When the frontend goes through several states in quick succession, the backend ends in the state that matches ' +
      'the last of them.',
    source: 'good practice: Linux does so',
    note:
      'QEMU 10 goes to InitWait from Closed only: if the frontend has left Closed before QEMU looks, it finds QEMU ' +
      'in Closing for good.' },
  { id: 'XB-31', side: 'frontend', level: 'should', since: 'always',
    statement: "The frontend doesn't connect to a backend that lacks feature-rx-copy.",
    source: 'good practice: Linux, FreeBSD and NetBSD refuse such a backend',
    note: "iPXE, OpenBSD, mini-os, Unikraft, mirage and Windows don't read the key." },
  { id: 'XB-32', side: 'frontend', level: 'should', since: 'always',
    statement: 'The frontend also goes to Closed when the backend goes there without Closing.',
    source: 'good practice: Linux does so since c2c633106453',
    note: 'FreeBSD and Windows wait for Closing.' },
  { id: 'XB-33', side: 'frontend', level: 'should', since: 'always',
    statement: 'While online = 0 in the directory of its Closed backend, a Closed frontend does not start again.',
    source: 'good practice: Linux, FreeBSD and NetBSD stay Closed; libxl writes the key when it removes a vif',
    note: 'Windows started again before 1c3bc5f.' },
  { id: 'XB-34', side: 'frontend', level: 'should', since: 'always',
    statement: "A change of the backend's online key alone doesn't end the connection.",
    source: 'good practice: Linux and FreeBSD do not read the key; Windows looks at it once the backend closes' },
  // Not de-facto: Linux's frontend removes no key.
  { id: 'XB-35', side: 'frontend', level: 'should', since: 'always',
    statement:
      'When it connects again, the frontend leaves no key of an earlier connection that contradicts the new one: other ' +
      'event channels, a number of queues or a control ring that is not offered.',
    source: 'good practice: mini-os and iPXE remove their keys; Linux xen-netback reads such keys before the new ones' },
  { id: 'XB-36', side: 'frontend', level: 'should', since: 'always',
    statement: 'When the save of its guest is cancelled, the frontend keeps its connection.',
    source: 'good practice: Linux and FreeBSD do so' },
  // Not de-facto: QEMU up to 8 waits until its own directory is removed.
  { id: 'XB-37', side: 'backend', level: 'should', since: 'always',
    statement: "When the frontend's directory disappears, the backend has unmapped and closed everything of its connection.",
    source: 'good practice: Linux handles it like a close' },
  // Not de-facto: QEMU up to 8 leaves its rings mapped.
  { id: 'XB-38', side: 'backend', level: 'should', since: 'always',
    statement: 'When its own directory disappears, the backend has unmapped and closed everything of the connection.',
    source: 'good practice: Linux removes the device; the frontend cannot use such pages for anything else' },
];
