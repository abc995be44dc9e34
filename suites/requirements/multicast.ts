import type { Requirement } from './requirement.js';

/** Multicast filtering. */
// prettier-ignore
export const MCAST: readonly Requirement[] = [
  { id: 'MCAST-01', side: 'backend', level: 'must', since: '38992e5df2',
    statement:
      'A backend that filters multicast says so with feature-multicast-control, and with ' +
      'feature-dynamic-multicast-control if it follows changes.',
    source: 'netif.h, "feature-multicast-control"' },
  { id: 'MCAST-02', side: 'frontend', level: 'may', since: '38992e5df2', gate: 'feature-multicast-control',
    statement: 'The frontend may ask for filtering with request-multicast-control.',
    source: 'netif.h, "feature-multicast-control"' },
  { id: 'MCAST-03', side: 'frontend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      'Where only the static feature is offered, request-multicast-control is written before the frontend goes to ' +
      'Connected.',
    source: 'netif.h, "feature-multicast-control"' },
  { id: 'MCAST-04', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      'A backend without the dynamic feature samples request-multicast-control when the frontend goes to Connected, ' +
      'and later changes have no effect.',
    source: 'netif.h, "feature-multicast-control": sampled on this state transition',
    note:
      'If the frontend is Connected before the backend is ready, the sample is taken when the backend handles that ' +
      'state.' },
  { id: 'MCAST-05', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-dynamic-multicast-control',
    statement:
      'With the dynamic feature the backend follows every change of request-multicast-control while connected.',
    source: 'netif.h, "feature-dynamic-multicast-control"' },
  // Not a must: the header says that the backend "should" drop.
  { id: 'MCAST-06', side: 'backend', level: 'should', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      'With request-multicast-control set the backend sends the frontend no multicast packet whose destination ' +
      "isn't in the list.",
    source: 'netif.h, "feature-multicast-control": match in a filter list',
    note:
      "Linux exempts multicast that starts in the backend's own domain: judge by frames that come in from another " +
      'port.' },
  // Not a must: the header says that the filter "should only" be applied if it is set.
  { id: 'MCAST-07', side: 'backend', level: 'should', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      "While request-multicast-control isn't set the backend floods every multicast packet, whatever the list holds.",
    source: 'netif.h, "feature-multicast-control": only applied if it is set' },
  { id: 'MCAST-08', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      "The list can be changed while request-multicast-control isn't set, and counts from the moment that it is.",
    source: 'netif.h, "feature-multicast-control": amended even if not set' },
  { id: 'MCAST-09', side: 'backend', level: 'must', since: 'always', gate: 'feature-multicast-control',
    statement:
      'A tx request with an MCAST_ADD extra puts its address into the list, and one with MCAST_DEL takes it out.',
    source: 'netif.h, "feature-multicast-control"; "Extra Info", XEN_NETIF_EXTRA_TYPE_MCAST_{ADD,DEL}' },
  { id: 'MCAST-10', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement: 'A tx request that carries a multicast extra is a dummy, of which the backend sends nothing on.',
    source: 'netif.h, "feature-multicast-control": dummy transmit requests',
    note:
      'A dummy with more_data is undefined: Linux answers the request and its extras and reads the rest as new ' +
      'packets.' },
  { id: 'MCAST-11', side: 'backend', level: 'must', since: 'always', gate: 'feature-multicast-control',
    statement: 'The dummy request is answered OKAY and each of its extra slots NULL.',
    source: 'netif.h, NETIF_RSP_OKAY and NETIF_RSP_NULL; "feature-multicast-control"',
    note: 'Several ADD or DEL extras in one chain are undefined; Linux heeds one of them, but the responses add up.' },
  { id: 'MCAST-12', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'When the list is full the backend answers the dummy request ERROR.',
    source: 'good practice: netif.h sets no size of the list and no answer; Linux keeps 64 addresses' },
  // Not a must: the text speaks of multicast packets, and the broadcast address has the group bit.
  { id: 'MCAST-13', side: 'backend', level: 'de-facto', since: 'always', gate: 'feature-multicast-control',
    statement: 'Broadcast and unicast frames reach the frontend whatever the list holds.',
    source: 'every driver: Linux xen-netback, UEK netback' },
  { id: 'MCAST-14', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: "Deleting an address that isn't in the list changes nothing.",
    source: 'good practice: netif.h is silent on it' },
  { id: 'MCAST-15', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'After an address was added twice and deleted once the backend goes on answering and filtering.',
    source: 'good practice: netif.h is silent on duplicates',
    note:
      'Whether the address is then still in the list is open: Linux keeps duplicates and removes the first match.' },
  // Known of Linux only, so not "every driver".
  { id: 'MCAST-16', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'The list is empty on every new connection.',
    source: 'good practice: Linux xen-netback frees it on disconnect' },
  { id: 'MCAST-17', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement: "The backend doesn't touch the grant of a dummy request, which may be invalid.",
    source: 'netif.h, "feature-multicast-control": dummy transmit requests' },
  { id: 'MCAST-18', side: 'frontend', level: 'must', since: '38992e5df2',
    statement: 'The frontend sends no multicast extra to a backend that offers neither multicast feature.',
    source: 'netif.h, "feature-multicast-control"' },
  { id: 'MCAST-19', side: 'backend', level: 'must', since: 'fecc45fa4a', gate: 'feature-multicast-control',
    statement: 'The list is one per vif: an address added on one queue counts for all.',
    source: 'netif.h, "feature-multicast-control": the filter list' },
  { id: 'MCAST-20', side: 'backend', level: 'should', since: '38992e5df2', gate: 'feature-dynamic-multicast-control',
    statement: 'A backend with feature-dynamic-multicast-control offers feature-multicast-control as well.',
    source: 'netif.h, "feature-multicast-control": also advertises' },
];
