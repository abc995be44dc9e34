import type { Requirement } from '../../harness/run/requirement.js';

/** Multicast filtering. */
// prettier-ignore
export const MCAST: readonly Requirement[] = [
  { id: 'MCAST-01', side: 'backend', level: 'must', since: '38992e5df2',
    statement:
      'A backend that filters multicast advertises feature-multicast-control, and also ' +
      'feature-dynamic-multicast-control if it follows changes.',
    source: 'netif.h, "feature-multicast-control"',
    lines: 'netif.h:122-124, 129-132' },
  // Not a must: the header describes the values of an optional key.
  { id: 'MCAST-02', side: 'frontend', level: 'should', since: '38992e5df2', gate: 'feature-multicast-control',
    statement: 'A frontend that writes request-multicast-control writes 1 to request filtering, and 0 if not.',
    source: 'netif.h, "feature-multicast-control"' },
  { id: 'MCAST-03', side: 'frontend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      'If the backend offers the static feature only, the frontend writes request-multicast-control before it goes ' +
      'to Connected.',
    source: 'netif.h, "feature-multicast-control"',
    lines: 'netif.h:125-127' },
  { id: 'MCAST-04', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      'A backend without the dynamic feature samples request-multicast-control when the frontend goes to Connected; ' +
      'later changes have no effect.',
    source: 'netif.h, "feature-multicast-control": sampled on this state transition',
    lines: 'netif.h:127-129',
    note:
      'If the frontend is Connected before the backend is ready, the sample is taken when the backend handles that ' +
      'state.' },
  { id: 'MCAST-05', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-dynamic-multicast-control',
    statement:
      'With the dynamic feature the backend follows every change of request-multicast-control while connected.',
    source: 'netif.h, "feature-dynamic-multicast-control"',
    lines: 'netif.h:129-132' },
  // Not a must: the header says that the backend "should" drop.
  { id: 'MCAST-06', side: 'backend', level: 'should', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      'While request-multicast-control is set, the backend drops multicast packets whose destination is not in the ' +
      'filter list.',
    source: 'netif.h, "feature-multicast-control": match in a filter list',
    note:
      "Linux exempts multicast that originates in the backend's own domain: judge by frames that arrive from another " +
      'port.' },
  // Not a must: the header says that the filter "should only" be applied if it is set.
  { id: 'MCAST-07', side: 'backend', level: 'should', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      "While request-multicast-control isn't set, the backend floods every multicast packet, whatever the filter " +
      'list holds.',
    source: 'netif.h, "feature-multicast-control": only applied if it is set' },
  { id: 'MCAST-08', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement:
      "The filter list can be changed while request-multicast-control isn't set, and applies from the moment that " +
      'the key is set.',
    source: 'netif.h, "feature-multicast-control": amended even if not set',
    lines: 'netif.h:141-143' },
  { id: 'MCAST-09', side: 'backend', level: 'must', since: 'always', gate: 'feature-multicast-control',
    statement:
      'The backend adds the address in an MCAST_ADD extra of a tx request to the filter list, and removes the ' +
      'address in an MCAST_DEL extra.',
    source: 'netif.h, "feature-multicast-control"; "Extra Info", XEN_NETIF_EXTRA_TYPE_MCAST_{ADD,DEL}',
    lines: 'netif.h:138-140, 933-935' },
  { id: 'MCAST-10', side: 'backend', level: 'must', since: '38992e5df2', gate: 'feature-multicast-control',
    statement: 'The backend treats a tx request with a multicast extra as a dummy and forwards nothing of it.',
    source: 'netif.h, "feature-multicast-control": dummy transmit requests',
    lines: 'netif.h:138-140',
    note:
      'A dummy with more_data is undefined: Linux responds to the request and its extras and reads the rest as new ' +
      'packets.' },
  { id: 'MCAST-11', side: 'backend', level: 'must', since: 'always', gate: 'feature-multicast-control',
    statement: 'The backend responds to each extra slot of the dummy request with NULL.',
    source: 'netif.h, NETIF_RSP_NULL; "feature-multicast-control"',
    lines: 'netif.h:138-140, 1078-1079',
    note:
      'Several ADD or DEL extras in one chain are undefined; Linux acts on one of them, but the number of responses ' +
      'is right.' },
  { id: 'MCAST-12', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'When the filter list is full, the backend responds to the dummy request with ERROR or DROPPED.',
    source:
      'good practice: netif.h gives no size of the list and no response to a full one; Linux keeps 64 addresses' },
  // Not a must: the header speaks of multicast packets, and the broadcast address has the group bit.
  { id: 'MCAST-13', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'Broadcast and unicast frames reach the frontend whatever the filter list holds.',
    source: 'good practice: Linux xen-netback passes them' },
  { id: 'MCAST-14', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: "The deletion of an address that isn't in the filter list changes nothing.",
    source: 'good practice: netif.h is silent on it' },
  { id: 'MCAST-15', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'After an address was added twice and deleted once, the backend keeps responding and filtering.',
    source: 'good practice: netif.h is silent on duplicates',
    note:
      'Whether the address is then still in the list is open: Linux keeps duplicates and removes the first match.' },
  // Known for Linux only, so not "every driver".
  { id: 'MCAST-16', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'The filter list is empty on every new connection.',
    source: 'good practice: Linux xen-netback frees it on disconnect' },
  // Not a must: the header only calls the request a dummy.
  { id: 'MCAST-17', side: 'backend', level: 'should', since: '38992e5df2', gate: 'feature-multicast-control',
    statement: "The backend doesn't access the grant of a dummy request, which may be invalid.",
    source:
      'good practice: Linux xen-netback ignores the grant; netif.h, "feature-multicast-control", calls the request a ' +
      'dummy' },
  // Not a must: the header says what the keys advertise, not what a frontend does without them.
  { id: 'MCAST-18', side: 'frontend', level: 'should', since: '38992e5df2',
    statement: 'The frontend sends no multicast extra to a backend that offers neither multicast feature.',
    source: 'netif.h, "feature-multicast-control"' },
  // Not a must: the header speaks of one list but does not say for which queues.
  { id: 'MCAST-19', side: 'backend', level: 'should', since: 'fecc45fa4a', gate: 'feature-multicast-control',
    statement: 'There is one filter list per vif: an address added on one queue applies to all.',
    source: 'good practice: netif.h, "feature-multicast-control", has one filter list for the backend' },
  { id: 'MCAST-20', side: 'backend', level: 'should', since: '38992e5df2', gate: 'feature-dynamic-multicast-control',
    statement: 'A backend with feature-dynamic-multicast-control also offers feature-multicast-control.',
    source: 'netif.h, "feature-multicast-control": also advertises' },
  // Not a must: the header gives the dummy request no status.
  { id: 'MCAST-21', side: 'backend', level: 'should', since: 'always', gate: 'feature-multicast-control',
    statement: 'The backend responds with OKAY to a dummy request that it acted on.',
    source: 'good practice: Linux xen-netback does so; netif.h, NETIF_RSP_*, gives it no status' },
  // Not a must: the header does not forbid an address that no multicast packet has.
  { id: 'MCAST-22', side: 'frontend', level: 'should', since: '38992e5df2', gate: 'feature-multicast-control',
    statement: 'The address in a multicast extra of the frontend is that of an Ethernet group.',
    source: 'good practice: netif.h, "feature-multicast-control": the list filters ethernet multicast packets' },
];
