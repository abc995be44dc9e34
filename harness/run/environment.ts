import { NetifspecError } from '../base/errors.js';

/** A failure of the host, the lab or the guest, never of the driver under test. The message says what to do. */
export class EnvironmentError extends NetifspecError {
  override readonly name: string = 'EnvironmentError';
  readonly exitCode = 3;
}

/**
 * The guest cannot be reached, for an unknown reason. If the target supports it, the guest is re-created and the run
 * continues.
 */
export class GuestGone extends EnvironmentError {
  override readonly name: string = 'GuestGone';
}

/** The guest has crashed or no longer exists, while host and xenstored work: the fault of the driver under test. */
export class GuestCrashed extends GuestGone {
  override readonly name = 'GuestCrashed';
}
