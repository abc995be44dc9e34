import type { PeerOf } from '../peer/any-peer.js';
import { BACKEND_KEYS, BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { type Link, linkOf } from '../peer/link.js';
import type { StackBoundary } from '../peer/stack-boundary.js';
import { backendPath, createVif, frontendPath, handleOf, removeVif, type VifAddress, vifOf } from '../peer/vif.js';
import { formatMac } from '../packet/address.js';
import { XENBUS_STATE } from '../protocol/xenbus.js';
import type { StackObserver } from '../packet/stack.js';
import { all, Expired } from '../xen/wait.js';
import { EnvironmentError } from './environment.js';
import type { Iut, LinkedVif } from './iut.js';
import type { Removals } from './audit.js';
import type { Role } from './record.js';
import type { Reflectors } from './reflectors.js';
import { Unavailable } from './unavailable.js';
import type { ConnectionMethod } from './connection-method.js';

/** Time for a driver to follow each step of closing a vif that is removed, in milliseconds before scaling. */
const UNPLUG_MS = 1000;

/** Additional time for the first state of a guest that was just restored, in milliseconds before scaling. */
const RESTORE_MS = 20_000;

/** The parts that the connections of a session use. */
export interface ConnectionOptions {
  readonly context: PeerContext;
  readonly iut: Iut;
  readonly method: ConnectionMethod;
  readonly reflectors: Reflectors;
}

/** A vif of the session. */
interface Entry {
  readonly vif: VifAddress;
  /** Whether tests share it. */
  shared: boolean;
  /** The configuration of its interface, if it was started before it was needed. */
  preparing?: Promise<void> | undefined;
  configured: boolean;
}

type CreatePeer<P> = (context: PeerContext, vif: VifAddress, link: Link) => Promise<P>;

/**
 * The vifs of a session: the shared one, and those that a test creates for itself. A vif that a test does not close is
 * closed with the full handshake before it is removed, since some drivers wait for it without limit.
 */
export class Connections<R extends Role> {
  readonly #vifs = new Map<PeerOf[R], Entry>();
  /** What is seen of the stack of each vif, by its handle, until the vif is removed. */
  readonly #boundaries = new Map<number, StackBoundary>();
  /** Whether the current test has requested the shared vif. */
  #sharing = false;
  /** Number of vifs created so far. */
  #created = 0;
  /** The time by which the guest of the last vif must have booted. */
  bootEnds = 0;
  /** How often a directory was gone when its vif was to be closed: a test had removed it. */
  readonly removals: Removals = { frontend: 0, backend: 0 };

  constructor(
    /** The role of the driver under test; the peer plays the other one. */
    readonly role: R,
    private readonly createPeer: CreatePeer<PeerOf[R]>,
    private readonly parts: ConnectionOptions,
  ) {}

  /** Connects the shared vif if necessary, and returns the keys that the driver advertises. */
  async probe(): Promise<Record<string, string>> {
    const peer = this.current ?? (await this.#connectShared());
    return peer.otherKeys();
  }

  /** The peer of the shared vif; undefined if it is not connected. */
  get current(): PeerOf[R] | undefined {
    return [...this.#vifs].find(([, { shared }]) => shared)?.[0];
  }

  /** The observer of the frames between the driver and the stack of vif number `handle`; undefined if it is gone. */
  stackObserver(handle: number): StackObserver | undefined {
    return this.#boundaries.get(handle);
  }

  /** The violations that the peers of all current vifs have detected, at most one of each. */
  faults(): Error[] {
    return [...this.#vifs.keys()].flatMap(({ fault }) => fault ?? []);
  }

  /** The peer of the shared vif with a configured interface; connects it if necessary. */
  async shared(): Promise<PeerOf[R]> {
    this.#sharing = true;
    const peer = this.current ?? (await this.#connectShared());
    if (!this.#entry(peer).configured) await this.configure(peer);
    return peer;
  }

  /**
   * Creates the directories of a new vif, and its peer.
   *
   * @param wanted the handle of the vif (default: the next one)
   * @throws Unavailable if the target does not allow another vif, or not with that handle
   */
  async plug(
    backendKeys: Readonly<Record<string, string>> = {},
    frontendKeys: Readonly<Record<string, string>> = {},
    wanted?: number,
  ): Promise<PeerOf[R]> {
    await this.#makeRoom();
    const handle = this.#freeHandle(wanted);
    const link = linkOf(handle);
    const mac = formatMac(this.role === 'frontend' ? link.iut.mac : link.peer.mac);
    const { clock, scale } = this.parts.context.patience;
    this.bootEnds = clock.now() + this.parts.method.bootMs * scale;
    const vif = await this.parts.method.open(() => this.#address(handle), { mac, backendKeys, frontendKeys });
    const peer = await this.#createPeer(vif, link, this.parts.method.bootMs);
    peer.setToolstackKeys(this.role === 'frontend' ? backendKeys : frontendKeys, frontendKeys);
    return peer;
  }

  async #createPeer(vif: VifAddress, link: Link, bootMs: number): Promise<PeerOf[R]> {
    const peer = await this.createPeer(this.parts.context, vif, link);
    peer.bootMs = bootMs;
    this.#vifs.set(peer, { vif, shared: false, configured: false });
    const earlier = this.#boundaries.get(vif.handle);
    if (earlier) peer.boundary.continues(earlier);
    this.#boundaries.set(vif.handle, peer.boundary);
    return peer;
  }

  /**
   * Starts to configure the network interface of a backend under test. It exists before the vif is connected, so this
   * shortens each connection. The interface of a frontend may not exist yet (Linux's has no queues before it is
   * connected).
   */
  prepare(peer: PeerOf[R]): void {
    if (this.role === 'frontend' || this.parts.method.bootMs > 0) return;
    const entry = this.#entry(peer);
    entry.preparing = this.parts.iut.configure?.(entry.vif, peer.link);
    // The caller that awaits it handles the error.
    entry.preparing?.catch(() => undefined);
  }

  /** The directories of all current vifs. */
  paths(): string[] {
    return [...this.#vifs.values()].flatMap(({ vif }) => [frontendPath(vif), backendPath(vif)]);
  }

  /** Configures the address of the network interface of a vif, and resolves its MAC. */
  async configure(peer: PeerOf[R], options: { readonly ms?: number } = {}): Promise<void> {
    const entry = this.#entry(peer);
    const { preparing } = entry;
    entry.preparing = undefined;
    await (preparing ?? this.parts.iut.configure?.(entry.vif, peer.link));
    if (this.parts.reflectors.has('arp')) await peer.resolve(options);
    entry.configured = true;
  }

  /** Bridges the network interfaces of two vifs. */
  async bridge(peers: readonly [PeerOf[R], PeerOf[R]]): Promise<void> {
    await requireDeclared(this.parts.iut.bridge)([this.#linked(peers[0]), this.#linked(peers[1])]);
  }

  async hasCarrier(peer: PeerOf[R]): Promise<boolean> {
    const entry = this.#entry(peer);
    // An interface that is down has no carrier. Whether it replies to ARP is asked later.
    if (!entry.configured) await (entry.preparing ??= this.parts.iut.configure?.(entry.vif, peer.link));
    return requireDeclared(this.parts.iut.carrier)(this.#linked(peer));
  }

  async unbind(peer: PeerOf[R]): Promise<void> {
    const { vif } = this.#linked(peer);
    if (!(await requireDeclared(this.parts.iut.rebind).unbind(vif)))
      throw new EnvironmentError(
        'the driver has no device to unbind from; check that the guest still runs, and re-create it if not',
      );
  }

  async bind(peer: PeerOf[R]): Promise<void> {
    await requireDeclared(this.parts.iut.rebind).bind(this.#linked(peer).vif);
  }

  /**
   * Saves the guest and restores it. As after a migration, the restored guest has new backends. It has the vif of `peer`
   * alone, whose new peer is returned: a vif that is missing after the restore would stay in its kernel, and block the
   * next one with that handle.
   *
   * @param backendKeys what the new backend advertises
   */
  async restore(peer: PeerOf[R], backendKeys: Readonly<Record<string, string>>): Promise<PeerOf[R]> {
    const { vif, link } = this.#linked(peer);
    const others = [...this.#vifs.keys()].filter((each) => each !== peer);
    await all(others.map((each) => this.unplug(each)));
    let next: PeerOf[R] | undefined;
    await requireDeclared(this.parts.iut.restore)(async () => {
      await this.abandonAll();
      const address = this.#address(vif.handle);
      const mac = formatMac(link.iut.mac);
      // Bypasses the target's connection method, which may re-create the guest that was just restored.
      await createVif(this.parts.iut.harness.store, address, { mac, backendKeys });
      next = await this.#createPeer(address, link, RESTORE_MS);
      next.setToolstackKeys(backendKeys, {});
    });
    if (!next) throw new Error('netifspec bug: the guest was restored without its vif');
    return next;
  }

  /** Saves the guest and lets it continue: its vifs and their backends stay. */
  async checkpoint(): Promise<void> {
    await requireDeclared(this.parts.iut.checkpoint)();
  }

  #linked(peer: PeerOf[R]): LinkedVif {
    return { vif: this.#entry(peer).vif, link: peer.link };
  }

  #entry(peer: PeerOf[R]): Entry {
    const entry = this.#vifs.get(peer);
    if (!entry) throw new Error('netifspec bug: the vif does not belong to this session');
    return entry;
  }

  /**
   * Removes a vif: the peer closes, the driver gets {@link UNPLUG_MS} for each step, then the directories are removed.
   *
   * @throws Violation if the peer detects one until then
   */
  async unplug(peer: PeerOf[R]): Promise<void> {
    const vif = this.#vifs.get(peer)?.vif;
    if (!vif) return;
    this.#vifs.delete(peer);
    const { store } = this.parts.iut.harness;
    // Does not wait for a guest that has not booted yet.
    peer.bootMs = 0;
    try {
      if (this.role === 'backend' && this.parts.iut.holdings().driver) await this.#countRemovals(vif);
      await peer.rest();
      await store.write(`${backendPath(vif)}/online`, '0');
      await peer.disconnect({ ms: UNPLUG_MS });
    } catch (error) {
      // Whether the driver must follow the close is checked by tests of their own.
      if (!(error instanceof Expired)) throw error;
    } finally {
      try {
        await peer.close();
      } finally {
        this.#boundaries.delete(vif.handle);
        await this.parts.method.close(vif);
      }
    }
  }

  /**
   * Only where leaks of the driver can be seen. A backend may itself remove its directory, once the frontend is in Closing
   * or Closed.
   */
  async #countRemovals(vif: VifAddress): Promise<void> {
    const { store } = this.parts.iut.harness;
    const state = await store.read(`${frontendPath(vif)}/state`);
    const isOpen = state !== undefined && Number(state) < XENBUS_STATE.closing;
    if (state === undefined) this.removals.frontend++;
    if (isOpen && (await store.read(backendPath(vif))) === undefined) this.removals.backend++;
  }

  /** Removes the test's own vifs, and the shared one too if it may be `damaged`. */
  async endTest(damaged: boolean): Promise<void> {
    this.#sharing = false;
    const going = [...this.#vifs].filter(([, { shared }]) => damaged || !shared);
    await all(going.map(([peer]) => this.unplug(peer)));
    await this.current?.rest();
  }

  /** Removes all vifs without closing them: the guest no longer exists or is about to be destroyed. */
  async abandonAll(): Promise<void> {
    for (const [peer, { vif }] of this.#vifs) {
      await peer.close();
      await removeVif(this.parts.iut.harness.store, vif);
    }
    this.#vifs.clear();
    this.#sharing = false;
    this.parts.method.guestReplaced();
  }

  /** The next unused handle, or the one that is `wanted`; always the same one if all vifs use one handle. */
  #freeHandle(wanted?: number): number {
    const taken = new Set([...this.#vifs.values()].map(({ vif }) => vif.handle));
    let handle: number;
    const { firstHandle, ownHandles } = this.parts.method;
    if (wanted !== undefined) {
      if (taken.has(wanted)) throw new Error(`netifspec bug: a vif with the handle ${wanted} exists`);
      if (!ownHandles && wanted !== firstHandle)
        throw new Unavailable('connection', 'the target gives all vifs the same handle ("connection")');
      return wanted;
    }
    do handle = handleOf(this.#created++, firstHandle);
    while (taken.has(handle));
    return ownHandles ? handle : firstHandle;
  }

  async #connectShared(): Promise<PeerOf[R]> {
    const peer = await this.plug(this.role === 'frontend' ? BACKEND_KEYS : {});
    try {
      await peer.connect();
    } catch (error) {
      await this.unplug(peer);
      throw error;
    }
    this.#entry(peer).shared = true;
    return peer;
  }

  #address(handle: number): VifAddress {
    const { domain, harness, deviceTypes } = this.parts.iut;
    return { ...vifOf(this.role, domain, harness.id, handle), types: deviceTypes };
  }

  /** At the limit of vifs, removes the shared one, unless the current test uses it. */
  async #makeRoom(): Promise<void> {
    if (!this.parts.method.canReconnect && this.#created > 0) {
      throw new Unavailable('connection', 'the target allows only one connection ("connection: once")');
    }
    if (this.#vifs.size < this.parts.method.maxVifs) return;
    const { current } = this;
    if (this.#sharing || !current) {
      const more = this.parts.method.maxVifs === 1 ? 'a second vif' : `more than ${this.parts.method.maxVifs} vifs`;
      throw new Unavailable(
        'connection',
        `needs ${more} at the same time, which "connection" and "limits" in the target file do not allow`,
      );
    }
    await this.unplug(current);
  }
}

/** The connections of a session of either role. */
export type AnyConnections = Connections<'backend'> | Connections<'frontend'>;

/** The connections of a session for a driver of this role. */
export function connectionsOf(role: Role, options: ConnectionOptions): AnyConnections {
  return role === 'backend'
    ? new Connections(role, (...vif) => FrontendPeer.create(...vif), options)
    : new Connections(role, (...vif) => BackendPeer.create(...vif), options);
}

/**
 * Returns an ability that the test declares in its options. Throws if it does not: the test should have been skipped.
 */
function requireDeclared<T>(ability: T | undefined): T {
  if (ability === undefined) throw new Error('the test uses an ability that it does not declare; add it to "needs"');
  return ability;
}
