/**
 * The interface of a driver on the simulated Xen. `netifspec run --iut FILE --role ROLE` tests a module whose default
 * export is a {@link MakeDriver}.
 */
import type { Stack } from '../packet/stack.js';
import type { Domain } from '../xen/domain.js';

/** The environment of a driver. */
export interface DriverSetting {
  readonly role: 'frontend' | 'backend';
  /**
   * The driver's own domain: its view of xenstore, grants, event channels and time. Its devices are the directories
   * below `device/vif` (frontend) or `backend/vif` (backend), as on any Xen.
   */
  readonly domain: Domain;
  /** The network stack of a vif, by its handle: it is given the received frames and returns the frames to send. */
  readonly stackOf: (handle: number) => Stack;
  /** Called with an error outside of the driver's methods; the tests treat it as a crash of the driver. */
  readonly onError: (error: unknown) => void;
}

/** A driver with all of its devices. Tests that need a missing method are skipped. */
export interface Driver {
  /** Starts to serve all existing and future devices. */
  start(): Promise<void>;
  /** Releases everything; the driver may be started again. */
  close(): Promise<void>;
  /**
   * Bridges two vifs, which may be about to connect: a frame received on one is sent on the other unchanged, including
   * its checksum and GSO metadata; or with a complete checksum and in segments, where the other backend does not accept
   * these. A bridge ends when one of its vifs is removed: a later vif may have the same handle.
   */
  readonly bridge?: ((handles: readonly [number, number]) => void) | undefined;
  /** Releases a vif without writing to its directory, like a driver that is unbound from its device. */
  unbind?(handle: number): Promise<void>;
  /** Attaches to the vif again, as to a new one. */
  bind?(handle: number): Promise<void>;
  /** Whether the interface of a frontend has a carrier. */
  hasCarrier?(handle: number): boolean;
  /** The domain is saved: no events reach the driver until it is restored. */
  suspend?(): Promise<void>;
  /** The domain was restored; its backends are new ones. */
  resume?(): Promise<void>;
  /** The domain continues after {@link suspend}, with the same backends: its save was cancelled. */
  wake?(): Promise<void>;
}

export type MakeDriver = (setting: DriverSetting) => Driver | Promise<Driver>;
