/** Where a driver under test and its network stack meet, on the simulated Xen: there the stack is netifspec's. */
import { sameBytes } from '../bytes/bytes.js';
import type { StackObserver } from '../packet/stack.js';
import type { Link } from './link.js';
import type { VifMonitor } from './monitor/vif-monitor.js';
import { PassedFrames } from './passed-frames.js';

/** The kinds of situations in which a driver of each role passes a frame to its stack, and sends one for it. */
const KINDS = {
  frontend: { toStack: 'toFrontendStack', fromStack: 'fromFrontendStack' },
  backend: { toStack: 'toBackendStack', fromStack: 'fromBackendStack' },
} as const;

/** Lets the monitor compare the frames that a vif's driver exchanges with its stack with those on the rings. */
export class StackBoundary implements StackObserver {
  /** Frames of the peer that the driver has not passed to its stack yet. */
  readonly #sent = new PassedFrames();
  /** Frames of the stack that the driver has not sent yet. */
  #own = new PassedFrames();

  /** @param role that of the driver under test */
  constructor(
    private readonly role: keyof typeof KINDS,
    private readonly link: Link,
    private readonly monitor: VifMonitor,
  ) {}

  /** The peer writes a frame to the ring. */
  sends(frame: Uint8Array): void {
    this.#sent.add(frame);
  }

  passedToStack(frame: Uint8Array): void {
    const passed = this.#sent.take(frame);
    if (passed !== undefined) this.monitor.see(KINDS[this.role].toStack, () => ({ frame, passed }));
  }

  passedByStack(frame: Uint8Array): void {
    this.#own.add(frame);
  }

  /**
   * The peer reads a frame from the ring. Only a frame from the driver's own end to the peer must be one of the stack: a
   * driver may announce itself to groups, and forward frames of others.
   */
  arrives(frame: Uint8Array): void {
    const { iut, peer } = this.link;
    const isOwn = sameBytes(frame.subarray(6, 12), iut.mac) && sameBytes(frame.subarray(0, 6), peer.mac);
    const passed = isOwn && !this.#own.isEmpty ? this.#own.take(frame) : undefined;
    if (passed !== undefined) this.monitor.see(KINDS[this.role].fromStack, () => ({ frame, passed }));
  }

  /** The vif is connected again: the driver may repeat what it sent on the earlier connection. */
  reconnects(): void {
    this.#own.again();
  }

  /** Takes over what is known of the stack: `earlier` belongs to the same vif, before its guest was saved or replaced. */
  continues(earlier: StackBoundary): void {
    this.#own = earlier.#own;
  }
}
