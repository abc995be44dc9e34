import { formatIpv4 } from '../packet/address.js';
import {
  arpRequest,
  echoPayload,
  isArpReplyFrom,
  isEchoReply,
  isRst,
  linkLocal,
  noncePayload,
  ping4,
  tcpSyn,
} from '../packet/build.js';
import type { Checksum } from '../packet/checksum.js';
import { sameBytes } from '../bytes/bytes.js';
import { encodeEthernet, ETHERNET_HEADER, LOCAL_EXPERIMENT, USUAL_MTU } from '../packet/ethernet.js';
import { Stack } from '../packet/stack.js';
import { Expired, Patience, Signal, type WaitOptions } from '../xen/wait.js';
import type { Half } from './channel-counts.js';
import type { PeerContext, Reflector } from './context.js';
import { CLOSING, XenbusEnd } from './xenbus-end.js';
import type { Link } from './link.js';
import type { WatchedNode } from '../xen/watched-node.js';
import { StackBoundary } from './stack-boundary.js';
import { Directory } from './monitor/directory.js';
import { contentOf } from './monitor/situations.js';
import type { SentPacket } from './monitor/sent-lately.js';
import { type Agreement, VifMonitor } from './monitor/vif-monitor.js';
import { lostEvent, Violation } from './violation.js';

/** Number of received packets that are kept for a test to match; the limit protects against a hostile driver. */
const KEPT_PACKETS = 2048;

interface Queue {
  readonly index: number;
  readonly tx: Half;
  readonly rx: Half;
  /** The ring that holds messages without an event; undefined if neither does. */
  ringWithoutEvent(): 'tx' | 'rx' | undefined;
  /** Whether an event is due that has not come. */
  overdue(): boolean;
  /** Lets the monitor check the rings, which are idle; `missing` if an event of the vif did not arrive in time. */
  rest(missing: boolean): void;
  release(): void;
}

interface Packet<Q> {
  readonly frame: Uint8Array;
  readonly queue: Q;
}

/** Bytes of a ping's frame in addition to its payload: Ethernet, IPv4 and ICMP headers. */
export const PING_HEADERS = ETHERNET_HEADER + 20 + 8;
/** The ICMP identifier of netifspec's pings. With the sequence number it distinguishes them from pings of the guest. */
const PING_ID = 0x6e73;
/**
 * Number of attempts before a reply counts as missing. A stack may lose a frame or limit its rate of replies; no header
 * forbids either.
 */
const TRIES = 3;
/** The discard service, which no test guest runs. */
const CLOSED_PORT = 9;

/** How a request is sent, and how long its reply may take. */
interface AskOptions<Q, S> {
  readonly shape?: S;
  readonly queue?: Q;
  readonly ms?: number;
  /** Number of attempts (default: 3). */
  readonly tries?: number;
}

interface Question {
  readonly frame: Uint8Array;
  readonly isAnswer: (frame: Uint8Array) => boolean;
  /** The name of the expected reply in messages. */
  readonly what: string;
}

export interface PingOptions<Q, S> extends AskOptions<Q, S> {
  /** Bytes of the payload (default: 64). */
  readonly length?: number;
}

export interface SynOptions<S> extends Omit<AskOptions<never, S>, 'queue'> {
  /** The TCP checksum (default: complete). */
  readonly checksum?: Checksum;
  /** Whether to use IPv6 (default: IPv4). */
  readonly ipv6?: boolean;
}

/**
 * The common part of both peers: queues, received packets, and requests to the network stack of the driver under test.
 *
 * @template S how a frame is written to slots
 */
export abstract class Peer<Q extends Queue, P extends Packet<Q>, S> extends XenbusEnd {
  readonly queues: Q[] = [];
  /** Packets that were received and that no test has consumed yet. */
  readonly received: P[] = [];
  readonly arrived = new Signal();
  /** Which queue {@link queue} returns: 0 for the first one, -1 for the last. */
  main = 0;
  /** Checks the driver under test on this vif. */
  readonly monitor: VifMonitor;
  /** What is seen of the stack behind the driver under test. */
  readonly boundary: StackBoundary;
  /** The keys that bind the driver under test on the current connection. */
  protected agreement: Agreement = { receiver: new Directory({}), mtu: USUAL_MTU };
  #mtu = USUAL_MTU;
  readonly #neighbours: Stack;
  #pings = 0;

