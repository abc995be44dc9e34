import { KEY } from '../protocol/netif.js';
import { parseDecimal, XENBUS_STATE } from '../protocol/xenbus.js';
import { agree, type Answering, BackendControl } from './backend-control.js';
import { BackendQueue, type QueuePacket, queueKeys } from './backend-queue.js';
import { BackendRx, type RxShape } from './backend-rx.js';
import type { DomId } from '../xen/domain.js';
import type { PeerContext } from './context.js';
import type { Link } from './link.js';
import type { WaitOptions } from '../xen/wait.js';
import { WatchedNode } from '../xen/watched-node.js';
import { Peer } from './peer.js';
import { backendPath, frontendPath, type VifAddress } from './vif.js';
import { Violation } from './violation.js';

/** What a plain backend peer advertises; a vif may be made with others. */
export const BACKEND_KEYS: Readonly<Record<string, string>> = {
  [KEY.featureRxCopy]: '1',
  [KEY.featureSg]: '1',
  [KEY.featureSplitEventChannels]: '1',
};

/** More queues than any driver has; bounds what a hostile frontend can make the peer map. */
const MAX_QUEUES = 64;

/**
 * The backend end of a vif, played to test a frontend. Each step of the handshake is a call of its own;
 * {@link connect} is all of them in the usual order.
 */
export class BackendPeer extends Peer<BackendQueue, QueuePacket, RxShape> {
  /** What control requests are answered. */
  answer: Answering = agree;
  /** What the frontend's directory held when its rings were mapped. */
  published: Readonly<Record<string, string>> = {};
  #control: BackendControl | undefined;
  #rxNotify = false;

  static async create(context: PeerContext, vif: VifAddress, link: Link): Promise<BackendPeer> {
    const frontend = await WatchedNode.open(context.domain.store, `${frontendPath(vif)}/state`);
    return new BackendPeer(context, vif, frontend, link);
  }

  private constructor(
    context: PeerContext,
    private readonly vif: VifAddress,
    frontend: WatchedNode,
    link: Link,
  ) {
    super(context, frontend, backendPath(vif), frontendPath(vif), link);
  }

  /** The domain of the frontend, whose grants the packets name. */
  get iutDomain(): DomId {
    return this.vif.frontend;
  }

  /** Reads the frontend's keys, maps its rings and binds its event channels. */
  async mapRings(): Promise<void> {
    const top = await this.otherKeys();
    this.published = top;
    this.#rxNotify = (top[KEY.featureRxNotify] ?? '0') !== '0';
    const count = parseDecimal(top[KEY.multiQueueNumQueues] ?? '1', { min: 1, max: MAX_QUEUES });
    if (!count.ok) throw new Violation(['MQ-03'], `${KEY.multiQueueNumQueues}: ${count.reason}`);
    for (let n = 0; n < count.value; n++) {
      const where = count.value > 1 ? `queue-${n}` : '';
      const keys = queueKeys(where ? await this.otherKeys(where) : top, where || 'frontend');
      this.queues.push(
        BackendQueue.open(this.context.domain, this.context.pump, this.vif.frontend, n, keys, {
          rxNotify: this.#rxNotify,
          onEvent: this.guard,
          onPacket: this.keep,
          onSend: this.told,
        }),
      );
    }
    const { domain, pump } = this.context;
    const answer: Answering = (request) => this.answer(request);
    this.#control = BackendControl.open(domain, pump, this.vif.frontend, top, answer, this.guard);
  }

  /** The control ring, if the frontend provided one. */
  get control(): BackendControl | undefined {
    return this.#control;
  }

  override release(): void {
    super.release();
    this.#control?.release();
    this.#control = undefined;
  }

  /**
   * The whole handshake: goes to InitWait, waits for the frontend, maps its rings and goes to Connected. A frontend
   * that doesn't wait for InitWait, or stops at Initialised, is as welcome as one that does.
   */
  async connect(): Promise<void> {
    await this.setState(XENBUS_STATE.initWait);
    await this.awaitState([XENBUS_STATE.initialised, XENBUS_STATE.connected]);
    await this.mapRings();
    await this.setState(XENBUS_STATE.connected);
    await this.awaitState([XENBUS_STATE.connected]);
  }

  /** Closes as a backend does when its device goes away: Closing, then Closed once the frontend is. */
  async disconnect(options: WaitOptions = {}): Promise<void> {
    await this.shut(options);
    this.release();
    await this.setState(XENBUS_STATE.closed);
  }

  /**
   * Goes to Closing and waits until the frontend is Closed; what it wrote and sent while it was connected is kept, and
   * complete now.
   */
  async shut(options: WaitOptions = {}): Promise<void> {
    await this.setState(XENBUS_STATE.closing);
    await this.awaitState([XENBUS_STATE.closed], options);
  }

  send(frame: Uint8Array, shape?: RxShape, queue?: BackendQueue, options?: WaitOptions): Promise<void> {
    return this.deliver(frame, shape, queue, options);
  }

  /** Waits for enough posted buffers, fills them with a frame and publishes it. */
  async deliver(frame: Uint8Array, shape: RxShape = {}, queue = this.queue, options?: WaitOptions): Promise<void> {
    const slots = BackendRx.slotsFor(frame, shape);
    // Several may wait for the same buffers: to each that comes too late they are gone again.
    do await this.buffers(slots, queue, options);
    while (queue.rx.buffers.length < slots);
    queue.rx.enqueue(frame, shape);
    queue.pushRx();
  }

  /** Waits until the frontend has at least `count` buffers posted. */
  async buffers(count: number, queue = this.queue, options?: WaitOptions): Promise<void> {
    await this.until(
      `${count} posted rx buffers`,
      () => {
        // A frontend that doesn't claim to notify of buffers has to be looked after (netif.h, "feature-rx-notify").
        if (!this.#rxNotify) this.guard(() => queue.rx.service());
        return queue.rx.buffers.length >= count;
      },
      { ...options, on: [queue.posted] },
    );
  }

  protected reply(frame: Uint8Array, queue: BackendQueue): void {
    if (queue.rx.buffers.length < BackendRx.slotsFor(frame)) return;
    queue.rx.enqueue(frame);
    queue.pushRx();
  }
}
