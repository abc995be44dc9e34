/** Frontends that publish their keys, and go through the states of xenbus, in rarer ways than those of xenbus.ts. */
import type { LegalDriver } from '../legal.js';
import * as connections from '../support/frontend-connections.js';

const STATES = 'xenbus.h, enum xenbus_state, only names the states; netif.h has no state machine';

export const CONNECTIONS: readonly LegalDriver[] = [
  {
    id: 'frontend.keys-before-connected',
    choice: 'writes the keys of its control ring and multicast filter between Initialised and Connected',
    source:
      'netif.h, "Control ring" and "feature-multicast-control": before the frontend moves into the connected state',
    frontend: connections.keysBeforeConnected(/ctrl|multicast/),
  },
  {
    id: 'frontend.features-last',
    choice: 'writes its features between Initialised and Connected',
    source: 'netif.h does not say when a feature is written',
    frontend: connections.keysBeforeConnected(/^feature-|request-rx/),
  },
  {
    id: 'frontend.starts-before-connected',
    choice: 'notifies, sends, and sends control requests before it goes to Connected',
    source: STATES,
    frontend: connections.startsBeforeConnected,
  },
  {
    id: 'frontend.initialising-after-closed',
    choice: 'goes back to Initialising as soon as it is Closed, while its backend is online',
    source: 'Linux xen-netfront.c, xennet_resume and xenbus_switch_state; xenbus.h does not say when it may',
    frontend: connections.initialisingAfterClosed(),
  },
  {
    id: 'frontend.initialising-once-both-closed',
    choice: 'goes back to Initialising when it has seen that its backend is Closed too',
    source: 'mini-os netfront.c, _shutdown_netfront; iPXE netfront.c, netfront_reset',
    frontend: connections.initialisingOnceBothClosed(),
  },
  {
    id: 'frontend.follows-reconfiguring',
    choice: 'goes to Reconfiguring and Reconfigured with its backend',
    source: 'xenbus.h, enum xenbus_state: Reconfiguring and Reconfigured are states of either end',
    frontend: connections.followsReconfiguring,
  },
  {
    id: 'frontend.leading-zeros',
    choice: 'writes grant references and event channels with leading zeros',
    source: 'netif.h gives no format of numbers but examples',
    frontend: connections.leadingZeros,
  },
  {
    id: 'frontend.queues-vary',
    choice: 'uses another number of queues for each connection',
    source: 'netif.h, "Multiple transmit and receive queues": the number is the frontend\'s wish',
    frontend: connections.queuesVary(),
  },
];