  /** @param role the role of the driver under test */
  protected constructor(
    context: PeerContext,
    other: WatchedNode,
    path: string,
    otherPath: string,
    readonly link: Link,
    role: 'frontend' | 'backend',
  ) {
    super(context, other, path, otherPath);
    this.#neighbours = new Stack(link.peer);
    this.monitor = new VifMonitor(context.monitor, context.domain);
    this.boundary = new StackBoundary(role, link, this.monitor);
  }

  /**
   * Records the keys that the toolstack wrote to the two directories.
   *
   * @param own keys of the peer's directory
   * @param frontend keys of the frontend's directory, which may include mtu
   */
  setToolstackKeys(own: Readonly<Record<string, string>>, frontend: Readonly<Record<string, string>>): void {
    Object.assign(this.own, own);
    const { mtu } = frontend;
    // The frontend may ignore the key (netif.h, "MTU"), so a smaller value binds neither end.
    if (mtu !== undefined) this.#mtu = Math.max(USUAL_MTU, Number(mtu));
  }

  /** Sends one frame on a queue, and completes the peer's part of the ring protocol for it. */
  abstract send(frame: Uint8Array, shape?: S, queue?: Q, options?: WaitOptions): Promise<void>;

  /** Sends the peer's reply to an ARP request or neighbour solicitation; drops it if the ring is full. */
  protected abstract reply(frame: Uint8Array, queue: Q): void;

  /** The queue that is used where none is named. */
  get queue(): Q {
    const queue = this.queues.at(this.main);
    if (!queue) throw new Error('the peer has no queue yet: connect first');
    return queue;
  }

  /**
   * Waits for a packet that `match` accepts and removes it from {@link received}. Calls `match` once for each packet.
   */
  async receive(what: string, match: (packet: P) => boolean, options: WaitOptions = {}): Promise<P> {
    const seen = new Set<P>();
    const isIt = (packet: P): boolean => {
      if (seen.has(packet)) return false;
      seen.add(packet);
      return match(packet);
    };
    return this.until(
      what,
      () => {
        const found = this.received.findIndex(isIt);
        return found < 0 ? undefined : this.received.splice(found, 1)[0];
      },
      { ...options, on: [this.arrived] },
    );
  }

  /** Sends an ARP request for the address of the driver under test, and stores the MAC from the reply. */
  async arp(options: AskOptions<Q, S> = {}): Promise<P> {
    const packet = await this.resolve(options);
    this.context.onAnswer?.('arp');
    return packet;
  }

