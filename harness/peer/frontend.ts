import { sameBytes } from '../bytes/bytes.js';
import { BROADCAST_MAC, isGroupMac, MAC_LENGTH } from '../packet/address.js';
import type { ExtraMcast } from '../protocol/extra.js';
import { KEY, RSP } from '../protocol/netif.js';
import { stateName, XENBUS_STATE, type XenbusState } from '../protocol/xenbus.js';
import type { PeerContext } from './context.js';
import type { Link } from './link.js';
import { FrontendControl, type SentMessage } from './frontend-control.js';
import { FrontendQueue, type QueuePacket } from './frontend-queue.js';
import { FrontendTx, type SentSlot, type TxShape } from './frontend-tx.js';
import type { GrantRef } from '../xen/domain.js';
import { demanded, Expired, type WaitOptions } from '../xen/wait.js';
import { WatchedNode } from '../xen/watched-node.js';
import { Directory } from './monitor/directory.js';
import { type Contents, rxFlags } from './monitor/situations.js';
import { OtherDomain } from './other-domain.js';
import { Peer } from './peer.js';
import { STATE_MS } from './xenbus-end.js';
import { backendPath, frontendPath, type VifAddress } from './vif.js';
import { lostEvent } from './violation.js';

/**
 * Default number of rx buffers: enough for a packet of the largest size and a few more. Each buffer is a page that is
 * filled before it is posted.
 */
const RX_BUFFERS = 20;

export interface FrontendOptions {
  readonly queues?: number;
  /** Sizes of the staging pools of each queue, in buffers. Default: no pools. */
  readonly pools?: { readonly tx: number; readonly rx: number };
  /** Whether to provide a control ring. */
  readonly control?: boolean;
  /** Whether to use two event channels per queue. Default: if the backend advertises it. */
  readonly split?: boolean;
  /** Number of buffers posted on each queue before connecting (default: {@link RX_BUFFERS}). */
  readonly rxBuffers?: number;
  /** The id of the n-th rx request of a queue. */
  readonly rxIds?: (n: number) => number;
  /** The value of the pad field of each rx request (default: 0). */
  readonly rxPad?: number;
  /** First ring index, as if that many slots had been used before. */
  readonly start?: number;
  /** Keys to write in addition to those of a plain connection, or instead of them; undefined omits a key. */
  readonly keys?: Readonly<Record<string, string | undefined>>;
}

/** Whether a frame goes to a multicast group; broadcast is not one. */
function isOfGroup(frame: Uint8Array): boolean {
  const destination = frame.subarray(0, MAC_LENGTH);
  return isGroupMac(destination) && !sameBytes(destination, BROADCAST_MAC);
}

/**
 * The frontend end of a vif, which tests a backend. Each step of the handshake is a separate method; {@link connect}
 * runs all of them in the usual order.
 */
export class FrontendPeer extends Peer<FrontendQueue, QueuePacket, TxShape> {
  readonly #backend: OtherDomain;
  #control: FrontendControl | undefined;
  /** The slots of the packet that was sent last. */
  #sent: readonly SentSlot[] = [];
  /** Whether the backend must deliver only the multicast groups that were requested. */
  #filtered = false;

  static async create(context: PeerContext, vif: VifAddress, link: Link): Promise<FrontendPeer> {
    const backend = await WatchedNode.open(context.domain.store, `${backendPath(vif)}/state`);
    return new FrontendPeer(context, vif, backend, link);
  }

  private constructor(context: PeerContext, vif: VifAddress, backend: WatchedNode, link: Link) {
    super(context, backend, frontendPath(vif), backendPath(vif), link, 'backend');
    this.#backend = new OtherDomain(context.domain, vif.backend);
  }

