/** A peer and a reference driver at the two ends of a simulated vif. */
import { formatMac } from '../packet/address.js';
import { echoPayload, nonceOf } from '../packet/build.js';
import { Stack } from '../packet/stack.js';
import { BACKEND_KEYS, BackendPeer } from '../peer/backend.js';
import { BackendRx } from '../peer/backend-rx.js';
import { FrontendPeer } from '../peer/frontend.js';
import { type Link, linkOf } from '../peer/link.js';
import { createVif, removeVif, type VifAddress, vifOf } from '../peer/vif.js';
import { KEY } from '../protocol/netif.js';
import { ReferenceBackend } from '../reference/backend.js';
import { BACKEND_STEPS } from '../reference/backend-steps.js';
import { ReferenceFrontend } from '../reference/frontend.js';
import { EventPump } from '../xen/event-pump.js';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import { Patience } from '../xen/wait.js';

/** More than a suite ever uses. */
export const MOST_QUEUES = 16;
const HANDLE = 20;
/** Pings that are under way at a time: fewer than the rx buffers that a peer posts. */
const BURST = 16;

const BACKEND = {
  maxQueues: () => MOST_QUEUES,
  features: () => ({ ...BACKEND_STEPS.features(), [KEY.multiQueueMaxQueues]: String(MOST_QUEUES) }),
};

/** One simulated Xen with a driver on it. */
export class Wire {
  readonly link: Link = linkOf(HANDLE);
  readonly #hypervisor = new Hypervisor({ seed: 1 });
  readonly #harness = this.#hypervisor.domain(0);
  readonly #guest = this.#hypervisor.domain(1);
  readonly #context = {
    domain: this.#harness,
    pump: new EventPump(this.#harness.events),
    patience: new Patience(this.#harness.clock),
  };
  readonly #driver: ReferenceFrontend | ReferenceBackend;
  readonly #vif: VifAddress;

  /** @param role the driver's */
  constructor(private readonly role: 'frontend' | 'backend') {
    const stackOf = (): Stack => new Stack(this.link.iut);
    const fail = (error: unknown): never => {
      throw error;
    };
    this.#driver =
      role === 'frontend'
        ? new ReferenceFrontend(this.#guest, stackOf, fail)
        : new ReferenceBackend(this.#guest, stackOf, fail, BACKEND);
    this.#vif = vifOf(role, this.#guest.id, this.#harness.id, HANDLE);
  }

  start(): Promise<void> {
    return this.#driver.start();
  }

  /** A new vif and its peer, connected. */
  async connect(queues = 1): Promise<FrontendPeer | BackendPeer> {
    const backendKeys = this.role === 'frontend' ? BACKEND_KEYS : {};
    await createVif(this.#harness.store, this.#vif, { mac: formatMac(this.link.iut.mac), backendKeys });
    if (this.role === 'frontend') {
      const peer = await BackendPeer.create(this.#context, this.#vif, this.link);
      await peer.connect();
      return peer;
    }
    const peer = await FrontendPeer.create(this.#context, this.#vif, this.link);
    await peer.connect({ queues, control: true });
    return peer;
  }

  async disconnect(peer: FrontendPeer | BackendPeer): Promise<void> {
    await peer.disconnect();
    await peer.close();
    await removeVif(this.#harness.store, this.#vif);
  }

  async close(): Promise<void> {
    await this.#driver.close();
    await this.#guest.close();
    await this.#harness.close();
  }
}

/** Pings over every queue, many at a time, until `count` at least were answered; answers how many frames that were. */
export async function pingAll(peer: FrontendPeer | BackendPeer, count: number, length = 64): Promise<number> {
  let frames = 0;
  while (frames < 2 * count) {
    const pings = peer.queues.flatMap(() => Array.from({ length: BURST }, () => peer.pingFrame(length)));
    await sendAll(
      peer,
      pings.map(({ frame }) => frame),
    );
    await peer.until('answers', () => peer.received.length >= pings.length, { on: [peer.arrived] });
    const answered = new Set(peer.received.splice(0).map(({ frame }) => nonceOf(echoPayload(frame) ?? frame)));
    if (!pings.every(({ payload }) => answered.has(nonceOf(payload))))
      throw new Error('what came is no answer to a ping');
    frames += 2 * pings.length;
  }
  return frames;
}

/** Lays frames into the rings of all queues by turns, and publishes them together. */
async function sendAll(peer: FrontendPeer | BackendPeer, frames: readonly Uint8Array[]): Promise<void> {
  const each = frames.length / peer.queues.length;
  if (peer instanceof FrontendPeer) {
    peer.queues.forEach((queue, n) => {
      for (const frame of frames.slice(n * each, (n + 1) * each)) queue.tx.enqueue(frame);
      queue.pushTx();
    });
    return;
  }
  for (const [n, queue] of peer.queues.entries()) {
    const own = frames.slice(n * each, (n + 1) * each);
    const slots = own.map((frame) => BackendRx.slotsFor(frame)).reduce((sum, count) => sum + count, 0);
    await peer.buffers(slots, queue);
    for (const frame of own) queue.rx.enqueue(frame);
    queue.pushRx();
  }
}
