import { XenError, type DomId, type Permission, type Store, type StoreAccess, type Watch } from '../domain.js';
import type { Lane, Scheduler } from './scheduler.js';
import { Requests, StoreWatch, Transaction, type Xenstored } from './xenstored.js';

/** xenstored sets no limit; this one stops a body whose transaction always conflicts. */
const TRANSACTION_ATTEMPTS = 100;

/** Queues a request after the connection's earlier ones; returns a promise of the reply. */
type Send = <T>(request: () => T) => Promise<T>;

class Access implements StoreAccess {
  constructor(
    private readonly send: Send,
    protected readonly absolute: (path: string) => string,
    private readonly requests: Requests,
  ) {}

  read(path: string): Promise<string | undefined> {
    return this.send(() => this.requests.read(this.absolute(path)));
  }

  list(path: string): Promise<string[] | undefined> {
    return this.send(() => this.requests.list(this.absolute(path)));
  }

  write(path: string, value: string): Promise<void> {
    return this.send(() => this.requests.write(this.absolute(path), value));
  }

  remove(path: string): Promise<void> {
    return this.send(() => this.requests.remove(this.absolute(path)));
  }

  permissions(path: string): Promise<Permission[] | undefined> {
    return this.send(() => this.requests.permissions(this.absolute(path)));
  }

  setPermissions(path: string, permissions: readonly Permission[]): Promise<void> {
    return this.send(() => this.requests.setPermissions(this.absolute(path), permissions));
  }
}

/**
 * One handle's connection to xenstored. Requests, replies and watch events are each ordered; a watch event may overtake
 * a reply, and a reply may overtake an event.
 */
export class Connection extends Access implements Store {
  readonly #xenstored: Xenstored;
  readonly #domain: DomId;
  readonly #home: string;
  readonly #requests: Lane;
  readonly #replies: Lane;
  readonly #events: Lane;
  readonly #watches = new Set<StoreWatch>();
  #state: 'open' | 'closing' | 'dead' = 'open';

  constructor(xenstored: Xenstored, domain: DomId, scheduler: Scheduler) {
    const home = `/local/domain/${domain}`;
    const absolute = (path: string): string =>
      path.startsWith('/') || path.startsWith('@') ? path : `${home}/${path}`;
    super((request) => this.#send(request), absolute, new Requests(xenstored, domain));
    this.#xenstored = xenstored;
    this.#domain = domain;
    this.#home = home;
    this.#requests = scheduler.lane();
    this.#replies = scheduler.lane();
    this.#events = scheduler.lane();
  }

  async transaction<T>(body: (access: StoreAccess) => Promise<T>): Promise<T> {
    for (let attempt = 0; attempt < TRANSACTION_ATTEMPTS; attempt++) {
      const transaction = await this.#send(() => new Transaction(this.#xenstored));
      const send: Send = (request) =>
        this.#send(() => {
          if (transaction.ended) throw XenError.refused('ENOENT', 'the transaction has ended');
          return request();
        });
      const access = new Access(send, this.absolute, new Requests(transaction, this.#domain));
      try {
        const result = await body(access);
        if (await send(() => transaction.commit())) return result;
      } finally {
        transaction.ended = true;
      }
    }
    throw XenError.refused('EAGAIN', `the transaction failed ${TRANSACTION_ATTEMPTS} times`);
  }

  async watch(path: string, listener: (path: string) => void): Promise<Watch> {
    const absolute = this.absolute(path);
    const watch: StoreWatch = new StoreWatch(
      this.#domain,
      absolute,
      absolute === path ? '' : `${this.#home}/`,
      (changed) =>
        this.#events.push(() => {
          if (this.#state === 'open' && this.#watches.has(watch)) listener(changed);
        }),
    );
    // The first event doesn't overtake the reply, so that the caller has the watch before its listener runs.
    this.#events.hold();
    try {
      await this.#send(() => {
        this.#watches.add(watch);
        this.#xenstored.watch(watch);
      });
    } catch (error) {
      this.#watches.delete(watch);
      throw error;
    } finally {
      this.#events.release();
    }
    return {
      close: async () => {
        if (this.#state === 'open' && this.#watches.delete(watch))
          await this.#send(() => this.#xenstored.unwatch(watch));
      },
    };
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Requests that were sent before still complete; then the connection ends. */
  close(): Promise<void> {
    const closed = this.#send(() => this.#drop());
    this.#state = 'closing';
    return closed;
  }

  /** The domain is gone: pending requests fail. */
  kill(): void {
    this.#state = 'dead';
    this.#drop();
  }

  #drop(): void {
    for (const watch of this.#watches) this.#xenstored.unwatch(watch);
    this.#watches.clear();
  }

  #send<T>(request: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#state !== 'open') throw XenError.refused('EBADF', 'the store connection is closed');
      this.#requests.push(() => {
        try {
          if (this.#state === 'dead') throw XenError.refused('EBADF', 'the domain is gone');
          const answer = request();
          this.#replies.push(() => resolve(answer));
        } catch (error) {
          const refusal = error as XenError;
          this.#replies.push(() => reject(refusal));
        }
      });
    });
  }
}
