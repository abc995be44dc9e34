/** Frontends that use the control ring, multicast control and staging pools in another way. */
import type { LegalDriver } from '../legal.js';
import * as control from '../support/frontend-control.js';

export const CONTROL: readonly LegalDriver[] = [
  {
    id: 'frontend.grows-mapping',
    choice:
      'sets the size of its mapping table to 1 and then to the number of its queues, without waiting for responses',
    source: 'netif.h, SET_HASH_MAPPING_SIZE: may be sent any number of times',
    frontend: control.growsMapping,
  },
  {
    id: 'frontend.rotates-mappings',
    choice: 'has its grants mapped in groups, and removes one group before the next',
    source: 'netif.h, ADD_GREF_MAPPING and DEL_GREF_MAPPING: a list of any size',
    frontend: control.rotatesMappings,
  },
  {
    id: 'frontend.polls-control-ring',
    choice: 'polls its control ring every 10 ms and asks for no event',
    source: 'ring.h, "Notification hold-off": an end that does not sleep needs no event',
    frontend: control.pollsControl(10),
  },
  {
    id: 'frontend.groups-before-connected',
    choice: 'puts its multicast groups into the tx ring before it publishes the ring',
    source: 'netif.h, "feature-multicast-control": does not say when the list is amended',
    frontend: control.groupsBeforeConnected,
  },
  {
    id: 'frontend.toggles-filter',
    choice: 'switches its multicast filter on and off every 15 ms, if the backend follows changes',
    source: 'netif.h, "feature-dynamic-multicast-control": may be set by the frontend at any time',
    frontend: control.togglesFilter(15),
  },
  {
    id: 'frontend.one-staging-table',
    choice: 'lists the pages of both staging pools in one table',
    source: 'UEK4 netif.h, "Grant Allocation": does not say that the tables of tx and rx differ',
    warns: ['STAG-08'],
    frontend: control.oneTable,
  },
];
