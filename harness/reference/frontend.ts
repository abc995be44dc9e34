/** The reference frontend: a correct and complete netfront on the port `Domain`, against which the suites are proved. */
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
  readonly rings: readonly [tx: Offer, rx: Offer];
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
  /** A packet whose later slots have not arrived yet. */
  readonly partial: { pieces: Uint8Array[]; bad: boolean; csumBlank: boolean; gso: VifPacket['gso'] };
  /** The kind of the next rx slot. */
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

/** Surroundings of a vif, which never change. */
export interface FrontendVifOptions {
  readonly domain: Domain;
  readonly pump: EventPump;
  readonly stack: Stack;
  readonly steps: FrontendSteps;
  /** The frontend's directory. */
  readonly path: string;
  readonly backendPath: string;
  /** Called with errors of watches and control requests, which no caller awaits. */
  readonly onError: (error: unknown) => void;
}

/** The state of one vif, on which the steps work. */
export class FrontendVif implements Device {
  queues: FrontendQueueState[] = [];
  backend: DomId = 0;
  control: FrontendControlState | undefined;
  /** Which features the backend has, by key. */
  readonly offers: Record<string, boolean> = {};
  /** The vif at the other side of a bridge. If set, packets go there and not to the stack. */
  bridgedTo: FrontendVif | undefined;
  /** Whether the link of the backend is up; a backend without the key has a carrier. */
  carrier = true;
  carrierWatch: Watch | undefined;
  /** The backend state that was handled last. */
  seen: string | undefined;

  readonly domain: Domain;
  readonly pump: EventPump;
  readonly stack: Stack;
  readonly steps: FrontendSteps;
  readonly path: string;
  readonly backendPath: string;
  readonly onError: (error: unknown) => void;

  constructor({ domain, pump, stack, steps, path, backendPath, onError }: FrontendVifOptions) {
    this.domain = domain;
    this.pump = pump;
    this.stack = stack;
    this.steps = steps;
    this.path = path;
    this.backendPath = backendPath;
    this.onError = onError;
  }

  changed(): Promise<void> {
    return this.steps.backendChanged(this);
  }

  close(): Promise<void> {
    this.steps.disconnect(this);
    return Promise.resolve();
  }
}

/** The driver: serves every vif below `root` (default: `device/vif`). */
export class ReferenceFrontend {
  readonly #bus: Bus<FrontendVif>;

  /**
   * @param stackOf returns the network stack of vif number `handle`
   * @param onError is given errors that no caller awaits
   * @param override replaces single steps: this is how a defect is planted
   * @param root the directory of the devices, relative to the domain's home in xenstore
   */
  constructor(
    domain: Domain,
    stackOf: (handle: number) => Stack,
    onError: (error: unknown) => void,
    override: Partial<FrontendSteps> = {},
    root = 'device/vif',
  ) {
    const pump = new EventPump(domain.events, onError);
    const steps = { ...FRONTEND_STEPS, ...override };
    const probe = (path: string, backendPath: string): FrontendVif =>
      new FrontendVif({
        domain,
        pump,
        stack: stackOf(Number(path.split('/').at(-1))),
        steps,
        path,
        backendPath,
        onError,
      });
    this.#bus = new Bus(domain.store, root, 1, 'backend', probe, onError);
  }

  /** Bridges the vifs of two handles: a packet that arrives at one leaves at the other. */
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

  /** The domain is saved: the driver sees no changes until the domain is restored. */
  suspend(): Promise<void> {
    return this.#bus.suspend();
  }

  /** The domain was restored, and its backends are new. */
  resume(): Promise<void> {
    return this.#bus.resume((vif) => vif.steps.resume(vif));
  }

  /** The save of the domain was cancelled: its backends are still there. */
  wake(): Promise<void> {
    return this.#bus.resume((vif) => vif.steps.wake(vif));
  }

  start(): Promise<void> {
    return this.#bus.start();
  }

  close(): Promise<void> {
    return this.#bus.close();
  }
}
