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
import { sameBytes } from '../packet/bytes.js';
import { encodeEthernet, ETHERNET_HEADER, LOCAL_EXPERIMENT } from '../packet/ethernet.js';
import { Stack } from '../packet/stack.js';
import { parseXenbusState, stateName, type XenbusState } from '../protocol/xenbus.js';
import { Expired, Patience, Signal, type WaitOptions } from '../xen/wait.js';
import type { PeerContext } from './context.js';
import type { Link } from './link.js';
import type { WatchedNode } from '../xen/watched-node.js';
import { Violation } from './violation.js';

/** Packets kept for a test to look for; a hostile driver may send any number. */
const KEPT_PACKETS = 2048;

interface Queue {
  readonly index: number;
  /** The ring that holds work nobody was told of, if one does. */
  unheard(): 'tx' | 'rx' | undefined;
  release(): void;
}

interface Packet<Q> {
  readonly frame: Uint8Array;
  readonly queue: Q;
}

/** Bytes of a ping's frame besides its payload: Ethernet, IPv4 and ICMP headers. */
export const PING_HEADERS = ETHERNET_HEADER + 20 + 8;
/** The identifier of the harness's pings, which with a number of its own tells each from a guest's. */
const PING_ID = 0x6e73;
/** The discard service, which no test's guest offers. */
const CLOSED_PORT = 9;

export interface PingOptions<Q, S> {
  /** Bytes of the payload; 64 unless told. */
  readonly length?: number;
  readonly shape?: S;
  readonly queue?: Q;
  readonly ms?: number;
}

export interface SynOptions<S> {
  /** Of the TCP header; complete unless told. */
  readonly checksum?: Checksum;
  /** Over IPv6; IPv4 unless told. */
  readonly ipv6?: boolean;
  readonly shape?: S;
  readonly ms?: number;
}

/**
 * What both peers have in common: a state machine in xenstore, queues, packets that come in, and the questions that
 * the stack behind the implementation under test answers.
 *
 * @template S how a frame is laid into slots
 */
export abstract class Peer<Q extends Queue, P extends Packet<Q>, S> {
  readonly queues: Q[] = [];
  /** Packets that came and that no test has taken yet. */
  readonly received: P[] = [];
  readonly arrived = new Signal();
  /** Milliseconds, before scaling, that the first state of the other end may take longer: its guest has yet to boot. */
  bootMs = 0;
  readonly #neighbours: Stack;
  #fault: Error | undefined;
  #pings = 0;

  protected constructor(
    readonly context: PeerContext,
    /** The state node of the implementation under test. */
    readonly other: WatchedNode,
    /** The peer's own directory. */
    readonly path: string,
    /** The directory of the implementation under test. */
    readonly otherPath: string,
    readonly link: Link,
  ) {
    this.#neighbours = new Stack(link.peer);
  }

  /** Puts one frame on a queue and sees it through the peer's own part of the ring protocol. */
  abstract send(frame: Uint8Array, shape?: S, queue?: Q, options?: WaitOptions): Promise<void>;

  /** Sends one of the peer's own answers to an ARP request or neighbour solicitation, if there is room. */
  protected abstract reply(frame: Uint8Array, queue: Q): void;

  get queue(): Q {
    const queue = this.queues[0];
    if (!queue) throw new Error('the peer has no queue yet: connect first');
    return queue;
  }

  /** A key of the other end's directory. */
  otherKey(key: string): Promise<string | undefined> {
    return this.context.domain.store.read(`${this.otherPath}/${key}`);
  }

  /** Every key of the other end's directory, or of `below` in it. */
  async otherKeys(below = ''): Promise<Record<string, string>> {
    const { store } = this.context.domain;
    const path = `${this.otherPath}${below && `/${below}`}`;
    const keys = (await store.list(path)) ?? [];
    const values = await Promise.all(keys.map(async (key) => (await store.read(`${path}/${key}`)) ?? ''));
    return Object.fromEntries(keys.map((key, index) => [key, values[index] ?? '']));
  }

