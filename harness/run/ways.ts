/** How a fresh connection is made: what a target file's `connection` names. */
import { XENBUS_STATE } from '../protocol/xenbus.js';
import { backendPath, createVif, frontendPath, removeVif, type VifAddress, type VifOptions } from '../peer/vif.js';
import { EnvironmentError } from './environment.js';
import type { Iut } from './iut.js';
import type { Target } from './target.js';

export interface Way {
  /** How many vifs there may be at a time. */
  readonly atOnce: number;
  /** Whether each vif has a handle of its own. */
  readonly ownHandles: boolean;
  /** Whether more than one connection can be had at all. */
  readonly again: boolean;
  /** Makes a vif; `address` is asked when the guest that it's for is known, since that may be made anew. */
  open(address: () => VifAddress, options: VifOptions): Promise<VifAddress>;
  /** Takes a vif out, whose peer has closed. */
  close(vif: VifAddress): Promise<void>;
  /** Milliseconds, before scaling, that a guest may take until it sees a vif that was opened. */
  readonly bootMs: number;
  /** The guest was made anew, and has seen no vif yet. */
  forget(): void;
}

export function wayOf({ connection, limits }: Target, iut: Iut): Way {
  switch (connection) {
    case 'hotplug':
      return new Hotplug(iut, limits?.vifs);
    case 'rebind':
      return new Rebind(iut);
    case 'restart':
      return new Restart(iut);
    case 'once':
      return new Once(iut);
  }
}

/** A new vif directory each time, as a toolstack makes one. */
class Hotplug implements Way {
  readonly ownHandles: boolean = true;
  readonly again: boolean = true;
  readonly bootMs: number = 0;

  constructor(
    protected readonly iut: Iut,
    readonly atOnce = Infinity,
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

  forget(): void {}
}

/** One vif at a time, always by the same handle. */
abstract class Single extends Hotplug {
  override readonly ownHandles = false;

  constructor(iut: Iut) {
    super(iut, 1);
  }
}

/** One vif, which the driver gives up and takes again by a command in its guest. */
class Rebind extends Single {
  #bound = true;

  override async open(address: () => VifAddress, options: VifOptions): Promise<VifAddress> {
    const { rebind } = this.iut;
    if (!rebind) throw new EnvironmentError('connection: rebind needs a way to run commands in the guest');
    // The directories are replaced as a whole, with nobody bound to them: nothing of the last connection is left.
    const vif = await super.open(address, options);
    if (!this.#bound) await rebind.bind(vif);
    this.#bound = true;
    return vif;
  }

  override async close(vif: VifAddress): Promise<void> {
    // A frontend that is taken off its device waits until the backend is closed, for ever if need be.
    const peer = vif.peer === 'backend' ? backendPath(vif) : frontendPath(vif);
    await this.iut.harness.store.write(`${peer}/state`, String(XENBUS_STATE.closed));
    // Where the driver has lost its device already, it finds it again like a new one.
    this.#bound = !(await this.iut.rebind?.unbind(vif));
    if (this.#bound) await super.close(vif);
  }

  override forget(): void {
    this.#bound = true;
  }
}

/**
 * A vif that its guest finds when it boots: works for any guest, slowly. The peer has to play its part meanwhile, since
 * a guest may wait for its devices before it goes on.
 */
class Restart extends Single {
  override readonly bootMs = 60_000;

  override async open(address: () => VifAddress, options: VifOptions): Promise<VifAddress> {
    const { recreate } = this.iut;
    if (!recreate) throw new EnvironmentError('connection: restart needs "config", with which the guest is made anew');
    let vif: VifAddress | undefined;
    await recreate(async () => {
      vif = await super.open(address, options);
    });
    if (!vif) throw new Error('the guest was made anew without its vif');
    return vif;
  }
}

/** The only vif of a run. */
class Once extends Single {
  override readonly again = false;
}
