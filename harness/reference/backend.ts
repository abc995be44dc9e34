/** The embedded backend: a correct netback on the port, small and complete enough to be the suites' own touchstone. */
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
  /** Grants that the frontend had mapped by control messages. */
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

/** What the steps know of one vif. */
export class BackendVif implements Device {
  queues: BackendQueueState[] = [];
  control: ControlState | undefined;
  readonly hashing = new Hashing();
  /** Which of the features that are about receiving the frontend has, by their keys. */
  readonly offers: Record<string, boolean> = {};
  /** Bytes that the frontend wants free in front of each piece of a packet (Linux's "xdp-headroom"). */
  headroom = 0;
  /** Whether the frontend kicks after posting rx buffers (its feature-rx-notify). */
  rxNotify = false;
  /** The groups that the frontend asked for, as long as it wants no others. */
  readonly groups = new MulticastList();
  /** The vif at the other end of a bridge: what comes in here goes out there, and not to the stack. */
  bridgedTo: BackendVif | undefined;
  /** The frontend state that was acted on last. */
  seen: string | undefined;

  constructor(
    readonly domain: Domain,
    readonly pump: EventPump,
    readonly stack: Stack,
    readonly steps: BackendSteps,
    readonly path: string,
    readonly frontendPath: string,
    /** Told of what goes wrong beside the driver's own work. */
    readonly onError: (error: unknown) => void,
  ) {}

  changed(): Promise<void> {
    return this.steps.frontendChanged(this);
  }

  /** A key of the frontend's directory. */
  frontendKey(key: string): Promise<string | undefined> {
    return this.domain.store.read(`${this.frontendPath}/${key}`);
  }

  close(): Promise<void> {
    this.steps.disconnect(this);
    return Promise.resolve();
  }
}

/** The driver: serves every vif below one place of its domain, `backend/vif` unless told. */
export class ReferenceBackend {
  readonly #bus: Bus<BackendVif>;

  /**
   * @param stackOf the network stack behind vif number `handle`
   * @param override replaces single steps, which is how a defect is made
   * @param root where its devices are, in its domain's part of xenstore
   */
  constructor(
    domain: Domain,
    stackOf: (handle: number) => Stack,
    onError: (error: unknown) => void,
    override: Partial<BackendSteps> = {},
    root = 'backend/vif',
  ) {
    const pump = new EventPump(domain.events);
    const steps = { ...BACKEND_STEPS, ...override };
    const probe = (path: string, frontendPath: string): BackendVif =>
      new BackendVif(domain, pump, stackOf(Number(path.split('/').at(-1))), steps, path, frontendPath, onError);
    this.#bus = new Bus(domain.store, root, 2, 'frontend', probe, onError);
  }

  /** Joins the vifs of two handles, so that what comes in at one goes out at the other. */
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
