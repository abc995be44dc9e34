/** The reference backend: a correct and complete netback on the port `Domain`, against which the suites are proved. */
import type { Stack } from '../packet/stack.js';
import type { Domain, DomId, Mapping, Port } from '../xen/domain.js';
import { EventPump } from '../xen/event-pump.js';
import type { BackRing } from '../protocol/shared-ring.js';
import { BACKEND_STEPS, type BackendSteps } from './backend-steps.js';
import { Hashing } from './hashing.js';
import type { MappedGrants } from './mapped-grants.js';
import { MulticastList } from './multicast.js';
import { bridge, Bus, type Device } from './bus.js';
import type { VifPacket } from './packet.js';

/** One queue of a connected vif. */
export interface BackendQueueState {
  readonly index: number;
  readonly tx: BackRing;
  readonly rx: BackRing;
  readonly txPort: Port;
  readonly rxPort: Port;
  readonly mapping: Mapping;
  readonly frontend: DomId;
  /** Grants that the frontend had mapped with control messages. */
  readonly mapped: MappedGrants;
  /** Grants of the frontend's staging pools. */
  readonly txPool: MappedGrants;
  readonly rxPool: MappedGrants;
  /** Packets that wait for rx buffers, oldest first. */
  readonly backlog: VifPacket[];
}

/** The control ring of a connected vif. */
export interface ControlState {
  readonly ring: BackRing;
  readonly mapping: Mapping;
  readonly port: Port;
  readonly frontend: DomId;
}

/** Surroundings of a vif, which never change. */
export interface BackendVifOptions {
  readonly domain: Domain;
  readonly pump: EventPump;
  readonly stack: Stack;
  readonly steps: BackendSteps;
  /** The backend's directory. */
  readonly path: string;
  readonly frontendPath: string;
  /** Called with errors of watches, which no caller awaits. */
  readonly onError: (error: unknown) => void;
}

/** The state of one vif, on which the steps work. */
export class BackendVif implements Device {
  queues: BackendQueueState[] = [];
  control: ControlState | undefined;
  readonly hashing = new Hashing();
  /** The frontend's features for receiving, by key. */
  readonly offers: Record<string, boolean> = {};
  /** Bytes that the frontend wants free before each piece of a packet ("xdp-headroom" of Linux). */
  headroom = 0;
  /** Whether the frontend notifies after it has posted rx buffers (its feature-rx-notify). */
  rxNotify = false;
  /** The multicast filter list of the frontend. */
  readonly groups = new MulticastList();
  /** The vif at the other side of a bridge. If set, packets go there and not to the stack. */
  bridgedTo: BackendVif | undefined;
  /** The frontend state that was handled last. */
  seen: string | undefined;

  readonly domain: Domain;
  readonly pump: EventPump;
  readonly stack: Stack;
  readonly steps: BackendSteps;
  readonly path: string;
  readonly frontendPath: string;
  readonly onError: (error: unknown) => void;

  constructor({ domain, pump, stack, steps, path, frontendPath, onError }: BackendVifOptions) {
    this.domain = domain;
    this.pump = pump;
    this.stack = stack;
    this.steps = steps;
    this.path = path;
    this.frontendPath = frontendPath;
    this.onError = onError;
  }

  changed(): Promise<void> {
    return this.steps.frontendChanged(this);
  }

  /** Reads a key of the frontend's directory. */
  frontendKey(key: string): Promise<string | undefined> {
    return this.domain.store.read(`${this.frontendPath}/${key}`);
  }

  close(): Promise<void> {
    this.steps.disconnect(this);
    return Promise.resolve();
  }
}

/** The driver: serves every vif below `root` (default: `backend/vif`). */
export class ReferenceBackend {
  readonly #bus: Bus<BackendVif>;

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
    override: Partial<BackendSteps> = {},
    root = 'backend/vif',
  ) {
    const pump = new EventPump(domain.events, onError);
    const steps = { ...BACKEND_STEPS, ...override };
    const probe = (path: string, frontendPath: string): BackendVif =>
      new BackendVif({
        domain,
        pump,
        stack: stackOf(Number(path.split('/').at(-1))),
        steps,
        path,
        frontendPath,
        onError,
      });
    this.#bus = new Bus(domain.store, root, 2, 'frontend', probe, onError);
  }

  /** Bridges the vifs of two handles: a packet that arrives at one leaves at the other. */
  bridge(handles: readonly [number, number]): void {
    bridge(this.#bus, handles);
  }

  unbind(handle: number): Promise<void> {
    return this.#bus.unbind(handle);
  }

  bind(handle: number): Promise<void> {
    return this.#bus.bind(handle);
  }

  start(): Promise<void> {
    return this.#bus.start();
  }

  close(): Promise<void> {
    return this.#bus.close();
  }
}
