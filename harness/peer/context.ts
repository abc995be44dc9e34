import type { Domain } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import type { Patience } from '../xen/wait.js';

/** What every peer of a run shares. */
export interface PeerContext {
  /** The domain that the harness runs in. */
  readonly domain: Domain;
  readonly pump: EventPump;
  readonly patience: Patience;
  /** Told of each frame that a peer lays into a ring (`sent`) or finds in one. */
  readonly onFrame?: (frame: Uint8Array, sent: boolean) => void;
}
