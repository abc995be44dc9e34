/** The embedded frontend: a correct netfront on the port, small and complete enough to be the suites' own touchstone. */
import type { Stack } from '../packet/stack.js';
import type { FrontRing } from '../protocol/shared-ring.js';
import type { Domain, DomId, Offer, Port, Watch } from '../xen/domain.js';
import { EventPump } from '../xen/event-pump.js';
import type { BufferPool } from './buffer-pool.js';
import { bridge, Bus, type Device } from './bus.js';
import type { Resolve } from './frontend-control-steps.js';
import type { VifPacket } from './packet.js';
import { FRONTEND_STEPS, type FrontendSteps } from './frontend-steps.js';

/** One queue of a connected vif. */
export interface FrontendQueueState {
  readonly index: number;
  readonly tx: FrontRing;
  readonly rx: FrontRing;
  readonly rings: readonly Offer[];
  readonly txPort: Port;
  readonly rxPort: Port;
  /** Buffers of the tx slots in flight, by id. */
  readonly sending: Map<number, Offer>;
  /** Posted rx buffers, by ring slot. */
  readonly posted: Map<number, { id: number; offer: Offer }>;
  readonly txPool: BufferPool;
  readonly rxPool: BufferPool;
  /** Pages that list the buffers of staging pools. */
  readonly tables: Offer[];
  /** A packet whose later slots haven't come. */
  readonly partial: { pieces: Uint8Array[]; bad: boolean; csumBlank: boolean; gso: VifPacket['gso'] };
  /** What the next rx slot is. */
  expect: 'first' | 'extra' | 'more';
  /** Whether data follows the extras of the packet that is being received. */
  moreAfterExtras: boolean;
}

/** The control ring of a connected vif. */
export interface FrontendControlState {
  readonly ring: FrontRing;
  readonly offer: Offer;
  readonly port: Port;
  /** Requests without a response, by id. */
  readonly asked: Map<number, Resolve>;
  nextId: number;
}

/** What the steps know of one vif. */
export class FrontendVif implements Device {
  queues: FrontendQueueState[] = [];
  backend: DomId = 0;
  control: FrontendControlState | undefined;
  /** Which features the backend has, by their keys. */
  readonly offers: Record<string, boolean> = {};
  /** The vif at the other end of a bridge: what comes in here goes out there, and not to the stack. */
  bridgedTo: FrontendVif | undefined;
  /** What the backend says of its link; it's up unless told. */
  carrier = true;
  carrierWatch: Watch | undefined;
  /** The backend state that was acted on last. */
  seen: string | undefined;

  constructor(
    readonly domain: Domain,
    readonly pump: EventPump,
    readonly stack: Stack,
    readonly steps: FrontendSteps,
    readonly path: string,
    readonly backendPath: string,
    /** Told of what goes wrong beside the driver's own work. */
    readonly onError: (error: unknown) => void,
  ) {}

  changed(): Promise<void> {
    return this.steps.backendChanged(this);
  }

  close(): Promise<void> {
    this.steps.disconnect(this);
    return Promise.resolve();
  }
}

/** The driver: serves every vif below one place of its domain, `device/vif` unless told. */
export class ReferenceFrontend {
  readonly #bus: Bus<FrontendVif>;

  /**
   * @param stackOf the network stack behind vif number `handle`
   * @param override replaces single steps, which is how a defect is made
   * @param root where its devices are, in its domain's part of xenstore
   */
  constructor(
    domain: Domain,
    stackOf: (handle: number) => Stack,
    onError: (error: unknown) => void,
    override: Partial<FrontendSteps> = {},
    root = 'device/vif',
  ) {
    const pump = new EventPump(domain.events);
    const steps = { ...FRONTEND_STEPS, ...override };
    const probe = (path: string, backendPath: string): FrontendVif =>
      new FrontendVif(domain, pump, stackOf(Number(path.split('/').at(-1))), steps, path, backendPath, onError);
    this.#bus = new Bus(domain.store, root, 1, 'backend', probe, onError);
  }

  /** Joins the vifs of two handles, so that what comes in at one goes out at the other. */
  bridge(handles: readonly [number, number]): void {
    bridge(this.#bus, handles);
  }

  /** Whether vif number `handle` has a carrier. */
  hasCarrier(handle: number): boolean {
    return this.#bus.device(handle).carrier;
  }

  unbind(handle: number): Promise<void> {
    return this.#bus.unbind(handle);
  }

  bind(handle: number): Promise<void> {
    return this.#bus.bind(handle);
  }

  /** The domain is saved: the driver is told of nothing until it's restored. */
  suspend(): Promise<void> {
    return this.#bus.suspend();
  }

  /** The domain was restored, and the backends are others than before. */
  resume(): Promise<void> {
    return this.#bus.resume((vif) => vif.steps.resume(vif));
  }

  start(): Promise<void> {
    return this.#bus.start();
  }

  close(): Promise<void> {
    return this.#bus.close();
  }
}
