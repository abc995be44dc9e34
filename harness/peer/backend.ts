import { KEY } from '../protocol/netif.js';
import { parseDecimal, parseXenbusState, XENBUS_STATE } from '../protocol/xenbus.js';
import { agree, type Answering, BackendControl } from './backend-control.js';
import { BackendQueue, type QueuePacket, queueKeys } from './backend-queue.js';
import { BackendRx, type RxShape } from './backend-rx.js';
import type { DomId } from '../xen/domain.js';
import type { PeerContext } from './context.js';
import type { Link } from './link.js';
import { OtherDomain } from './other-domain.js';
import { demanded, Signal, type WaitOptions } from '../xen/wait.js';
import { WatchedNode } from '../xen/watched-node.js';
import { Directory } from './monitor/directory.js';
import { type Contents, txFlags } from './monitor/situations.js';
import { Peer } from './peer.js';
import { backendPath, frontendPath, type VifAddress } from './vif.js';
import { Violation } from './violation.js';

/** The keys that a plain backend peer advertises; a vif may be created with others. */
export const BACKEND_KEYS: Readonly<Record<string, string>> = {
  [KEY.featureRxCopy]: '1',
  [KEY.featureSg]: '1',
  [KEY.featureSplitEventChannels]: '1',
};

/** More queues than any driver has; limits the pages that a hostile frontend can make the peer map. */
const MAX_QUEUES = 64;

const CONTROL_KEYS = [KEY.ctrlRingRef, KEY.eventChannelCtrl];
/** Keys that a frontend must write before it is Connected, but not before it is Initialised. */
const LATE_KEYS: readonly string[] = [...CONTROL_KEYS, KEY.requestMulticastControl, KEY.requestRxCopy];

/**
 * The backend end of a vif, which tests a frontend. Each step of the handshake is a separate method; {@link connect}
 * runs all of them in the usual order.
 */
export class BackendPeer extends Peer<BackendQueue, QueuePacket, RxShape> {
  /** Chooses the response to each control request. */
  answer: Answering = agree;
  /**
   * The keys of the frontend's directory at the time its rings were mapped, and after {@link connect} those that it
   * added before it was Connected.
   */
  published: Readonly<Record<string, string>> = {};
  /** Whether {@link published} has the keys that are due before the frontend is Connected, too. */
  #hasAllKeys = false;
  readonly #frontend: OtherDomain;
  #control: BackendControl | undefined;
  #rxNotify = false;
  #connections = 0;

  static async create(context: PeerContext, vif: VifAddress, link: Link): Promise<BackendPeer> {
    const frontend = await WatchedNode.open(context.domain.store, `${frontendPath(vif)}/state`);
    return new BackendPeer(context, vif, frontend, link);
  }

  private constructor(context: PeerContext, vif: VifAddress, frontend: WatchedNode, link: Link) {
    super(context, frontend, backendPath(vif), frontendPath(vif), link, 'frontend');
    this.#frontend = new OtherDomain(context.domain, vif.frontend);
  }

  /** The domain of the frontend, which granted the pages of its packets. */
  get iutDomain(): DomId {
    return this.#frontend.id;
  }

  /** Reads the frontend's keys, maps its rings and binds its event channels. */
  async mapRings(): Promise<void> {
    await this.#readKeys();
    this.#showKeys();
    await this.#mapQueues();
    this.#openControl();
  }

