import type { BackendPeer } from './backend.js';
import type { FrontendPeer } from './frontend.js';

/**
 * The type of the peer, by the role of the driver under test: a backend is tested by a frontend peer, a frontend by a
 * backend peer.
 */
export interface PeerOf {
  readonly backend: FrontendPeer;
  readonly frontend: BackendPeer;
}

/** The peer of a driver of either role. */
export type AnyPeer = PeerOf[keyof PeerOf];
