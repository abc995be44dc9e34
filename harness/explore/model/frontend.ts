/** A frontend under test: two vifs, bridged in its domain, and what their backends know of it. */
import { BACKEND_KEYS, type BackendPeer } from '../../peer/backend.js';
import { KEY } from '../../protocol/netif.js';
import type { FrontendTest } from '../../run/suite.js';
import { type Choice, type Offer, receiverKeys } from './choice.js';

export interface FrontendWorld {
  readonly t: FrontendTest;
  readonly vifs: [BackendPeer, BackendPeer];
}

export interface FrontendModel {
  /** What the frontend of each vif advertises on its current connection. */
  readonly offers: readonly [Offer, Offer];
}

/** The keys of a backend that offers a choice. */
export function keysOf(choice: Choice): Record<string, string> {
  const { queues, split, control, multicast, staging } = choice;
  const all: Record<string, string | undefined> = {
    ...BACKEND_KEYS,
    ...receiverKeys(choice),
    [KEY.featureSplitEventChannels]: split ? '1' : undefined,
    [KEY.multiQueueMaxQueues]: queues > 1 ? String(queues) : undefined,
    [KEY.featureCtrlRing]: control ? '1' : undefined,
    [KEY.featureMulticastControl]: multicast ? '1' : undefined,
    [KEY.featureStagingGrants]: staging ? '1' : undefined,
  };
  return Object.fromEntries(Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