  async #readKeys(): Promise<void> {
    this.#hasAllKeys = false;
    this.published = await this.otherKeys();
    this.agree();
    this.#connections++;
  }

  get #isFirst(): boolean {
    return this.#connections === 1;
  }

  /** Lets the monitor check the frontend's keys. */
  #showKeys(): void {
    const own = new Directory(this.published);
    const state = { first: this.#isFirst, complete: this.#hasAllKeys };
    this.monitor.see('frontendKeys', () => ({ own, backend: this.agreement.receiver, ...state }));
  }

  async #mapQueues(): Promise<void> {
    const top = this.published;
    const first = this.#isFirst;
    const { pump } = this.context;
    this.#rxNotify = (top[KEY.featureRxNotify] ?? '0') !== '0';
    // After the first connection a frontend may leave an old number behind, which means nothing without the offer.
    const counts = first || this.agreement.receiver.get(KEY.multiQueueMaxQueues) !== undefined;
    const asked = counts ? top[KEY.multiQueueNumQueues] : undefined;
    const count = parseDecimal(asked ?? '1', { min: 1, max: MAX_QUEUES });
    if (!count.ok) throw new Violation(['MQ-03'], `${KEY.multiQueueNumQueues}: ${count.reason}`);
    // For the same reason, channels of an earlier connection are ignored.
    const isSplit = first || this.agreement.receiver.has(KEY.featureSplitEventChannels);
    for (let n = 0; n < count.value; n++) {
      const where = count.value > 1 ? `queue-${n}` : '';
      const keys = queueKeys(where ? await this.otherKeys(where) : top, where || 'frontend', isSplit);
      const queue = BackendQueue.open(this.#frontend, pump, n, keys, {
        rxNotify: this.#rxNotify,
        onEvent: this.guard,
        onPacket: this.keepReceived,
        onSend: this.traceSent,
        monitor: this.monitor,
      });
      this.queues.push(queue);
      for (const { ring } of [queue.tx, queue.rx]) this.monitor.see('mapped', () => ring.initialised());
    }
  }

  /** Opens the control ring, if the frontend provides one and the peer has not opened it yet. */
  #openControl(): void {
    // Keys of an earlier connection mean nothing to a backend that does not offer a control ring any more.
    if (this.#control || !this.agreement.receiver.has(KEY.featureCtrlRing)) return;
    const control = BackendControl.open(this.published, {
      frontend: this.#frontend,
      pump: this.context.pump,
      answer: (request) => this.answer(request),
      onEvent: this.guard,
      monitor: this.monitor,
      queues: this.queues.length,
    });
    this.#control = control;
    if (control) this.monitor.see('mapped', () => control.published);
  }

  /** The control ring; undefined if the frontend provides none. */
  get control(): BackendControl | undefined {
    return this.#control;
  }

  override release(): void {
    super.release();
    this.#control?.release();
    this.#control = undefined;
  }

  /**
   * The whole handshake: switches to InitWait, waits for the frontend, maps its rings and switches to Connected. It
   * also accepts a frontend that does not wait for InitWait, and one that stops in Initialised. Some keys are due
   * before the frontend is Connected only (netif.h, "Control ring" and "feature-multicast-control").
   */
  async connect(): Promise<void> {
    await this.setState(XENBUS_STATE.initWait);
    await demanded(['XB-08'], this.awaitState([XENBUS_STATE.initialised, XENBUS_STATE.connected]));
    await this.#readKeys();
    try {
      await this.#mapQueues();
      if (CONTROL_KEYS.every((key) => this.published[key] !== undefined)) this.#openControl();
      this.published = { ...this.published, ...(await this.#keysUntilConnected()) };
      this.#hasAllKeys = true;
    } finally {
      this.#showKeys();
    }
    this.#openControl();
  }

  /** Switches to Connected. Returns the keys that the frontend writes before it is Connected, too. */
  async #keysUntilConnected(): Promise<Record<string, string>> {
    const changed: string[] = [];
    const arrived = new Signal();
    const watch = await this.context.domain.store.watch(this.otherPath, (path) => {
      changed.push(path.slice(this.otherPath.length + 1));
      arrived.fire();
    });
    try {
      const before = parseXenbusState(await this.otherKey('state'));
      await this.setState(XENBUS_STATE.connected);
      await demanded(['XB-08'], this.awaitState([XENBUS_STATE.connected]));
      if (before.ok && before.value === XENBUS_STATE.connected) return {};
      await this.until('event of the state', () => changed.includes('state'), { on: [arrived] });
      // xenstore reports changes in the order in which they were made.
      const early = new Set(changed.slice(0, changed.lastIndexOf('state')));
      const keys = [...early].filter((key) => LATE_KEYS.includes(key));
      const values = await Promise.all(keys.map(async (key) => [key, await this.otherKey(key)] as const));
      return Object.fromEntries(values.filter((entry): entry is [string, string] => entry[1] !== undefined));
    } finally {
      await watch.close();
    }
  }

  /**
   * Closes as a backend does when its device is removed: switches to Closing, waits until the frontend is Closed,
   * switches to Closed.
   */
  async disconnect(options: WaitOptions = {}): Promise<void> {
    await this.shut(options);
    this.release();
    await this.setState(XENBUS_STATE.closed);
  }

  /**
   * Switches to Closing and waits until the frontend is Closed. What the frontend wrote and sent on the connection is
   * kept, and is complete now.
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
    // Several callers may wait for the same buffers; a caller that finds them used waits again.
    do await this.buffers(slots, queue, options);
    while (queue.rx.buffers.length < slots);
    queue.rx.enqueue(frame, shape);
    queue.pushRx();
  }

  /** Waits until the frontend has posted at least `count` buffers. */
  async buffers(count: number, queue = this.queue, options?: WaitOptions): Promise<void> {
    const { rx } = queue;
    const { enough } = rx;
    // Until there are as many, it requests an event for each.
    rx.enough = Math.max(enough, count);
    try {
      await this.#awaitBuffers(count, queue, options);
    } finally {
      rx.enough = enough;
    }
  }

  async #awaitBuffers(count: number, queue: BackendQueue, options?: WaitOptions): Promise<void> {
    if (queue.rx.enough < Infinity) this.guard(() => queue.rx.service());
    const posted = (): boolean => {
      // A frontend without feature-rx-notify sends no event for buffers, so the ring is polled (netif.h,
      // "feature-rx-notify"). So is the ring of a queue that ignores events.
      if (!this.#rxNotify || queue.deaf) this.guard(() => queue.rx.service());
      return queue.rx.buffers.length >= count;
    };
    const wait = this.until(`${count} posted rx buffers`, posted, { ...options, on: [queue.posted] });
    // No header says how many a frontend keeps posted.
    await demanded(count === 1 ? ['RXW-17'] : [], wait);
  }

  protected see(packet: QueuePacket, seen: Contents): void {
    const { frame, requests, extras, taken, updates } = packet;
    if (extras.some(({ type }) => type === 'mcast-add' || type === 'mcast-del')) {
      return this.monitor.see('listRequest', () => ({ ...this.agreement, extras }));
    }
    const flags = requests.map((request) => txFlags(request.flags));
    const rest = requests.slice(1).map(({ size }) => size);
    const lengths = [frame.length - rest.reduce((sum, size) => sum + size, 0), ...rest];
    const transmitted = { ...seen, ...this.agreement, frame, requests, extras, taken, updates, flags, lengths };
    this.monitor.see('packet', () => transmitted);
    this.monitor.see('transmitted', () => transmitted);
  }

  protected reply(frame: Uint8Array, queue: BackendQueue): void {
    // In the middle of a packet of the test, the reply would become a part of it.
    if (queue.rx.isOpen) return;
    if (queue.rx.buffers.length < BackendRx.slotsFor(frame)) return;
    queue.rx.enqueue(frame);
    queue.pushRx();
  }
}
