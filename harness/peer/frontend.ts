import type { ExtraMcast } from '../protocol/extra.js';
import { KEY } from '../protocol/netif.js';
import { XENBUS_STATE } from '../protocol/xenbus.js';
import type { PeerContext } from './context.js';
import type { Link } from './link.js';
import { FrontendControl, type SentMessage } from './frontend-control.js';
import { FrontendQueue, type QueuePacket } from './frontend-queue.js';
import { FrontendTx, type SentSlot, type TxShape } from './frontend-tx.js';
import type { WaitOptions } from '../xen/wait.js';
import { WatchedNode } from '../xen/watched-node.js';
import { Peer } from './peer.js';
import { backendPath, frontendPath, type VifAddress } from './vif.js';

/** Enough for a largest packet and some; each costs a page that is filled before. */
const RX_BUFFERS = 20;

export interface FrontendOptions {
  readonly queues?: number;
  /** Staging pools of each queue, of so many buffers. */
  readonly pools?: { readonly tx: number; readonly rx: number };
  /** Whether there's a control ring. */
  readonly control?: boolean;
  /** Two event channels a queue; by default if the backend offers it. */
  readonly split?: boolean;
  /** Buffers posted on each queue before connecting; {@link RX_BUFFERS} unless told. */
  readonly rxBuffers?: number;
  /** The id of the n-th rx request of a queue. */
  readonly rxIds?: (n: number) => number;
  /** What the pad of each rx request holds; 0 unless told. */
  readonly rxPad?: number;
  /** Ring index to start at, as if so many slots had gone before. */
  readonly start?: number;
  /** Keys written besides those of a plain connection, or in their place; undefined leaves one out. */
  readonly keys?: Readonly<Record<string, string | undefined>>;
}

/**
 * The frontend end of a vif, played to test a backend. Each step of the handshake is a call of its own;
 * {@link connect} is all of them in the usual order.
 */
export class FrontendPeer extends Peer<FrontendQueue, QueuePacket, TxShape> {
  #control: FrontendControl | undefined;

  static async create(context: PeerContext, vif: VifAddress, link: Link): Promise<FrontendPeer> {
    const backend = await WatchedNode.open(context.domain.store, `${backendPath(vif)}/state`);
    return new FrontendPeer(context, vif, backend, link);
  }

  private constructor(
    context: PeerContext,
    private readonly vif: VifAddress,
    backend: WatchedNode,
    link: Link,
  ) {
    super(context, backend, frontendPath(vif), backendPath(vif), link);
  }

  /** Allocates the rings and event channels and writes every key of a connection, in one transaction. */
  async publish(options: FrontendOptions = {}): Promise<void> {
    const count = options.queues ?? 1;
    const split = options.split ?? (await this.otherKey(KEY.featureSplitEventChannels)) === '1';
    const keys: Record<string, string | undefined> = {
      [KEY.requestRxCopy]: '1',
      [KEY.featureRxNotify]: '1',
      [KEY.featureSg]: '1',
    };
    if (count > 1) keys[KEY.multiQueueNumQueues] = String(count);
    for (let n = 0; n < count; n++) {
      const queue = new FrontendQueue(this.context.domain, this.context.pump, this.vif.backend, n, {
        split,
        start: options.start ?? 0,
        onEvent: this.guard,
        onPacket: this.keep,
        onSend: this.told,
      });
      this.queues.push(queue);
      if (options.rxIds) queue.rx.nextId = options.rxIds;
      queue.rx.pad = options.rxPad ?? 0;
      const pools = options.pools ? queue.pools(options.pools) : {};
      queue.post(options.rxBuffers ?? RX_BUFFERS);
      for (const [key, value] of Object.entries({ ...queue.keys(), ...pools }))
        keys[count > 1 ? `queue-${n}/${key}` : key] = value;
    }
    if (options.control) {
      const { domain, pump } = this.context;
      this.#control = new FrontendControl(domain, pump, this.vif.backend, this.guard, (sent) => this.replied(sent));
      Object.assign(keys, this.#control.keys());
    }
    await this.writeKeys({ ...keys, ...options.keys });
  }

  /** The control ring, of a connection that was made with one. */
  get control(): FrontendControl {
    if (!this.#control) throw new Error('the peer has no control ring: connect with one');
    return this.#control;
  }

  override release(): void {
    super.release();
    this.#control?.release();
    this.#control = undefined;
  }

  /** The whole handshake: waits for InitWait, publishes, goes to Connected and waits for the backend to follow. */
  async connect(options: FrontendOptions = {}): Promise<void> {
    await this.awaitState([XENBUS_STATE.initWait]);
    await this.publish(options);
    await this.setState(XENBUS_STATE.connected);
    await this.awaitState([XENBUS_STATE.connected]);
  }

  /** Closes as a frontend does: Closing, Closed once the backend follows, then the rings are given up. */
  async disconnect(options: WaitOptions = {}): Promise<void> {
    await this.shut(options);
    this.release();
  }

  /** Goes to Closing and Closed, with the backend, and keeps rings and buffers to look at. */
  async shut(options: WaitOptions = {}): Promise<void> {
    await this.setState(XENBUS_STATE.closing);
    await this.awaitState([XENBUS_STATE.closing, XENBUS_STATE.closed], options);
    await this.setState(XENBUS_STATE.closed);
    await this.awaitState([XENBUS_STATE.closed], options);
  }

  /** Closes, starts again and connects once more, on the same vif. */
  async reconnect(options: FrontendOptions = {}): Promise<void> {
    await this.disconnect();
    await this.setState(XENBUS_STATE.initialising);
    await this.awaitState([XENBUS_STATE.initWait]);
    await this.connect(options);
  }

  async send(frame: Uint8Array, shape?: TxShape, queue?: FrontendQueue, options?: WaitOptions): Promise<void> {
    await this.transmit(frame, shape, queue, options);
  }

  /** Sends a frame on `queue` and waits for the response of each of its slots. */
  async transmit(
    frame: Uint8Array,
    shape: TxShape = {},
    queue = this.queue,
    options?: WaitOptions,
  ): Promise<SentSlot[]> {
    const slots = queue.tx.enqueue(frame, shape);
    queue.pushTx();
    await this.answered(slots, queue, options);
    return slots;
  }

  /** Waits until each of `messages` has its response. */
  async replied(messages: readonly SentMessage[]): Promise<void> {
    await this.until('response to each control request', () => messages.every(({ response }) => response), {
      on: [this.control.answered],
    });
  }

  /** Asks the backend to add a group to the list of those that it sends, or to take it out, by a dummy request. */
  changeGroups(
    type: ExtraMcast['type'],
    address: Uint8Array,
    shape: TxShape = {},
    queue = this.queue,
  ): Promise<SentSlot[]> {
    return this.transmit(this.quietFrame(), { extras: [{ type, flags: 0, address }], ...shape }, queue);
  }

  /** Waits until every one of `slots` has its response. */
  async answered(slots: readonly SentSlot[], queue = this.queue, options?: WaitOptions): Promise<void> {
    await this.until('response to each tx slot', () => slots.every((slot) => slot.response !== undefined), {
      ...options,
      on: [queue.tx.answered],
    });
  }

  protected reply(frame: Uint8Array, queue: FrontendQueue): void {
    if (queue.tx.ring.free() < FrontendTx.slotsFor(frame)) return;
    queue.tx.enqueue(frame);
    queue.pushTx();
  }
}