  /** Like {@link arp}, for tests that do not check the reply. */
  async resolve(options: AskOptions<Q, S> = {}): Promise<P> {
    const { ipv4 } = this.link.iut;
    const { packet } = await this.#ask(options, () => ({
      frame: arpRequest(this.link.peer, ipv4),
      isAnswer: (frame) => isArpReplyFrom(frame, ipv4),
      what: `ARP reply from ${formatIpv4(ipv4)}`,
    }));
    const mac = packet.frame.slice(6, 12);
    this.link.iut = { ...this.link.iut, mac, ipv6: linkLocal(mac) };
    return packet;
  }

  /**
   * Sends a gratuitous ARP request (RFC 5227, 3), as a host does that joins a link: a bridge need not forward frames to
   * an address from which it has seen no frame. A driver that does not accept the frame is left to the tests.
   */
  async announce(): Promise<void> {
    if (this.queues.length === 0) return;
    try {
      await this.send(arpRequest(this.link.peer, this.link.peer.ipv4));
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
    }
  }

  /**
   * A frame that gets no reply: its EtherType is one that IEEE 802 reserves for local experiments. For tests of the
   * ring alone, which a flood of replies would disturb.
   */
  quietFrame(length = 64): Uint8Array {
    return this.frameTo(this.link.iut.mac, new Uint8Array(length - ETHERNET_HEADER));
  }

  /** A frame like {@link quietFrame} to any address; its default payload is a nonce. */
  frameTo(destination: Uint8Array, payload = noncePayload(++this.#pings, 50)): Uint8Array {
    return encodeEthernet({ destination, source: this.link.peer.mac, etherType: LOCAL_EXPERIMENT, payload });
  }

  /** A ping to the driver under test, and the predicate that recognises its reply. */
  pingFrame(length = 64): {
    frame: Uint8Array;
    seq: number;
    payload: Uint8Array;
    isReply: (frame: Uint8Array) => boolean;
  } {
    const seq = ++this.#pings & 0xffff;
    const payload = noncePayload(this.#pings, length);
    const frame = ping4(this.link.peer, this.link.iut, { id: PING_ID, seq, payload });
    const isReply = (reply: Uint8Array): boolean => this.#answers('icmp', isEchoReply(reply, { id: PING_ID, seq }));
    return { frame, seq, payload, isReply };
  }

  /** A SYN to a closed port, and the predicate that recognises the reset. */
  synFrame(
    checksum: Checksum = 'complete',
    ipv6 = false,
  ): { frame: Uint8Array; isReset: (frame: Uint8Array) => boolean } {
    const n = ++this.#pings;
    const syn = { sport: 0xc000 + (n & 0x3fff), dport: CLOSED_PORT, seq: n };
    const frame = tcpSyn(this.link.peer, this.link.iut, { ...syn, checksum, ipv6 });
    return { frame, isReset: (answer) => this.#answers('tcp', isRst(answer, syn)) };
  }

  #answers(reflector: Reflector, isAnswer: boolean): boolean {
    if (isAnswer) this.context.onAnswer?.(reflector);
    return isAnswer;
  }

  /** Sends a SYN to a closed port. Returns the packet of the reset. */
  async syn({ checksum = 'complete', ipv6 = false, ...options }: SynOptions<S> = {}): Promise<P> {
    const { packet } = await this.#ask(options, () => {
      const { frame, isReset } = this.synFrame(checksum, ipv6);
      return { frame, isAnswer: isReset, what: `reset for a SYN with a ${checksum} checksum` };
    });
    return packet;
  }

  /**
   * Pings the driver under test. Returns the packet of the reply, whose payload must be unchanged.
   *
   * @throws Violation if bytes of the payload changed
   */
  async ping(options: PingOptions<Q, S> = {}): Promise<P> {
    const { packet, question } = await this.#ask(options, () => {
      const ping = this.pingFrame(options.length);
      const what = `reply to ping ${ping.seq} of ${ping.frame.length} bytes`;
      return { ...ping, isAnswer: ping.isReply, what };
    });
    const echoed = echoPayload(packet.frame);
    if (!echoed || !sameBytes(echoed, question.payload)) {
      const { seq, frame } = question;
      throw new Violation(
        [],
        `the reply to ping ${seq} does not carry the payload of the ping (${frame.length} bytes)`,
      );
    }
    return packet;
  }

  /**
   * Lets the monitor check an idle vif. Waits briefly first if the driver has published a message whose event is still
   * missing. Leaves a vif alone that is closing: its ends may release their rings.
   */
  async rest(): Promise<void> {
    const state = this.other.history.at(-1);
    if (this.isClosing || state === undefined || CLOSING.includes(state)) return;
    const events = await this.#lateEvents((queue) => queue.overdue());
    if (events !== 'unknown') for (const queue of this.queues) queue.rest(events.includes(queue));
  }

  /** Fixes the current keys of the peer's directory as those that bind the driver on the new connection. */
  protected agree(): void {
    this.agreement = { receiver: new Directory({ ...this.own }), mtu: this.#mtu };
    this.boundary.reconnects();
  }

  /** Releases rings, buffers and event channels, whether or not the driver under test still uses them. */
  release(): void {
    for (const queue of this.queues.splice(0)) queue.release();
    this.received.length = 0;
  }

  override async close(): Promise<void> {
    this.release();
    await super.close();
  }

  /** Runs an event handler; an error is kept for the next caller that waits. */
  protected readonly guard = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (error instanceof Violation) {
        // When one end closes, the other one may release its rings and buffers at any time.
        if (this.isClosing) return;
        error.inPassing = true;
      }
      // Keeps any error: an exception in an event handler has no caller, and a netifspec bug must become an error of
      // the test.
      this.keepFault(error);
      this.arrived.fire();
    }
  };

  /** Reports a frame that was written to the ring. */
  protected readonly traceSent = (packet: SentPacket): void => {
    const { frame } = packet;
    this.context.onFrame?.(frame, true);
    this.context.monitor?.sentLately.add(packet);
    if (this.context.seesStack) this.boundary.sends(frame);
  };

  /** Lets the monitor check a received packet. */
  protected abstract see(packet: P, seen: ReturnType<typeof contentOf>): void;

  /** Stores a received packet for the tests, after the monitor has checked it and the stack has replied to it. */
  protected readonly keepReceived = (packet: P): void => {
    this.context.onFrame?.(packet.frame, false);
    const { monitor } = this.context;
    if (monitor) this.see(packet, contentOf(packet.frame, this.link.iut, monitor.sentLately));
    if (this.context.seesStack) this.boundary.arrives(packet.frame);
    for (const reply of this.#neighbours.receive(packet.frame)) this.reply(reply, packet.queue);
    this.received.push(packet);
    if (this.received.length > KEPT_PACKETS) this.received.shift();
    this.arrived.fire();
  };

  /**
   * Sends a request, again after each timeout, and returns the reply to any of the attempts, with its request.
   *
   * @throws Expired if there is no reply within the total time
   */
  async #ask<T extends Question>(
    { shape, queue, ms = Patience.defaultMs, tries = TRIES }: AskOptions<Q, S>,
    make: () => T,
  ): Promise<{ readonly packet: P; readonly question: T }> {
    const asked: T[] = [];
    const wait = { ms: Math.round(ms / tries) };
    const answered = ({ frame }: P): T | undefined => asked.find(({ isAnswer }) => isAnswer(frame));
    for (;;) {
      const latest = make();
      asked.push(latest);
      try {
        await this.send(latest.frame, shape, queue, wait);
        const packet = await this.receive(latest.what, (each) => answered(each) !== undefined, wait);
        return { packet, question: answered(packet) ?? latest };
      } catch (error) {
        if (!(error instanceof Expired)) throw error;
        if (asked.length < tries && !error.inconclusive) continue;
        const { what, lagMs, lateMs, demandedBy } = error;
        const askedMs = Math.round((ms * asked.length * this.context.patience.scale) / tries);
        throw new Expired(what, askedMs, lagMs, lateMs, demandedBy);
      }
    }
  }

  /**
   * Waits for the events of what the driver has published: no header says how soon an event follows. An event that has
   * made the peer read messages has arrived, although a busy driver may have published others since.
   *
   * @returns the queues that miss an event; unknown if netifspec itself was not scheduled while it waited
   */
  async #lateEvents(isWaiting: (queue: Q) => boolean): Promise<readonly Q[] | 'unknown'> {
    const read = ({ tx, rx }: Q): number => tx.ring.taken + rx.ring.taken;
    const before = new Map(this.queues.map((queue) => [queue, read(queue)]));
    const missing = (): Q[] => this.queues.filter((queue) => isWaiting(queue) && read(queue) === before.get(queue));
    try {
      await this.context.patience.until('event for what was published', () => missing().length === 0);
      return [];
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      return error.inconclusive ? 'unknown' : missing();
    }
  }

  /**
   * Throws a violation if a ring holds messages without an event: this is a better explanation of a timeout than the
   * timeout itself. Waits briefly first, since the event of a message that was just published may still arrive. A driver
   * that closes needs none, and its rings may be used for something else by now.
   */
  protected override async explain(error: Expired): Promise<void> {
    if (this.isClosing) return;
    const missing = await this.#lateEvents((queue) => queue.ringWithoutEvent() !== undefined);
    const [queue] = missing === 'unknown' ? [] : missing;
    if (!queue) return;
    throw lostEvent(error.message, `${queue.ringWithoutEvent()} ring of queue ${queue.index}`);
  }
}
