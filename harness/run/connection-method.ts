/** Connection methods: the values of `connection` in a target file. */
import { XENBUS_STATE } from '../protocol/xenbus.js';
import {
  backendPath,
  createVif,
  FIRST_HANDLE,
  frontendPath,
  removeVif,
  type VifAddress,
  type VifOptions,
} from '../peer/vif.js';
import { EnvironmentError } from './environment.js';
import type { Iut } from './iut.js';
import type { Target } from './target.js';

/** How the vifs of a run are created and connected. */
export interface ConnectionMethod {
  /** Maximum number of vifs at the same time. */
  readonly maxVifs: number;
  /** The handle of the first vif. */
  readonly firstHandle: number;
  /** Whether each vif has a handle of its own. */
  readonly ownHandles: boolean;
  /** Whether more than one connection is possible. */
  readonly canReconnect: boolean;
  /** Creates a vif. `address` is called once the guest is known, since this may re-create the guest. */
  open(address: () => VifAddress, options: VifOptions): Promise<VifAddress>;
  /** Removes a vif whose peer has closed. */
  close(vif: VifAddress): Promise<void>;
  /** Time for a guest to detect a new vif, in milliseconds before scaling. */
  readonly bootMs: number;
  /** Called when the guest was re-created, before it has a vif. */
  guestReplaced(): void;
}

export function connectionMethodOf({ connection, limits, handle }: Target, iut: Iut): ConnectionMethod {
  switch (connection) {
    case 'hotplug':
      return new Hotplug(iut, handle, limits?.vifs);
    case 'rebind':
      return new Rebind(iut, handle);
    case 'restart':
      return new Restart(iut, handle);
    case 'once':
      return new Once(iut, handle);
  }
}

/** Creates a new vif directory each time, as a toolstack does. */
class Hotplug implements ConnectionMethod {
  readonly ownHandles: boolean = true;
  readonly canReconnect: boolean = true;
  readonly bootMs: number = 0;

  constructor(
    protected readonly iut: Iut,
    readonly firstHandle = FIRST_HANDLE,
    readonly maxVifs = Infinity,
  ) {}

  async open(address: () => VifAddress, options: VifOptions): Promise<VifAddress> {
    const vif = address();
    try {
      await createVif(this.iut.harness.store, vif, options);
    } catch (error) {
      await removeVif(this.iut.harness.store, vif);
      throw error;
    }
    return vif;
  }

  close(vif: VifAddress): Promise<void> {
    return removeVif(this.iut.harness.store, vif);
  }

  guestReplaced(): void {}
}

/** One vif at a time, always with the same handle. */
abstract class Single extends Hotplug {
  override readonly ownHandles = false;

  constructor(iut: Iut, handle?: number) {
    super(iut, handle, 1);
  }
}

/** One vif; a command in the guest unbinds the driver from it and binds it again. */
class Rebind extends Single {
  #bound = true;

  override async open(address: () => VifAddress, options: VifOptions): Promise<VifAddress> {
    const { rebind } = this.iut;
    if (!rebind)
      throw new EnvironmentError(
        '"connection: rebind" runs commands in the guest; set "ssh", "local: true" or "hostCommands" in the target file',
      );
    // No driver is bound while the directories are replaced, so nothing of the last connection remains.
    const vif = await super.open(address, options);
    if (!this.#bound) await rebind.bind(vif);
    this.#bound = true;
    return vif;
  }

  override async close(vif: VifAddress): Promise<void> {
    // A frontend that is unbound waits until the backend is Closed, without limit.
    const peer = vif.peer === 'backend' ? backendPath(vif) : frontendPath(vif);
    await this.iut.harness.store.write(`${peer}/state`, String(XENBUS_STATE.closed));
    // A driver that has already lost its device probes it again like a new one.
    this.#bound = !(await this.iut.rebind?.unbind(vif));
    if (this.#bound) await super.close(vif);
  }

  override guestReplaced(): void {
    this.#bound = true;
  }
}

/**
 * A vif that the guest finds when it boots: slow, but works with any guest. The peer must follow the handshake
 * meanwhile, since a guest may wait for its devices while it boots.
 */
class Restart extends Single {
  override readonly bootMs = 60_000;

  override async open(address: () => VifAddress, options: VifOptions): Promise<VifAddress> {
    const { recreate } = this.iut;
    if (!recreate)
      throw new EnvironmentError(
        '"connection: restart" re-creates the guest; set "config" in the target file to its xl configuration, or "hostCommands.start"',
      );
    let vif: VifAddress | undefined;
    await recreate(async () => {
      vif = await super.open(address, options);
    });
    if (!vif) throw new Error('netifspec bug: the guest was re-created without its vif');
    return vif;
  }
}

/** The only vif of a run. */
class Once extends Single {
  override readonly canReconnect = false;
}