  /** Allocates the rings and event channels and writes all keys of a connection, in one transaction. */
  async publish(options: FrontendOptions = {}): Promise<void> {
    const count = options.queues ?? 1;
    const split = options.split ?? (await this.otherKey(KEY.featureSplitEventChannels)) === '1';
    const otherStyle = split ? [KEY.eventChannel] : [KEY.eventChannelTx, KEY.eventChannelRx];
    const keys: Record<string, string | undefined> = {
      [KEY.requestRxCopy]: '1',
      [KEY.featureRxNotify]: '1',
      [KEY.featureSg]: '1',
    };
    if (count > 1) keys[KEY.multiQueueNumQueues] = String(count);
    for (let n = 0; n < count; n++) {
      const queue = new FrontendQueue(this.#backend, this.context.pump, n, {
        split,
        start: options.start ?? 0,
        onEvent: this.guard,
        onPacket: this.keepReceived,
        onSend: this.traceSent,
        monitor: this.monitor,
      });
      this.queues.push(queue);
      if (options.rxIds) queue.rx.nextId = options.rxIds;
      queue.rx.pad = options.rxPad ?? 0;
      const pools = options.pools ? queue.pools(options.pools) : {};
      queue.post(options.rxBuffers ?? RX_BUFFERS);
      const at = count > 1 ? `queue-${n}/` : '';
      for (const [key, value] of Object.entries({ ...queue.keys(), ...pools })) keys[at + key] = value;
      // Removes the keys of the other layout, which an earlier connection may have written.
      for (const key of otherStyle) keys[at + key] = undefined;
    }
    if (options.control) {
      this.#control = new FrontendControl(
        this.#backend,
        this.context.pump,
        this.guard,
        (sent) => this.replied(sent),
        this.monitor,
        options.start,
      );
      Object.assign(keys, this.#control.keys());
    }
    await this.writeKeys({ ...keys, ...options.keys });
  }

  /** The control ring. Throws if the connection was made without one. */
  get control(): FrontendControl {
    if (!this.#control) throw new Error('the peer has no control ring: connect with one');
    return this.#control;
  }

  override release(): void {
    super.release();
    this.#control?.release();
    this.#control = undefined;
  }

  /**
   * The whole handshake: waits for InitWait, publishes, switches to Connected and waits until the backend is Connected.
   */
  async connect(options: FrontendOptions = {}): Promise<void> {
    await demanded(['XB-02'], this.awaitState([XENBUS_STATE.initWait]));
    await this.publish(options);
    await this.setState(XENBUS_STATE.connected);
    await demanded(['XB-10'], this.awaitState([XENBUS_STATE.connected]));
  }

  /**
   * Closes as a frontend does: switches to Closing, waits for the backend, switches to Closed and releases the rings.
   */
  async disconnect(options: WaitOptions = {}): Promise<void> {
    await this.shut(options);
    this.release();
  }

  /**
   * Switches to Closing and Closed together with the backend, and keeps rings and buffers for inspection. A backend
   * that removes its directory counts as closed.
   */
  async shut(options: WaitOptions = {}, closed: readonly XenbusState[] = [XENBUS_STATE.closed]): Promise<void> {
    await this.setState(XENBUS_STATE.closing);
    await this.awaitEnd([XENBUS_STATE.closing, ...closed], options);
    await this.setState(XENBUS_STATE.closed);
    await this.awaitEnd(closed, options);
  }

  /** Waits until the backend is in one of `states` or has removed its directory. */
  async awaitEnd(states: readonly XenbusState[], options: WaitOptions = {}): Promise<void> {
    const what = `state ${states.map(stateName).join(' or ')} of ${this.otherPath}, nor its removal,`;
    const isThere = this.other.value !== undefined;
    const ended = (): boolean => this.other.value === undefined || states.map(String).includes(this.other.value);
    await this.until(what, ended, { ms: STATE_MS, ...options, on: [this.other.changed] });
    // A directory that was removed before does not show that the backend has followed.
    if (isThere && [undefined, String(XENBUS_STATE.closed)].includes(this.other.value)) {
      this.monitor.see('closed', () => ({ uses: this.monitor.uses(this.refs) }));
    }
  }

  /** Every grant of the connection: rings, buffers, and pages of control messages. */
  get refs(): GrantRef[] {
    return [...this.queues.flatMap(({ tx, rx }) => [...tx.refs, ...rx.refs]), ...(this.#control?.refs ?? [])];
  }

  /** Closes, then connects again on the same vif. */
  async reconnect(options: FrontendOptions = {}): Promise<void> {
    await this.disconnect();
    await this.setState(XENBUS_STATE.initialising);
    await this.awaitState([XENBUS_STATE.initWait]);
    await this.connect(options);
  }

  async send(frame: Uint8Array, shape?: TxShape, queue?: FrontendQueue, options?: WaitOptions): Promise<void> {
    await this.transmit(frame, shape, queue, options);
  }

  /** Sends a frame on `queue` and waits for the response to each of its slots. */
  async transmit(
    frame: Uint8Array,
    shape: TxShape = {},
    queue = this.queue,
    options?: WaitOptions,
  ): Promise<SentSlot[]> {
    const slots = queue.tx.enqueue(frame, shape);
    queue.pushTx();
    this.#sent = slots;
    await this.answered(slots, queue, options);
    return slots;
  }

  /** Also reports that the backend has refused the request, which explains why there is no reply. */
  override async resolve(
    ...args: Parameters<Peer<FrontendQueue, QueuePacket, TxShape>['resolve']>
  ): Promise<QueuePacket> {
    try {
      return await super.resolve(...args);
    } catch (error) {
      const status = this.#sent.map(({ response }) => response?.status ?? RSP.okay).find((each) => each < RSP.okay);
      if (!(error instanceof Expired) || status === undefined) throw error;
      const { what, deadlineMs, lagMs, lateMs, demandedBy } = error;
      const refused = `${what}, to a request to which the backend responded with status ${status},`;
      throw new Expired(refused, deadlineMs, lagMs, lateMs, demandedBy);
    }
  }

  /** Waits until each of `messages` has its response. */
  async replied(messages: readonly SentMessage[]): Promise<void> {
    const done = (): boolean => messages.every(({ response }) => response !== undefined);
    const wait = (): Promise<unknown> =>
      demanded(['CTRL-07'], this.until('response to each control request', done, { on: [this.control.answered] }));
    try {
      await wait();
    } catch (error) {
      if (!(error instanceof Expired) || error.inconclusive || !this.control.holdsResponses) throw error;
      await this.#blameControlEvent(error, wait());
    }
  }

  /** Throws a violation if the event of the responses that the control ring holds does not arrive any more. */
  async #blameControlEvent({ message }: Expired, late: Promise<unknown>): Promise<void> {
    try {
      await late;
    } catch (error) {
      if (!(error instanceof Expired) || error.inconclusive) throw error;
      throw lostEvent(message, 'control ring', ['CTRL-17']);
    }
  }

  /** Requests with a dummy request that the backend adds a group to its multicast list, or removes it. */
  changeGroups(
    type: ExtraMcast['type'],
    address: Uint8Array,
    shape: TxShape = {},
    queue = this.queue,
  ): Promise<SentSlot[]> {
    return this.transmit(this.quietFrame(), { extras: [{ type, flags: 0, address }], ...shape }, queue);
  }

  /** Waits until each of `slots` has its response. */
  async answered(slots: readonly SentSlot[], queue = this.queue, options?: WaitOptions): Promise<void> {
    const done = (): boolean => slots.every(({ response }) => response !== undefined);
    const wait = this.until('response to each tx slot', done, { ...options, on: [queue.tx.answered] });
    await demanded(['RING-09'], wait);
  }

  override async setState(state: XenbusState): Promise<void> {
    // From this state on the backend may read the keys.
    if (state === XENBUS_STATE.initialised || state === XENBUS_STATE.connected) {
      this.agree();
      const asked = this.agreement.receiver.has(KEY.requestMulticastControl);
      this.#filtered = asked && (await this.otherKey(KEY.featureMulticastControl)) === '1';
    }
    await super.setState(state);
  }

  override async writeKeys(keys: Readonly<Record<string, string | undefined>>): Promise<void> {
    // If a test writes request-multicast-control, only that test judges the filter.
    if (KEY.requestMulticastControl in keys) this.#filtered = false;
    await super.writeKeys(keys);
  }

  override async otherKeys(below = ''): Promise<Record<string, string>> {
    const keys = await super.otherKeys(below);
    const ready = this.other.value !== undefined && Number(this.other.value) >= XENBUS_STATE.initWait;
    if (below === '' && ready) this.monitor.see('backendKeys', () => ({ own: new Directory(keys) }));
    return keys;
  }

  protected see(packet: QueuePacket, seen: Contents): void {
    const { frame, slots, extras, extraSlots } = packet;
    const flags = slots.map(({ response }) => rxFlags(response.flags));
    const lengths = slots.map(({ response }) => response.status);
    const unasked = this.#filtered && seen.forwarded && isOfGroup(frame) && !this.monitor.askedFor(frame);
    const delivered = { ...seen, unasked, ...this.agreement, frame, slots, extras, extraSlots, flags, lengths };
    this.monitor.see('packet', () => delivered);
    this.monitor.see('delivered', () => delivered);
  }

  protected reply(frame: Uint8Array, queue: FrontendQueue): void {
    if (queue.tx.ring.free() < FrontendTx.slotsFor(frame)) return;
    queue.tx.enqueue(frame);
    queue.pushTx();
  }
}
