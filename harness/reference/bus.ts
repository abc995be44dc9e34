import { type Store, type StoreAccess, type Watch, XenError } from '../xen/domain.js';
import { Serial } from './serial.js';

/** A node of the other end's directory; undefined once it is gone, which a driver without rights above it sees as EACCES. */
export async function readOther(store: Pick<StoreAccess, 'read'>, path: string): Promise<string | undefined> {
  try {
    return await store.read(path);
  } catch (error) {
    if (error instanceof XenError && error.code === 'EACCES') return undefined;
    throw error;
  }
}

/** Writes a driver's own state, unless its directory has been taken away: nothing may come to life again there. */
export async function writeState(store: Store, path: string, state: string): Promise<void> {
  await store.transaction(async (access) => {
    if ((await readOther(access, `${path}/state`)) !== undefined) await access.write(`${path}/state`, state);
  });
}

/** One device of a bus: it is told whenever its own or the other end's directory may have changed. */
export interface Device {
  changed(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A driver's share of xenbus: finds the directories at `depth` levels below `root`, makes a device for each that has a
 * state, tells it of changes on either side, and closes it when its directory goes.
 */
export class Bus<D extends Device> {
  readonly devices = new Map<string, D>();
  readonly #serial: Serial;
  readonly #watches = new Map<string, Watch>();
  #closed = false;
  /** A scan is due that hasn't begun: it will see whatever happens until then. */
  #due = false;
  /** Directories that the driver was taken off. */
  readonly #unbound = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly root: string,
    private readonly depth: number,
    /** The key that names the other end's directory. */
    private readonly otherKey: string,
    private readonly probe: (path: string, otherPath: string) => D,
    onError: (error: unknown) => void,
  ) {
    this.#serial = new Serial(onError);
  }

  /** The device of vif number `handle`. Throws if there is none. */
  device(handle: number): D {
    const found = [...this.devices].find(([path]) => path.endsWith(`/${handle}`));
    if (!found) throw new Error(`there is no vif ${handle}`);
    return found[1];
  }

  /** Gives up the device of vif number `handle` and lets its directory be. */
  async unbind(handle: number): Promise<void> {
    await this.#serial.run(async () => {
      for (const [path, device] of this.devices) {
        if (!path.endsWith(`/${handle}`)) continue;
        this.#unbound.add(path);
        await this.#drop(path, device);
      }
    });
  }

  /** Takes vif number `handle` again, as one that it sees for the first time. */
  async bind(handle: number): Promise<void> {
    await this.#serial.run(async () => {
      for (const path of this.#unbound) {
        if (!path.endsWith(`/${handle}`)) continue;
        await writeState(this.store, path, '1');
        this.#unbound.delete(path);
      }
      await this.#scan();
    });
  }

  async start(): Promise<void> {
    this.#closed = false;
    this.#watches.set('', await this.store.watch(this.root, this.#rescan));
  }

  /** Sees nothing of what happens meanwhile, as a driver whose domain is saved; its devices stay. */
  async suspend(): Promise<void> {
    await this.#serial.run(() => {
      this.#closed = true;
      return Promise.resolve();
    });
  }

  /** The domain runs again; `each` makes a device forget what it was connected to. */
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
      if (paths.includes(path)) await this.#tell(path, device);
      else await this.#drop(path, device);
    }
  }

  async #add(path: string): Promise<void> {
    const other = await this.store.read(`${path}/${this.otherKey}`);
    if (other === undefined || (await this.store.read(`${path}/state`)) === undefined) return;
    this.devices.set(path, this.probe(path, other));
    this.#watches.set(path, await this.store.watch(`${other}/state`, this.#rescan));
  }

  /** What a device tries while its directory is being taken away comes to nothing, and is no fault of anybody's. */
  async #tell(path: string, device: D): Promise<void> {
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

/** Joins the vifs of two handles, so that what comes in at one goes out at the other. */
export function bridge<D extends Device & { bridgedTo: D | undefined }>(
  bus: Bus<D>,
  [a, b]: readonly [number, number],
): void {
  bus.device(a).bridgedTo = bus.device(b);
  bus.device(b).bridgedTo = bus.device(a);
}
