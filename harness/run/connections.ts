import { BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { linkOf } from '../peer/link.js';
import { backendPath, createVif, removeVif, type VifAddress } from '../peer/vif.js';
import { formatMac } from '../packet/address.js';
import type { Iut } from './iut.js';
import { blamesIut } from './judge.js';
import type { Role } from './record.js';

/** The handle of a run's first vif: above those that a toolstack gives out. */
const FIRST_HANDLE = 20;
/** Handles are used again after so many, when their directories are long gone. */
const HANDLES = 100;

/** How long a driver gets to follow each step of a close when its vif is taken out. */
const UNPLUG_MS = 1000;

/** The peer of a session: it plays the end that isn't under test. */
export type AnyPeer = FrontendPeer | BackendPeer;

/**
 * Makes and takes out the vifs of a session, each with a new handle ("hotplug"). A vif that a test leaves behind is
 * closed politely first, since a driver that never saw the end of one may wait for it for ever.
 */
export class Connections {
  readonly #vifs = new Map<AnyPeer, VifAddress>();
  #next = 0;

  constructor(
    private readonly context: PeerContext,
    private readonly iut: Iut,
    /** The role under test; the peer plays the other one. */
    private readonly role: Role,
  ) {}

  /** Creates the directories of a new vif and the peer that plays its other end. */
  async plug(backendKeys: Readonly<Record<string, string>> = {}): Promise<AnyPeer> {
    const handle = FIRST_HANDLE + (this.#next++ % HANDLES);
    const harness = this.iut.harness.id;
    const vif: VifAddress =
      this.role === 'frontend'
        ? { frontend: this.iut.domain, backend: harness, handle, peer: 'backend' }
        : { frontend: harness, backend: this.iut.domain, handle, peer: 'frontend' };
    const link = linkOf(handle);
    const mac = formatMac(this.role === 'frontend' ? link.iut.mac : link.peer.mac);
    try {
      await createVif(this.iut.harness.store, vif, { mac, backendKeys });
      const make = vif.peer === 'frontend' ? FrontendPeer : BackendPeer;
      const peer = await make.create(this.context, vif, link);
      this.#vifs.set(peer, vif);
      return peer;
    } catch (error) {
      await removeVif(this.iut.harness.store, vif);
      throw error;
    }
  }

  /** Gives the interface behind a vif its address and learns its MAC. */
  async configure(peer: AnyPeer): Promise<void> {
    const vif = this.#vifs.get(peer);
    if (vif) await this.iut.configure?.(vif, peer.link);
    if (this.iut.configure) await peer.arp();
  }

  /** Takes a vif out: the peer's end closes, the driver gets a while to follow, the directories go. */
  async unplug(peer: AnyPeer): Promise<void> {
    const vif = this.#vifs.get(peer);
    if (!vif) return;
    this.#vifs.delete(peer);
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
        await removeVif(store, vif);
      }
    }
  }

  /** Gives up every vif without a word to its driver, whose guest is gone or about to go. */
  async abandonAll(): Promise<void> {
    for (const [peer, vif] of this.#vifs) {
      await peer.close();
      await removeVif(this.iut.harness.store, vif);
    }
    this.#vifs.clear();
  }

  /** Takes out every vif that is left. */
  async unplugAll(except?: AnyPeer): Promise<void> {
    for (const peer of [...this.#vifs.keys()]) if (peer !== except) await this.unplug(peer);
  }
}
