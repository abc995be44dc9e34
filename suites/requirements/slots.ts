import type { Requirement } from './requirement.js';

/** Slots of one packet. */
// prettier-ignore
export const SLOT: readonly Requirement[] = [
  { id: 'SLOT-01', side: 'backend', level: 'must', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts a valid packet of up to 18 slots without negotiation.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN' },
  // Not a must: the header makes 18 the least that backends support, and binds no frontend.
  { id: 'SLOT-02', side: 'frontend', level: 'de-facto', since: '723a375f4e',
    statement: 'The frontend uses no more than 18 slots for the data of one packet.',
    source: 'every driver: Linux, FreeBSD, Windows',
    note: 'Whether extras count towards the 18 is open; Windows has up to 18 fragments besides extras.' },
  { id: 'SLOT-03', side: 'backend', level: 'may', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend may accept packets of more than 18 slots, or refuse them.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN',
    note: 'Linux takes 19, answers ERROR for 20 and disables the vif beyond.' },
  // Not a must: the text doesn't say whether extras count.
  { id: 'SLOT-04', side: 'backend', level: 'de-facto', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts 18 data slots with extras besides.',
    source: 'every driver: Linux, FreeBSD' },
  { id: 'SLOT-05', side: 'backend', level: 'must', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts 18 slots of any sizes, also of one byte each.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN: a valid packet',
    note: 'Linux and QEMU refuse a first slot too short for the Ethernet header, which no frontend sends.' },
  { id: 'SLOT-06', side: 'backend', level: 'must', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The backend accepts a packet whose protocol headers spread over several slots.',
    source: 'netif.h, XEN_NETIF_NR_SLOTS_MIN: a valid packet' },
  { id: 'SLOT-07', side: 'backend', level: 'should', since: '723a375f4e',
    statement: 'An rx packet takes 18 slots and its extras at most.',
    source: 'good practice: netif.h sets a limit for tx alone, frontends take about as many on rx' },
  { id: 'SLOT-08', side: 'frontend', level: 'should', since: '723a375f4e', gate: 'feature-sg',
    statement: 'The frontend keeps as many rx requests posted as a largest packet and its extras take.',
    source: 'good practice: netif.h demands no number of rx requests' },
];