  /** Writes keys of the peer's own directory in one transaction; undefined removes one. */
  async writeKeys(keys: Readonly<Record<string, string | undefined>>): Promise<void> {
    await this.context.domain.store.transaction(async (access) => {
      const write = (key: string, value: string | undefined): Promise<void> =>
        value === undefined ? access.remove(`${this.path}/${key}`) : access.write(`${this.path}/${key}`, value);
      await Promise.all(Object.entries(keys).map(([key, value]) => write(key, value)));
    });
  }

  async setState(state: XenbusState): Promise<void> {
    await this.writeKeys({ state: String(state) });
  }

  /** Waits until the other end is in one of `states`. */
  async awaitState(states: readonly XenbusState[], options: WaitOptions = {}): Promise<XenbusState> {
    const wanted = states.map(stateName).join(' or ');
    const ms = (options.ms ?? Patience.defaultMs) + this.bootMs;
    try {
      const state = await this.until(
        `state ${wanted}`,
        () => {
          if (this.other.value === undefined) return undefined;
          const state = parseXenbusState(this.other.value);
          if (!state.ok) throw new Violation(['XB-01'], `${this.other.path}: ${state.reason}`);
          return states.includes(state.value) ? state.value : undefined;
        },
        { ms, on: [this.other.changed] },
      );
      this.bootMs = 0;
      return state;
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      const states = this.other.history.map((value) => value ?? 'none').join(', ');
      const what = `${error.what} of ${this.otherPath} (states seen: ${states})`;
      throw new Expired(what, error.deadlineMs, error.lagMs, error.lateMs);
    }
  }

