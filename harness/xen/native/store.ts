import type { NativeAddon, NativeStore } from '../../../native/index.js';
import { XenError, type Permission, type Store, type StoreAccess, type Watch } from '../domain.js';
import { callAsync, hasCode } from './errors.js';

const TRANSACTION_TRIES = 100;
/** By the permission bits of xenstore: 1 read, 2 write. */
const LETTERS = ['n', 'r', 'w', 'b'] as const;

/** Undefined if the node is missing. */
async function unlessAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Requests in transaction `id`, or outside any transaction if `id` is 0. */
class Access implements StoreAccess {
  constructor(
    private readonly native: NativeStore,
    private readonly id: number,
  ) {}

  async read(path: string): Promise<string | undefined> {
    const value = await unlessAbsent(callAsync(() => this.native.read(this.id, path)));
    return value?.toString('utf8');
  }
  list(path: string): Promise<string[] | undefined> {
    return unlessAbsent(callAsync(() => this.native.directory(this.id, path)));
  }
  write(path: string, value: string): Promise<void> {
    return callAsync(() => this.native.write(this.id, path, Buffer.from(value, 'utf8')));
  }
  async remove(path: string): Promise<void> {
    await unlessAbsent(callAsync(() => this.native.remove(this.id, path)));
  }
  async permissions(path: string): Promise<Permission[] | undefined> {
    const entries = await unlessAbsent(callAsync(() => this.native.getPermissions(this.id, path)));
    return entries?.map(({ domain, bits }) => ({ domain, access: LETTERS[bits] ?? 'n' }));
  }
  setPermissions(path: string, permissions: readonly Permission[]): Promise<void> {
    const entries = permissions.map(({ domain, access }) => ({ domain, bits: LETTERS.indexOf(access) }));
    return callAsync(() => this.native.setPermissions(this.id, path, entries));
  }
}

/** A client of the host's xenstored. */
export class HostStore extends Access implements Store {
  private nextToken = 0;

  private constructor(
    private readonly connection: NativeStore,
    private readonly listeners: Map<string, (path: string) => void>,
  ) {
    super(connection, 0);
  }

  static async open(addon: NativeAddon): Promise<HostStore> {
    const listeners = new Map<string, (path: string) => void>();
    // The callback doesn't reference the store, so that an unused store can be collected.
    const native = await callAsync(() => addon.openStore((path, token) => listeners.get(token)?.(path)));
    return new HostStore(native, listeners);
  }

  async transaction<T>(body: (access: StoreAccess) => Promise<T>): Promise<T> {
    for (let tries = 0; tries < TRANSACTION_TRIES; tries++) {
      const id = await callAsync(() => this.connection.transactionStart());
      let result: T;
      try {
        result = await body(new Access(this.connection, id));
      } catch (error) {
        await callAsync(() => this.connection.transactionEnd(id, true));
        if (hasCode(error, 'EAGAIN')) continue;
        throw error;
      }
      try {
        await callAsync(() => this.connection.transactionEnd(id, false));
        return result;
      } catch (error) {
        if (!hasCode(error, 'EAGAIN')) throw error;
      }
    }
    throw XenError.refused('EAGAIN', `a transaction met concurrent changes ${TRANSACTION_TRIES} times`);
  }

  async watch(path: string, listener: (path: string) => void): Promise<Watch> {
    const token = String(this.nextToken++);
    this.listeners.set(token, listener);
    try {
      await callAsync(() => this.connection.watch(path, token));
    } catch (error) {
      this.listeners.delete(token);
      throw error;
    }
    return {
      close: async () => {
        // An event in flight finds no listener. Closing twice does nothing.
        if (this.listeners.delete(token)) await callAsync(() => this.connection.unwatch(path, token));
      },
    };
  }

  async close(): Promise<void> {
    this.listeners.clear();
    await callAsync(() => this.connection.close());
  }
}
