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

/** Number of queues: more than any suite uses. */
export const MOST_QUEUES = 16;
const HANDLE = 20;
/** Pings in flight at a time: fewer than the rx buffers that a peer posts. */
const BURST = 16;

const BACKEND = {
  maxQueues: () => MOST_QUEUES,
  features: () => ({ ...BACKEND_STEPS.features(), [KEY.multiQueueMaxQueues]: String(MOST_QUEUES) }),
};

/** A simulated Xen with a driver. */
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

  /** @param role the role of the driver */
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

  /** Connects a new vif and returns its peer. */
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

/** Pings over every queue, many at a time, until at least `count` replies arrived; returns the number of frames. */
export async function pingAll(peer: FrontendPeer | BackendPeer, count: number, length = 64): Promise<number> {
  let frames = 0;
  while (frames < 2 * count) {
    const pings = peer.queues.flatMap(() => Array.from({ length: BURST }, () => peer.pingFrame(length)));
    await sendAll(
      peer,
      pings.map(({ frame }) => frame),
    );
    await peer.until('replies to all pings', () => peer.received.length >= pings.length, { on: [peer.arrived] });
    const answered = new Set(peer.received.splice(0).map(({ frame }) => nonceOf(echoPayload(frame) ?? frame)));
    if (!pings.every(({ payload }) => answered.has(nonceOf(payload))))
      throw new Error('the received frame is not a reply to a ping');
    frames += 2 * pings.length;
  }
  return frames;
}

/** Puts frames into the rings of all queues in turn, and publishes them together. */
async function sendAll(peer: FrontendPeer | BackendPeer, frames: readonly Uint8Array[]): Promise<void> {
  const perQueue = frames.length / peer.queues.length;
  if (peer instanceof FrontendPeer) {
    peer.queues.forEach((queue, n) => {
      for (const frame of frames.slice(n * perQueue, (n + 1) * perQueue)) queue.tx.enqueue(frame);
      queue.pushTx();
    });
    return;
  }
  for (const [n, queue] of peer.queues.entries()) {
    const own = frames.slice(n * perQueue, (n + 1) * perQueue);
    const slots = own.map((frame) => BackendRx.slotsFor(frame)).reduce((sum, count) => sum + count, 0);
    await peer.buffers(slots, queue);
    for (const frame of own) queue.rx.enqueue(frame);
    queue.pushRx();
  }
}
