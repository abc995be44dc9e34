/**
 * What a driver is to netifspec on the simulated Xen. A module whose default export is a {@link MakeDriver} can be
 * tested by `netifspec run --iut FILE --role ROLE`.
 */
import type { Stack } from '../packet/stack.js';
import type { Domain } from '../xen/domain.js';

/** Where a driver finds itself. */
export interface DriverSetting {
  readonly role: 'frontend' | 'backend';
  /**
   * The driver's own domain: xenstore, grants, event channels and time, and nothing else. Its devices are the
   * directories below `device/vif` (a frontend's) or `backend/vif` (a backend's), as on any Xen.
   */
  readonly domain: Domain;
  /** The network stack behind a vif, by its handle: it takes the frames that come in and answers those that go out. */
  readonly stackOf: (handle: number) => Stack;
  /** Takes what goes wrong beside the driver's own work: a crash of the driver, as far as the tests are concerned. */
  readonly onError: (error: unknown) => void;
}

/** A driver with all of its devices. Tests that need a method that it lacks are skipped. */
export interface Driver {
  /** Begins to serve the devices that are there and that come. */
  start(): Promise<void>;
  /** Gives up everything; it may be started again. */
  close(): Promise<void>;
  /**
   * Joins two vifs, which may be about to connect: what comes in at one goes out at the other as it is, checksums and
   * GSO included.
   */
  bridge?(handles: readonly [number, number]): void;
  /** Gives up a vif and lets its directory be, as a driver that is taken off its device. */
  unbind?(handle: number): Promise<void>;
  /** Takes it again, as one that it sees for the first time. */
  bind?(handle: number): Promise<void>;
  /** Whether the interface of a frontend has a carrier. */
  hasCarrier?(handle: number): boolean;
  /** The domain is saved: the driver isn't told of anything until it is restored. */
  suspend?(): Promise<void>;
  /** The domain was restored; its backends are others than before. */
  resume?(): Promise<void>;
}

export type MakeDriver = (setting: DriverSetting) => Driver | Promise<Driver>;
