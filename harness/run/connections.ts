import { BACKEND_KEYS, BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { type Link, linkOf } from '../peer/link.js';
import { backendPath, createVif, frontendPath, removeVif, type VifAddress, vifOf } from '../peer/vif.js';
import { formatMac } from '../packet/address.js';
import { all } from '../xen/wait.js';
import type { Vifs } from './context.js';
import { EnvironmentError } from './environment.js';
import type { Iut, LinkedVif } from './iut.js';
import { blamesIut } from './judge.js';
import type { Role } from './record.js';
import { Unavailable } from './unavailable.js';
import type { Way } from './ways.js';

/** The handle of a run's first vif: above those that a toolstack gives out. */
const FIRST_HANDLE = 20;
/** Handles are used again after so many, when their directories are long gone. */
const HANDLES = 100;

/** How long a driver gets to follow each step of a close when its vif is taken out. */
const UNPLUG_MS = 1000;

/** How much longer, before scaling, the first state of a guest may take that was just restored. */
const RESTORE_MS = 20_000;

/** The peer of a session: it plays the end that isn't under test. */
export type AnyPeer = FrontendPeer | BackendPeer;

/**
 * The vifs of a session: the one that tests share, and those that a test makes for itself. A vif that a test leaves
 * behind is closed politely before it goes, since a driver that never saw the end of one may wait for it for ever.
 */
export class Connections implements Vifs<AnyPeer> {
  readonly #vifs = new Map<AnyPeer, VifAddress>();
  readonly #configured = new WeakSet<AnyPeer>();
  readonly #preparing = new WeakMap<AnyPeer, Promise<void>>();
  #shared: AnyPeer | undefined;
  /** Whether the stack behind a vif answers ARP. */
  answering: boolean;
  /** The present test has asked for the shared vif. */
  #sharing = false;
  /** Vifs so far. */
  #made = 0;

  constructor(
    private readonly context: PeerContext,
    private readonly iut: Iut,
    /** The role under test; the peer plays the other one. */
    private readonly role: Role,
    private readonly way: Way,
  ) {
    this.answering = iut.promised.has('arp');
  }

  /** Connects the shared vif, to see what the implementation under test advertises. */
  async probe(): Promise<Record<string, string>> {
    const peer = await this.#connectShared();
    return peer.otherKeys();
  }

  /** The peer of the shared vif, if it's there. */
  get current(): AnyPeer | undefined {
    return this.#shared;
  }

  /** The shared vif, with its interface configured; it's made when it isn't there. */
  async shared(): Promise<AnyPeer> {
    this.#sharing = true;
    const peer = this.#shared ?? (await this.#connectShared());
    if (!this.#configured.has(peer)) await this.configure(peer);
    return peer;
  }

  /**
   * Creates the directories of a new vif and the peer that plays its other end.
   *
   * @throws Unavailable if the target can't give one more
   */
  async plug(
    backendKeys: Readonly<Record<string, string>> = {},
    frontendKeys: Readonly<Record<string, string>> = {},
  ): Promise<AnyPeer> {
    await this.#makeRoom();
    const handle = this.#freeHandle();
    const link = linkOf(handle);
    const mac = formatMac(this.role === 'frontend' ? link.iut.mac : link.peer.mac);
    const vif = await this.way.open(() => this.#address(handle), { mac, backendKeys, frontendKeys });
    return this.#play(vif, link, this.way.bootMs);
  }

  async #play(vif: VifAddress, link: Link, bootMs: number): Promise<AnyPeer> {
    const make = vif.peer === 'frontend' ? FrontendPeer : BackendPeer;
    const peer = await make.create(this.context, vif, link);
    peer.bootMs = bootMs;
    this.#vifs.set(peer, vif);
    return peer;
  }

  /**
   * Begins to configure the interface behind a backend's vif, which is there before the vif is connected: that saves a
   * while on each connection. A frontend's may not come up before (Linux's has no queues until then).
   */
  prepare(peer: AnyPeer): void {
    const vif = this.#vifs.get(peer);
    if (!vif || this.role === 'frontend' || this.way.bootMs > 0) return;
    const prepared = this.iut.configure?.(vif, peer.link);
    // Whoever waits for it hears of it.
    prepared?.catch(() => undefined);
    if (prepared) this.#preparing.set(peer, prepared);
  }

  /** The directories of every vif that is there. */
  paths(): string[] {
    return [...this.#vifs.values()].flatMap((vif) => [frontendPath(vif), backendPath(vif)]);
  }

  /** Gives the interface behind a vif its address and learns its MAC. */
  async configure(peer: AnyPeer, options: { readonly ms?: number } = {}): Promise<void> {
    const vif = this.#vifs.get(peer);
    const prepared = this.#preparing.get(peer);
    this.#preparing.delete(peer);
    if (vif) await (prepared ?? this.iut.configure?.(vif, peer.link));
    if (this.answering) await peer.arp(options);
    this.#configured.add(peer);
  }

  /** Joins the interfaces behind two vifs: what comes in at one goes out at the other. */
  async bridge(peers: readonly [AnyPeer, AnyPeer]): Promise<void> {
    await able(this.iut.bridge)([this.#linked(peers[0]), this.#linked(peers[1])]);
  }

  async hasCarrier(peer: AnyPeer): Promise<boolean> {
    return able(this.iut.carrier)(this.#linked(peer));
  }

  async unbind(peer: AnyPeer): Promise<void> {
    const { vif } = this.#linked(peer);
    if (!(await able(this.iut.rebind).unbind(vif))) throw new EnvironmentError('the driver has lost its device');
  }

  async bind(peer: AnyPeer): Promise<void> {
    await able(this.iut.rebind).bind(this.#linked(peer).vif);
  }

  /**
   * Saves the guest and restores it. As after a migration, the backends that it finds then are others: of the vifs of
   * before, that of `peer` alone has a successor, whose peer is answered.
   */
  async restore(peer: AnyPeer): Promise<AnyPeer> {
    const { vif, link } = this.#linked(peer);
    let next: AnyPeer | undefined;
    await able(this.iut.restore)(async () => {
      await this.abandonAll();
      const address = this.#address(vif.handle);
      const mac = formatMac(link.iut.mac);
      // Not by the target's way: that may make the guest anew, which was just restored.
      await createVif(this.iut.harness.store, address, { mac, backendKeys: BACKEND_KEYS });
      next = await this.#play(address, link, RESTORE_MS);
    });
    if (!next) throw new Error('the guest was restored without its vif');
    return next;
  }

  #linked(peer: AnyPeer): LinkedVif {
    const vif = this.#vifs.get(peer);
    if (!vif) throw new Error('the vif is none of this session');
    return { vif, link: peer.link };
  }

  /** Takes a vif out: the peer's end closes, the driver gets a while to follow, the directories go. */
  async unplug(peer: AnyPeer): Promise<void> {
    const vif = this.#vifs.get(peer);
    if (!vif) return;
    this.#vifs.delete(peer);
    if (peer === this.#shared) this.#shared = undefined;
    const { store } = this.iut.harness;
    try {
      await store.write(`${backendPath(vif)}/online`, '0');
      await peer.disconnect({ ms: UNPLUG_MS });
    } catch (error) {
      // A driver that doesn't follow has had its chance: whether it must is a test's business, not this one's.
      if (!blamesIut(error)) throw error;
    } finally {
      try {
        await peer.close();
      } finally {
        await this.way.close(vif);
      }
    }
  }

  /** Takes out the test's own vifs; the shared one too if it may be `hurt`. */
  async endTest(hurt: boolean): Promise<void> {
    this.#sharing = false;
    const going = [...this.#vifs.keys()].filter((peer) => hurt || peer !== this.#shared);
    await all(going.map((peer) => this.unplug(peer)));
  }

  /** Gives up every vif without a word to its driver, whose guest is gone or about to go. */
  async abandonAll(): Promise<void> {
    for (const [peer, vif] of this.#vifs) {
      await peer.close();
      await removeVif(this.iut.harness.store, vif);
    }
    this.#vifs.clear();
    this.#shared = undefined;
    this.#sharing = false;
    this.way.forget();
  }

  /** The next handle in turn that no vif has; the only one where all have that. */
  #freeHandle(): number {
    const taken = new Set([...this.#vifs.values()].map((vif) => vif.handle));
    let handle: number;
    do handle = FIRST_HANDLE + (this.#made++ % HANDLES);
    while (taken.has(handle));
    return this.way.ownHandles ? handle : FIRST_HANDLE;
  }

  async #connectShared(): Promise<AnyPeer> {
    const peer = await this.plug(this.role === 'frontend' ? BACKEND_KEYS : {});
    try {
      await peer.connect();
    } catch (error) {
      await this.unplug(peer);
      throw error;
    }
    this.#shared = peer;
    return peer;
  }

  #address(handle: number): VifAddress {
    const { domain, harness, deviceType } = this.iut;
    return { ...vifOf(this.role, domain, harness.id, handle), type: deviceType };
  }

  /** Where no more vifs can be, the shared one gives way, unless the present test needs it too. */
  async #makeRoom(): Promise<void> {
    if (!this.way.again && this.#made > 0) {
      throw new Unavailable('connection', 'the target has one connection only ("connection: once")');
    }
    if (this.#vifs.size < this.way.atOnce) return;
    if (this.#sharing || !this.#shared) {
      const more = this.way.atOnce === 1 ? 'a second vif' : `more than ${this.way.atOnce} vifs`;
      throw new Unavailable(
        'connection',
        `needs ${more} at the same time, which the target's "connection" and "limits" do not give`,
      );
    }
    await this.unplug(this.#shared);
  }
}

/** What a test may use that says so in its `needs`. */
function able<T>(ability: T | undefined): T {
  if (ability === undefined) throw new Error('the test does not say what it needs: it would have been skipped');
  return ability;
}
