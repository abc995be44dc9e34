import type { Domain } from '../xen/domain.js';
import type { EventPump } from '../xen/event-pump.js';
import type { Monitor } from './monitor/monitor.js';
import type { Patience } from '../xen/wait.js';

/**
 * The requests to which a guest's network stack replies by itself: ARP, ICMP echo, ICMP echo in a frame of the usual
 * MTU, and a TCP SYN to a closed port.
 */
export const REFLECTORS = ['arp', 'icmp', 'icmp-full', 'tcp'] as const;
export type Reflector = (typeof REFLECTORS)[number];

/** The parts that all peers of a run share. */
export interface PeerContext {
  /** The domain that the harness runs in. */
  readonly domain: Domain;
  readonly pump: EventPump;
  readonly patience: Patience;
  /** Checks the behaviour of the driver under test against the monitor's rules. */
  readonly monitor?: Monitor | undefined;
  /** Called with each frame that a peer writes to a ring (`sent`) or reads from one. */
  readonly onFrame?: (frame: Uint8Array, sent: boolean) => void;
  /** Whether the frames that the driver under test exchanges with its stack can be seen. */
  readonly seesStack?: boolean;
  /** Called for each reply of the guest's stack to a request of netifspec. */
  readonly onAnswer?: (reflector: Reflector) => void;
}