  /** Waits for a packet that `match` accepts and takes it out of {@link received}. Each packet is looked at once. */
  async receive(what: string, match: (packet: P) => boolean, options: WaitOptions = {}): Promise<P> {
    const seen = new WeakSet<P>();
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

  /** Asks who has the address of the implementation under test, and learns its MAC. */
  async arp(options: Omit<PingOptions<Q, S>, 'length'> = {}): Promise<P> {
    const { ipv4 } = this.link.iut;
    const wait = options.ms ? { ms: options.ms } : {};
    await this.send(arpRequest(this.link.peer, ipv4), options.shape, options.queue, wait);
    const match = ({ frame }: P): boolean => isArpReplyFrom(frame, ipv4);
    const packet = await this.receive(`ARP reply from ${formatIpv4(ipv4)}`, match, wait);
    const mac = packet.frame.slice(6, 12);
    this.link.iut = { ...this.link.iut, mac, ipv6: linkLocal(mac) };
    return packet;
  }

  /**
   * A frame that nobody answers: of the EtherType that IEEE 802 keeps for local experiments. For tests of the ring
   * alone, which a flood of answers would disturb.
   */
  quietFrame(length = 64): Uint8Array {
    return this.frameTo(this.link.iut.mac, new Uint8Array(length - ETHERNET_HEADER));
  }

  /** A frame like {@link quietFrame}, to any address, with a nonce in it unless `payload` is given. */
  frameTo(destination: Uint8Array, payload = noncePayload(++this.#pings, 50)): Uint8Array {
    return encodeEthernet({ destination, source: this.link.peer.mac, etherType: LOCAL_EXPERIMENT, payload });
  }

  /** A ping to the implementation under test, and what tells its answer. */
  pingFrame(length = 64): {
    frame: Uint8Array;
    seq: number;
    payload: Uint8Array;
    isReply: (frame: Uint8Array) => boolean;
  } {
    const seq = ++this.#pings & 0xffff;
    const payload = noncePayload(this.#pings, length);
    const frame = ping4(this.link.peer, this.link.iut, { id: PING_ID, seq, payload });
    return { frame, seq, payload, isReply: (reply) => isEchoReply(reply, { id: PING_ID, seq }) };
  }

  /** A SYN to a port that nobody listens at, and what tells the reset that answers it. */
  synFrame(
    checksum: Checksum = 'complete',
    ipv6 = false,
  ): { frame: Uint8Array; isReset: (frame: Uint8Array) => boolean } {
    const n = ++this.#pings;
    const syn = { sport: 0xc000 + (n & 0x3fff), dport: CLOSED_PORT, seq: n };
    const frame = tcpSyn(this.link.peer, this.link.iut, { ...syn, checksum, ipv6 });
    return { frame, isReset: (answer) => isRst(answer, syn) };
  }

  /** Sends a SYN to a closed port and answers the packet of its reset, as {@link ping} does with an echo. */
  async syn({ checksum = 'complete', ipv6 = false, shape, ms }: SynOptions<S> = {}): Promise<P> {
    const { frame, isReset } = this.synFrame(checksum, ipv6);
    const wait = ms ? { ms } : {};
    await this.send(frame, shape, undefined, wait);
    const what = `reset for a SYN with a ${checksum} checksum`;
    return this.receive(what, (packet) => isReset(packet.frame), wait);
  }

  /**
   * Pings the implementation under test and answers the packet of the reply, which carries the payload unchanged.
   *
   * @throws Violation if bytes of the payload changed on the way
   */
  async ping(options: PingOptions<Q, S> = {}): Promise<P> {
    const { frame, seq, payload, isReply } = this.pingFrame(options.length);
    const wait = options.ms ? { ms: options.ms } : {};
    await this.send(frame, options.shape, options.queue, wait);
    const what = `reply to ping ${seq} of ${frame.length} bytes`;
    const reply = await this.receive(what, (packet) => isReply(packet.frame), wait);
    const echoed = echoPayload(reply.frame);
    if (!echoed || !sameBytes(echoed, payload)) {
      throw new Violation([], `the reply to ping ${seq} carries other bytes than the ping of ${frame.length} bytes`);
    }
    return reply;
  }

  /** Waits like {@link Patience.until}, and fails at once when the other end was found in the wrong. */
  async until<T>(
    what: string,
    probe: () => T | undefined | false | Promise<T | undefined | false>,
    options: WaitOptions = {},
  ): Promise<T> {
    try {
      return await this.context.patience.until(
        what,
        () => {
          this.raise();
          return probe();
        },
        options,
      );
    } catch (error) {
      // Events that the harness was too slow to hear prove nothing.
      if (error instanceof Expired && !error.proofless) await this.#unheard(error);
      throw error;
    }
  }

  /** Throws what a service of the rings found wrong, if it did. */
  raise(): void {
    if (this.#fault) throw this.#fault;
  }

  /** Gives up rings, buffers and event channels, whatever the other end still does with them. */
  release(): void {
    for (const queue of this.queues.splice(0)) queue.release();
    this.received.length = 0;
  }

  async close(): Promise<void> {
    this.release();
    await this.other.close();
  }

  /** Runs the work of an event, and remembers what the other end did wrong for whoever waits next. */
  protected readonly guard = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      // Of whatever kind: thrown from an event it would reach nobody, and a fault of ours must become an error.
      this.#fault ??= error instanceof Error ? error : new Error(String(error));
      this.arrived.fire();
    }
  };

  protected readonly told = (frame: Uint8Array): void => this.context.onFrame?.(frame, true);

  protected readonly keep = (packet: P): void => {
    this.context.onFrame?.(packet.frame, false);
    for (const reply of this.#neighbours.receive(packet.frame)) this.reply(reply, packet.queue);
    this.received.push(packet);
    if (this.received.length > KEPT_PACKETS) this.received.shift();
    this.arrived.fire();
  };

  /**
   * Work that lies in a ring while no event told of it explains a wait in vain better than "nothing came". What was
   * published this very moment gets a while for its event.
   */
  async #unheard(error: Expired): Promise<void> {
    const silent = (): Q | undefined => this.queues.find((queue) => queue.unheard() !== undefined);
    if (!silent()) return;
    await this.context.patience.pass(Patience.pollMs);
    const queue = silent();
    if (!queue) return;
    throw new Violation(
      ['NOTIFY-02'],
      `${error.message}: queue ${queue.index}'s ${queue.unheard()} ring has something, but no event told of it`,
    );
  }
}
