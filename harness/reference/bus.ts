import { XENBUS_STATE } from '../protocol/xenbus.js';
import { type Store, type StoreAccess, type Watch, XenError } from '../xen/domain.js';
import { Serial } from './serial.js';

/** The states of xenbus.h, as a `state` node holds them. */
export const STATE = Object.fromEntries(
  Object.entries(XENBUS_STATE).map(([name, state]) => [name, String(state)]),
) as Readonly<Record<keyof typeof XENBUS_STATE, string>>;

/**
 * Reads a node of the peer's directory. Returns undefined if the node is missing, which a driver without rights to the
 * directory above sees as EACCES.
 */
export async function readOther(store: Pick<StoreAccess, 'read'>, path: string): Promise<string | undefined> {
  try {
    return await store.read(path);
  } catch (error) {
    if (error instanceof XenError && error.code === 'EACCES') return undefined;
    throw error;
  }
}

/** Writes a driver's own state, unless its directory was removed: the write must not create the directory again. */
export async function writeState(store: Store, path: string, state: string): Promise<void> {
  await store.transaction(async (access) => {
    if ((await readOther(access, `${path}/state`)) !== undefined) await access.write(`${path}/state`, state);
  });
}

/** One device of a bus. `changed` is called whenever the driver's own or the peer's directory may have changed. */
export interface Device {
  changed(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A driver's part of xenbus: finds the directories `depth` levels below `root`, creates a device for each that has a
 * state, notifies the device of changes on either side, and closes the device when its directory disappears.
 */
export class Bus<D extends Device> {
  readonly devices = new Map<string, D>();
  readonly #serial: Serial;
  readonly #watches = new Map<string, Watch>();
  #closed = false;
  /** A scan is queued and has not begun: it will see all changes until then. */
  #due = false;
  /** Directories that the driver was unbound from. */
  readonly #unbound = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly root: string,
    private readonly depth: number,
    /** The key that names the peer's directory. */
    private readonly otherKey: string,
    private readonly probe: (path: string, otherPath: string) => D,
    onError: (error: unknown) => void,
  ) {
    this.#serial = new Serial(onError);
  }

  /** The device of vif number `handle`. Throws if there is no such device. */
  device(handle: number): D {
    const found = [...this.devices].find(([path]) => path.endsWith(`/${handle}`));
    if (!found) throw new Error(`vif ${handle} does not exist`);
    return found[1];
  }

  /** Closes the device of vif number `handle` and ignores its directory from now on. */
  async unbind(handle: number): Promise<void> {
    await this.#serial.run(async () => {
      for (const [path, device] of this.devices) {
        if (!path.endsWith(`/${handle}`)) continue;
        this.#unbound.add(path);
        await this.#drop(path, device);
      }
    });
  }

  /** Serves vif number `handle` again, as if the driver saw it for the first time. */
  async bind(handle: number): Promise<void> {
    await this.#serial.run(async () => {
      for (const path of this.#unbound) {
        if (!path.endsWith(`/${handle}`)) continue;
        await writeState(this.store, path, STATE.initialising);
        this.#unbound.delete(path);
      }
      await this.#scan();
    });
  }

  async start(): Promise<void> {
    this.#closed = false;
    this.#watches.set('', await this.store.watch(this.root, this.#rescan));
  }

  /** Ignores all changes, as a driver whose domain is saved does. The devices stay. */
  async suspend(): Promise<void> {
    await this.#serial.run(() => {
      this.#closed = true;
      return Promise.resolve();
    });
  }

  /** The domain runs again; `each` makes a device discard its connection if that is lost. */
  async resume(each: (device: D) => void): Promise<void> {
    await this.#serial.run(async () => {
      for (const device of this.devices.values()) each(device);
      this.#closed = false;
      await this.#scan();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#serial.run(async () => {
      for (const watch of this.#watches.values()) await watch.close();
      this.#watches.clear();
      for (const device of this.devices.values()) await device.close();
      this.devices.clear();
    });
  }

  readonly #rescan = (): void => {
    if (this.#due) return;
    this.#due = true;
    void this.#serial.run(() => this.#scan());
  };

  async #scan(): Promise<void> {
    this.#due = false;
    if (this.#closed) return;
    const paths = await this.#paths(this.root, this.depth);
    for (const path of this.#unbound) if (!paths.includes(path)) this.#unbound.delete(path);
    for (const path of paths) {
      if (!this.devices.has(path) && !this.#unbound.has(path)) await this.#add(path);
    }
    for (const [path, device] of this.devices) {
      if (paths.includes(path)) await this.#notify(path, device);
      else await this.#drop(path, device);
    }
  }

  async #add(path: string): Promise<void> {
    const other = await this.store.read(`${path}/${this.otherKey}`);
    if (other === undefined || (await this.store.read(`${path}/state`)) === undefined) return;
    this.devices.set(path, this.probe(path, other));
    this.#watches.set(path, await this.store.watch(`${other}/state`, this.#rescan));
  }

  /** Notifies a device. A XenError is ignored if the directory of the device was removed meanwhile. */
  async #notify(path: string, device: D): Promise<void> {
    try {
      await device.changed();
    } catch (error) {
      const gone = (await readOther(this.store, `${path}/state`)) === undefined;
      if (!(error instanceof XenError && gone)) throw error;
    }
  }

  async #drop(path: string, device: D): Promise<void> {
    this.devices.delete(path);
    await this.#watches.get(path)?.close();
    this.#watches.delete(path);
    await device.close();
  }

  async #paths(path: string, depth: number): Promise<string[]> {
    if (depth === 0) return [path];
    const names = (await this.store.list(path)) ?? [];
    return (await Promise.all(names.map((name) => this.#paths(`${path}/${name}`, depth - 1)))).flat();
  }
}

/** Bridges the vifs of two handles: a packet that arrives at one leaves at the other. */
export function bridge<D extends Device & { bridgedTo: D | undefined }>(
  bus: Bus<D>,
  [a, b]: readonly [number, number],
): void {
  bus.device(a).bridgedTo = bus.device(b);
  bus.device(b).bridgedTo = bus.device(a);
}
