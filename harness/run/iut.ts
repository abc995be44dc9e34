import type { KernelLog } from '../guest/kernel-log.js';
import type { StackObserver } from '../packet/stack.js';
import type { Link } from '../peer/link.js';
import type { DeviceTypes, VifAddress } from '../peer/vif.js';
import type { Reflector } from '../peer/context.js';
import type { Domain, DomId, Holdings } from '../xen/domain.js';

/** A vif and the addresses of its ends. */
export interface LinkedVif {
  readonly vif: VifAddress;
  readonly link: Link;
}

/** The driver under test and its environment: everything that a session knows about them. */
export interface Iut {
  /** The domain of the driver; another one after a {@link recreate}. */
  readonly domain: DomId;
  /** The domain that the harness runs in. */
  readonly harness: Domain;
  readonly adapter: 'native' | 'simulated';
  /** The device types of a vif's directories. */
  readonly deviceTypes: DeviceTypes;
  /** Present if the kernel log can be read. */
  readonly kernelLog?: KernelLog;
  /** Facts for the session record; their keys are stable. */
  facts(): Promise<Record<string, string>>;
  /**
   * Configures the address of the network interface of a vif, so that its stack replies. Undefined if commands cannot
   * run in the guest: then the guest configures it by itself, or there are no replies.
   */
  readonly configure?: ((vif: VifAddress, link: Link) => Promise<void>) | undefined;
  /**
   * Bridges the network interfaces of two vifs, so that a frame received on one is sent on the other unchanged and none
   * reaches the guest's own stack. Undefined if commands cannot run in the guest.
   */
  readonly bridge?: ((vifs: readonly [LinkedVif, LinkedVif]) => Promise<void>) | undefined;
  /**
   * Whether the network interface of a vif has a carrier. Undefined if commands cannot run in the guest, or do not
   * report it.
   */
  readonly carrier?: ((vif: LinkedVif) => Promise<boolean>) | undefined;
  /**
   * Saves the guest and restores it, as a domain that may have another number; `prepare` is called before it runs.
   * Undefined if it is not supported.
   */
  readonly restore?: ((prepare: () => Promise<void>) => Promise<void>) | undefined;
  /** Saves the guest and lets it continue, which ends its suspend as cancelled. Undefined if it is not supported. */
  readonly checkpoint?: (() => Promise<void>) | undefined;
  /**
   * The requests to which the guest's stack is known to reply once an interface is configured: then a missing reply is
   * held against the driver.
   */
  readonly promised: ReadonlySet<Reflector>;
  /**
   * Checks the environment before a failure is attributed to the driver. Returns the response time of the guest in
   * milliseconds; undefined if the guest cannot be asked.
   *
   * @throws GuestCrashed if the guest has crashed, GuestGone if it cannot be reached, and any other error for a failure
   *   of the host or the harness
   */
  alive(): Promise<number | undefined>;
  /**
   * Has the stack of each vif observed by `observerOf` its handle. Absent where the stack of the driver cannot be seen.
   */
  readonly observeStacks?: (observerOf: (handle: number) => StackObserver | undefined) => void;
  /** Why the guest is dead, if it has died since it was created. Called after each test, so it must be cheap. */
  died(): Promise<string | undefined>;
  /**
   * Re-creates the guest and boots it; `prepare` is called before it runs. Undefined if it is not supported: then
   * damage by a test is permanent.
   */
  readonly recreate?: (prepare?: () => Promise<void>) => Promise<void>;
  /** Waits until a re-created guest runs commands; methods that need commands wait by themselves. */
  booted(): Promise<void>;
  /**
   * Unbinds the driver from a vif (false if it has no such device), and binds it again. Undefined if commands cannot
   * run in the guest.
   */
  readonly rebind?: { unbind(vif: VifAddress): Promise<boolean>; bind(vif: VifAddress): Promise<void> };
  /**
   * The resources held by the driver's domain and by the harness. The first is undefined if it cannot be observed; the
   * harness's watches are not counted on a real host.
   */
  holdings(): { readonly driver?: Holdings; readonly harness: Holdings };
  /** On the simulated Xen: a digest of the order of deliveries so far. */
  order?(): string;
  /** On the simulated Xen: the number of deliveries so far. */
  turns?(): number;
  close(): Promise<void>;
}
