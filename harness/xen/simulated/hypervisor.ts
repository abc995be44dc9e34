import {
  XenError,
  type Capability,
  type Clock,
  type Domain,
  type DomId,
  type Holdings,
  type GrantRef,
  type GrantUse,
  type Observer,
} from '../domain.js';
import { Connection } from './connection.js';
import { PortTable, SimulatedEvents } from './events.js';
import { GrantTable, SimulatedGrants } from './grants.js';
import type { Hooks } from './page.js';
import { Scheduler } from './scheduler.js';
import { Requests, Xenstored } from './xenstored.js';

export interface HypervisorOptions {
  /** Chooses the order of deliveries and the gaps between grant references. */
  readonly seed: number;
  /** How many pages one domain may offer at a time. Default: that of gntalloc. */
  readonly offerLimit?: number;
}

interface DomainState {
  readonly grants: GrantTable;
  readonly ports: PortTable;
  readonly handles: Set<SimulatedDomain>;
}

export class SimulatedDomain implements Domain {
  readonly store: Connection;
  readonly grants: SimulatedGrants;
  readonly events: SimulatedEvents;
  readonly clock: Clock;
  readonly capabilities: ReadonlySet<Capability>;
  #closed: Promise<void> | undefined;

  constructor(
    readonly id: DomId,
    readonly observer: Observer,
    private readonly state: DomainState,
    find: (id: DomId) => DomainState | undefined,
    xenstored: Xenstored,
    scheduler: Scheduler,
    hooks: Hooks,
  ) {
    const check = (): void => {
      if (this.#closed) throw XenError.refused('EBADF', `the handle of domain ${id} is closed`);
    };
    this.capabilities = new Set(['observer', 'virtual-time', ...(hooks.allocate ? [] : (['flicker'] as const))]);
    this.clock = scheduler;
    this.store = new Connection(xenstored, id, scheduler);
    this.grants = new SimulatedGrants(state.grants, (domain) => find(domain)?.grants, check);
    this.events = new SimulatedEvents(state.ports, (domain) => find(domain)?.ports, scheduler, check);
    state.handles.add(this);
  }

  close(): Promise<void> {
    this.#closed ??= this.#release(this.store.close());
    return this.#closed;
  }

  /** Releases everything at once, as the end of the domain does. */
  kill(): void {
    this.store.kill();
    this.#closed ??= this.#release(Promise.resolve());
  }

  #release(closed: Promise<void>): Promise<void> {
    this.grants.close();
    this.events.close();
    this.state.handles.delete(this);
    return closed;
  }
}

/**
 * Xen, xenstored and any number of domains in one process. The order is no stricter than on a real host: deliveries
 * overtake each other as the seed determines, and the same program with the same seed always runs in the same order.
 */
export class Hypervisor {
  readonly clock: Clock;
  readonly hooks: Hooks = {};
  readonly #scheduler: Scheduler;
  readonly #offerLimit: number;
  readonly #xenstored = new Xenstored();
  readonly #domains = new Map<DomId, DomainState>();
  readonly #observer: Observer = {
    grantUse: (granter, ref) => Promise.resolve(this.#useOf(granter, ref)),
    grantUseNow: (granter, ref) => this.#useOf(granter, ref),
  };

  constructor(options: HypervisorOptions) {
    this.#scheduler = new Scheduler(options.seed);
    this.clock = this.#scheduler;
    this.#offerLimit = options.offerLimit ?? 1024;
  }

  #useOf(granter: DomId, ref: GrantRef): GrantUse {
    return this.#domains.get(granter)?.grants.use(ref) ?? 'unused';
  }

  /**
   * A new handle of domain `id`. The domain is created, with its home in the store, if it doesn't exist.
   * @param offerLimit how many pages a new domain may offer at a time
   */
  domain(id: DomId, offerLimit = this.#offerLimit): SimulatedDomain {
    const state = this.#domains.get(id) ?? this.#create(id, offerLimit);
    return new SimulatedDomain(
      id,
      this.#observer,
      state,
      (other) => this.#domains.get(other),
      this.#xenstored,
      this.#scheduler,
      this.hooks,
    );
  }

  /** Number of deliveries so far. */
  get turns(): number {
    return this.#scheduler.turns;
  }

  /** A digest of the order of all deliveries so far. */
  get order(): string {
    return this.#scheduler.order.toString(16).padStart(8, '0');
  }

  /** The resources of domain `id`; all zero if it has none. */
  holdings(id: DomId): Holdings {
    const { grants, handles = [] } = this.#domains.get(id) ?? {};
    const held: { -readonly [kind in keyof Holdings]: number } = {
      grants: grants?.offers ?? 0,
      mappings: 0,
      eventChannels: 0,
      watches: 0,
    };
    for (const handle of handles) {
      held.mappings += handle.grants.mappings;
      held.eventChannels += handle.events.channels;
      held.watches += handle.store.watches;
    }
    return held;
  }

  /** Destroys domain `id` as a crash does: at once, with its home in the store. Mappings of its pages stay valid. */
  destroy(id: DomId): void {
    for (const handle of this.#domains.get(id)?.handles ?? []) handle.kill();
    if (!this.#domains.delete(id)) return;
    new Requests(this.#xenstored, 0).remove(home(id));
    this.#xenstored.announce('@releaseDomain');
  }

  #create(id: DomId, offerLimit: number): DomainState {
    const state = {
      grants: new GrantTable(id, offerLimit, this.#scheduler.random, this.hooks),
      ports: new PortTable(id, this.#scheduler),
      handles: new Set<SimulatedDomain>(),
    };
    this.#domains.set(id, state);
    const toolstack = new Requests(this.#xenstored, 0);
    toolstack.write(home(id), '');
    toolstack.setPermissions(home(id), [{ domain: id, access: 'n' }]);
    toolstack.write(`${home(id)}/domid`, `${id}`);
    toolstack.write(`${home(id)}/name`, id === 0 ? 'Domain-0' : `domain-${id}`);
    // As from libxl: a guest that writes to a device which was removed does not bring its directory back.
    toolstack.write(`${home(id)}/device`, '');
    toolstack.setPermissions(`${home(id)}/device`, [
      { domain: 0, access: 'n' },
      { domain: id, access: 'r' },
    ]);
    this.#xenstored.announce('@introduceDomain');
    return state;
  }
}

function home(id: DomId): string {
  return `/local/domain/${id}`;
}
