import type { Domain } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import type { Patience } from '../xen/wait.js';

/** What every peer of a run shares. */
export interface PeerContext {
  /** The domain that the harness runs in. */
  readonly domain: Domain;
  readonly pump: EventPump;
  readonly patience: Patience;
}
