import type { Requirement } from '../../harness/run/requirement.js';

/** Slots of one packet. */
// prettier-ignore
export const SLOT: readonly Requirement[] = [
  { id: 'SLOT-01', side: 'backend', level: 'must', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts a valid packet of up to 18 slots without negotiation.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN',
    lines: 'netif.h:24-25, 28-32' },
  // Not a must: 18 is the minimum that the header makes backends support; it binds no frontend.
  { id: 'SLOT-02', side: 'frontend', level: 'de-facto', since: '723a375f4e',
    statement: 'The frontend uses no more than 18 slots for the data of one packet.',
    source: 'drivers: Linux, FreeBSD, Windows',
    note: 'Whether extras count towards the 18 is open; Windows has up to 18 fragments plus extras.' },
  { id: 'SLOT-03', side: 'backend', level: 'may', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend may accept packets of more than 18 slots, or refuse them.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN',
    note: 'Linux accepts 19, responds to 20 with ERROR and disables the vif beyond that.',
    untestable: 'MAY: every backend conforms' },
  // Not a must: the header doesn't say whether extras count.
  { id: 'SLOT-04', side: 'backend', level: 'should', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts 18 data slots plus extras.',
    source: 'good practice: netif.h, XEN_NETIF_NR_SLOTS_MIN; Linux and FreeBSD do so' },
  { id: 'SLOT-05', side: 'backend', level: 'must', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts 18 slots of any sizes, including one byte each.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN: a valid packet',
    lines: 'netif.h:24-25, 28-32, 770-774',
    note: 'Linux and QEMU refuse a first slot too short for the Ethernet header, which no frontend sends.' },
  { id: 'SLOT-06', side: 'backend', level: 'must', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts a packet whose protocol headers are spread over several slots.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN: a valid packet',
    lines: 'netif.h:24-25, 28-32, 770-774' },
  { id: 'SLOT-07', side: 'backend', level: 'should', since: '723a375f4e',
    statement: 'An rx packet uses at most 18 slots plus its extras.',
    source: 'good practice: netif.h sets a limit for tx only, frontends accept about as many on rx' },
  { id: 'SLOT-08', side: 'frontend', level: 'should', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The frontend keeps enough rx requests posted for a packet of the largest size and its extras.',
    source: 'good practice: netif.h requires no number of rx requests' },
];
