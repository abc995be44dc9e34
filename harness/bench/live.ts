/** A vif between a peer in this domain and a Linux driver in a guest. */
import { linux } from '../guest/linux.js';
import { NO_INTERFACE } from '../guest/os-profile.js';
import type { Ssh } from '../ssh/ssh.js';
import { formatIpv4, formatMac } from '../packet/address.js';
import type { AnyPeer } from '../peer/any-peer.js';
import { BACKEND_KEYS, BackendPeer } from '../peer/backend.js';
import type { PeerContext } from '../peer/context.js';
import { FrontendPeer } from '../peer/frontend.js';
import { linkOf, PREFIX } from '../peer/link.js';
import { createVif, handleOf, removeVif, type VifAddress, vifOf } from '../peer/vif.js';
import { KEY } from '../protocol/netif.js';
import type { Domain, DomId } from '../xen/domain.js';
import { EventPump } from '../xen/event-pump.js';
import { Patience } from '../xen/wait.js';
import type { GuestYardstick } from './yardstick.js';

/** As many as a ring has slots. */
const RX_BUFFERS = 256;
/** Deadlines are longer under emulation. */
const TIME_SCALE = 3;
const SSH_MS = 30_000;
const GSO = { [KEY.featureGsoTcpv4]: '1' };

/** The driver under test of a vif. */
export type Driver = 'netfront' | 'netback';

/** A guest with a driver to measure. */
export interface Guest {
  readonly driver: Driver;
  readonly domain: DomId;
  readonly ssh: Ssh;
  readonly yardstick: GuestYardstick;
}

/** The resources of this domain that all vifs share. */
export function contextOf(domain: Domain): PeerContext {
  return { domain, pump: new EventPump(domain.events), patience: new Patience(domain.clock, TIME_SCALE) };
}

/** One vif with its peer. */
export class LiveVif {
  private constructor(
    readonly peer: AnyPeer,
    readonly guest: Guest,
    private readonly vif: VifAddress,
    private readonly context: PeerContext,
  ) {}

  static #made = 0;

  /** Creates and connects a new vif. */
  static async connect(context: PeerContext, guest: Guest): Promise<LiveVif> {
    const { store, id } = context.domain;
    const handle = handleOf(this.#made++);
    const link = linkOf(handle);
    const vif = vifOf(guest.driver === 'netback' ? 'backend' : 'frontend', guest.domain, id, handle);
    const backendKeys = guest.driver === 'netfront' ? { ...BACKEND_KEYS, ...GSO } : {};
    await createVif(store, vif, { mac: formatMac(link.iut.mac), backendKeys });
    if (guest.driver === 'netfront') {
      const peer = await BackendPeer.create(context, vif, link);
      await peer.connect();
      return new LiveVif(peer, guest, vif, context);
    }
    const peer = await FrontendPeer.create(context, vif, link);
    await peer.connect({ rxBuffers: RX_BUFFERS, keys: GSO });
    return new LiveVif(peer, guest, vif, context);
  }

  /** Configures the address of the guest's interface and learns its MAC; returns the name of the interface. */
  async configure(): Promise<string> {
    const { frontend, handle } = this.vif;
    const { iut } = this.peer.link;
    const address = { ipv4: formatIpv4(iut.ipv4), prefix: PREFIX };
    const script =
      this.guest.driver === 'netback'
        ? linux.configureVif({ device: `vif${frontend}.${handle}`, ...address })
        : linux.configureInterface({ mac: formatMac(iut.mac), ...address });
    const device = await this.context.patience.until('interface in the guest', async () => {
      const { code, stdout, stderr } = await this.guest.ssh.exec(script, { deadlineMs: SSH_MS });
      if (code === NO_INTERFACE) return undefined;
      if (code !== 0) throw new Error(`the guest's interface can't be set up: ${stderr}`);
      return stdout.trim();
    });
    await this.peer.arp();
    return device;
  }

  /** Closes the vif in an orderly way and removes it. */
  async close(): Promise<void> {
    try {
      await this.peer.disconnect();
    } finally {
      await this.peer.close();
      await removeVif(this.context.domain.store, this.vif);
    }
  }
}
