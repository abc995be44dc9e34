/** Transactions of xenstore with a begin and an end, as xs.h has them, on top of those of the port. */
import { XenError, type Store, type StoreAccess } from '../xen/domain.js';

/** The program drops the transaction. */
class Stopped extends Error {}

interface Open {
  readonly access: StoreAccess;
  readonly end: (commit: boolean) => void;
  readonly ended: Promise<void>;
}

export class Transactions {
  readonly #open = new Map<number, Open>();
  #last = 0;

  constructor(private readonly store: Store) {}

  /** The store itself for 0, else the open transaction of that number. */
  access(id: number): StoreAccess {
    return id === 0 ? this.store : this.#find(id).access;
  }

  /** Begins a transaction and returns its number. */
  async start(): Promise<number> {
    const id = ++this.#last;
    await new Promise<void>((begun, refused) => {
      let attempts = 0;
      let end: (commit: boolean) => void = () => undefined;
      const decision = new Promise<boolean>((resolve) => (end = resolve));
      const ended = this.store.transaction(async (access) => {
        if (attempts++ > 0) throw XenError.refused('EAGAIN', 'the transaction conflicts with another one');
        this.#open.set(id, { access, end, ended });
        begun();
        if (!(await decision)) throw new Stopped();
      });
      ended.catch(refused);
    });
    return id;
  }

  /** Commits or drops a transaction. Throws EAGAIN if the program has to repeat it. */
  async end(id: number, commit: boolean): Promise<void> {
    const { end, ended } = this.#find(id);
    this.#open.delete(id);
    end(commit);
    await ended.catch((error: unknown) => {
      if (!(error instanceof Stopped)) throw error;
    });
  }

  /** Drops all that are open. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((id) => this.end(id, false)));
  }

  #find(id: number): Open {
    const open = this.#open.get(id);
    if (!open) throw XenError.refused('ENOENT', `transaction ${id}`);
    return open;
  }
}
