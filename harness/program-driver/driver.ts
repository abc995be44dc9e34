/**
 * A driver that is a program of its own, in C for example. It has the memory of the simulated machine before it and
 * asks for everything else: xenstore, grants, event channels, time and a network stack. The program runs only while
 * this process waits for its next call, so that a seed determines the whole order.
 */
import { constants } from 'node:os';
import type { Stack } from '../packet/stack.js';
import { completeChecksum, segment } from '../packet/offload.js';
import { GNTST } from '../protocol/grant.js';
import type { Driver } from '../run/driver.js';
import type { SimulatedSetting } from '../run/simulated-iut.js';
import { type Mapping, type Offer, PAGE_SIZE, type Watch, XenError } from '../xen/domain.js';
import { HARNESS_DOMAIN } from '../xen/simulated/xenstored.js';
import { EventQueue } from './events.js';
import { type Call, DriverProcess } from './process.js';
import { ProgramError } from './program-error.js';
import { SharedMemory, SharedPage } from './shared-memory.js';
import { Transactions } from './transactions.js';
import { DRIVER, encodeAnswer, EVENT, type Field, type Fields, FRAME, OP } from './wire.js';

/** The longest Ethernet frame without its checksum at an MTU of 1500, with a VLAN tag. */
const STANDARD_FRAME = 1518;

/** Calls after which everything else on the machine has a turn. */
const CALLS_IN_A_ROW = 16;

/** A result, which is negative for an errno, and the fields of the answer's body. */
type Answer = readonly [result: number, ...fields: readonly Field[]];

export interface ProgramOptions {
  /** The program's file. */
  readonly file: string;
  /** The memory that the simulated machine uses. */
  readonly memory: SharedMemory;
  /** Called with the process id of each process that is started. */
  readonly onProcess: (pid: number) => void;
  /** Called at the first call of each process. */
  readonly onFirstCall: () => void;
}

/** The driver of a program. Its start ends when the program waits for the first time; a close kills the program. */
export class ProgramDriver implements Driver {
  #running: Running | undefined;

  constructor(
    private readonly setting: SimulatedSetting,
    private readonly options: ProgramOptions,
  ) {}

  async start(): Promise<void> {
    this.#running = new Running(this.setting, this.options);
    await this.#running.waiting;
  }

  async close(): Promise<void> {
    await this.#running?.close();
    this.#running = undefined;
  }

  /** Whether the running program has a network stack of its own. */
  get ownStack(): boolean {
    return this.#running?.ownStack ?? false;
  }

  /** Undefined if the program's frames never reach a bridge. */
  get bridge(): Driver['bridge'] {
    return this.ownStack || this.#running?.forwards === false ? undefined : (handles) => this.#running?.bridge(handles);
  }
}

/** One process of the program, with everything that it holds. */
class Running {
  /** Settles when the program waits for the first time, or has ended. */
  readonly waiting: Promise<void>;
  readonly #process: DriverProcess;
  readonly #queue: EventQueue;
  readonly #transactions: Transactions;
  readonly #offers = new Map<number, Offer>();
  readonly #mappings = new Map<number, Mapping>();
  readonly #watches = new Map<string, Watch>();
  readonly #ports = new Set<number>();
  readonly #stacks = new Map<number, Stack>();
  readonly #bridges = new Map<number, number>();
  readonly #served: Promise<void>;
  #firstWait: () => void = () => undefined;
  #calls = 0;
  #mapped = 0;
  #flags = 0;
  #longestFrame = STANDARD_FRAME;
  #closed = false;

  constructor(
    private readonly setting: SimulatedSetting,
    private readonly options: ProgramOptions,
  ) {
    const { domain, role } = setting;
    this.#queue = new EventQueue(domain.events, domain.clock);
    this.#transactions = new Transactions(domain.store);
    this.#process = new DriverProcess(options.file, role, options.memory.fd);
    if (this.#process.pid !== undefined) options.onProcess(this.#process.pid);
    this.waiting = new Promise((resolve) => (this.#firstWait = resolve));
    this.#served = this.#serve().catch(setting.onError).finally(this.#firstWait);
  }

  get ownStack(): boolean {
    return (this.#flags & DRIVER.ownStack) !== 0;
  }

  get forwards(): boolean {
    return (this.#flags & DRIVER.noBridge) === 0;
  }

  bridge([one, other]: readonly [number, number]): void {
    // Another call for the same vifs, after a reconnect, needs no second watch of each.
    if (this.#bridges.get(one) === other) return;
    this.#bridges.set(one, other).set(other, one);
    void this.#bridgeUntilGone(one, other).catch(this.setting.onError);
  }

  /** A bridge ends with one of its vifs: the next vif of that number has none. */
  async #bridgeUntilGone(one: number, other: number): Promise<void> {
    const { domain, role } = this.setting;
    const folder = role === 'frontend' ? 'device/vif' : `backend/vif/${HARNESS_DOMAIN}`;
    const look = async (handle: number): Promise<void> => {
      if ((await domain.store.read(`${folder}/${handle}`)) !== undefined) return;
      if (this.#bridges.get(one) === other) [one, other].map((end) => this.#bridges.delete(end));
      await Promise.all([one, other].map((end) => this.#unwatch(`bridge ${end}`)));
    };
    for (const handle of [one, other]) {
      const onChange = (): void => void look(handle).catch(this.setting.onError);
      await this.#watch(`${folder}/${handle}`, `bridge ${handle}`, onChange);
    }
  }

  async close(): Promise<void> {
    const { domain } = this.setting;
    this.#closed = true;
    const release = domain.clock.hold();
    await this.#process.close();
    release();
    // Ends a wait; the answer to it finds no reader.
    this.#queue.push({ kind: EVENT.timeout, fields: [] });
    await this.#served;
    await this.#transactions.close();
    for (const watch of this.#watches.values()) await watch.close();
    for (const port of this.#ports) domain.events.unbind(port);
    for (const mapping of this.#mappings.values()) mapping.unmap();
    for (const offer of this.#offers.values()) offer.end();
  }

  /** Serves the program's calls until it ends. */
  async #serve(): Promise<void> {
    for (;;) {
      const call = this.#process.nextCall();
      if (!call) return this.#ended();
      if (this.#calls === 0) this.options.onFirstCall();
      this.options.memory.look(call.operation === OP.barrier);
      const [result, ...fields] = await this.#answer(call);
      if (++this.#calls % CALLS_IN_A_ROW === 0) await this.#turn();
      if (this.#closed) return;
      if (!this.#process.answer(encodeAnswer(result, fields))) return this.#ended();
    }
  }

  /** Other domains run at the same time: they may act before the program does anything else. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.setting.domain.clock.after(0, resolve));
  }

  async #ended(): Promise<void> {
    if (this.#closed) return;
    const release = this.setting.domain.clock.hold();
    const how = await this.#process.exited;
    release();
    throw new ProgramError(`the driver's program ended: ${how}`);
  }

  /** An operation that Xen refuses returns an errno; a malformed call ends the program. */
  async #answer({ operation, fields }: Call): Promise<Answer> {
    try {
      return await this.#do(operation, fields);
    } catch (error) {
      if (error instanceof XenError) return [-errnoOf(error.code)];
      if (!this.#closed) await this.#process.close();
      throw error;
    }
  }

  #do(operation: number, fields: Fields): Answer | Promise<Answer> {
    const { domain } = this.setting;
    const { events, clock } = domain;
    switch (operation) {
      case OP.describe:
        this.#flags = fields.u32();
        this.#longestFrame = fields.u32();
        this.options.memory.hasBarriers = (this.#flags & DRIVER.barriers) !== 0;
        return [0];
      case OP.read:
        return found(this.#transactions.access(fields.u32()).read(fields.text()), (value) => [value.length, value]);
      case OP.write:
        return done(this.#transactions.access(fields.u32()).write(fields.text(), fields.text()));
      case OP.remove:
        return done(this.#transactions.access(fields.u32()).remove(fields.text()));
      case OP.list:
        return found(this.#transactions.access(fields.u32()).list(fields.text()), (names) => [
          names.length,
          names.map((name) => `${name}\0`).join(''),
        ]);
      case OP.startTransaction:
        return this.#transactions.start().then((id) => [id]);
      case OP.endTransaction:
        return done(this.#transactions.end(fields.u32(), fields.u32() !== 0));
      case OP.watch:
        return done(this.#watchFor(fields.text(), fields.text()));
      case OP.unwatch:
        return done(this.#unwatch(`program ${fields.text()}`));
      case OP.grant:
        return [this.#grant(fields.u32(), fields.u32(), fields.u32() !== 0)];
      case OP.endGrant:
        return done(this.#endGrant(fields.u32()));
      case OP.map:
        return this.#map(fields.u32(), fields.u32() !== 0, fields);
      case OP.unmap:
        return [this.#unmap(fields.u32())];
      case OP.copyFrom: {
        const segment = { domain: fields.u32(), ref: fields.u32(), offset: fields.u32(), length: fields.u32() };
        if (isBeyondPage(segment.offset, segment.length)) return [GNTST.badCopyArg];
        const [copied] = domain.grants.copyFrom([segment]);
        return copied ? [copied.status, copied.bytes] : [0];
      }
      case OP.copyTo: {
        const segment = { domain: fields.u32(), ref: fields.u32(), offset: fields.u32(), bytes: fields.bytes() };
        if (isBeyondPage(segment.offset, segment.bytes.length)) return [GNTST.badCopyArg];
        return [domain.grants.copyTo([segment])[0] ?? 0];
      }
      case OP.bindUnbound:
        return [this.#bound(events.bindUnbound(fields.u32()))];
      case OP.bindInterdomain:
        return [this.#bound(events.bindInterdomain(fields.u32(), fields.u32()))];
      case OP.unbind:
        return [this.#unbind(fields.u32())];
      case OP.notify:
        events.notify(fields.u32());
        return done(this.#turn());
      case OP.now:
        return [Math.floor(clock.now()) % 2 ** 31];
      case OP.barrier:
        return [0];
      case OP.wait:
        this.#firstWait();
        return this.#queue.next(fields.u32()).then(({ kind, fields: body }) => [kind, ...body]);
      case OP.received:
        this.#received(fields);
        return [0];
      default:
        throw new ProgramError(`the program called operation ${operation}, which does not exist`);
    }
  }

  /** A watch of the program. */
  async #watchFor(path: string, token: string): Promise<void> {
    const name = `program ${token}`;
    if (this.#watches.has(name)) throw XenError.refused('EEXIST', `a second watch ${token}`);
    await this.#watch(path, name, (changed) =>
      this.#queue.push({ kind: EVENT.watch, fields: [token, changed], watch: name }),
    );
  }

  async #watch(path: string, name: string, listener: (path: string) => void): Promise<void> {
    const watch = await this.setting.domain.store.watch(path, (changed) => {
      if (!this.#closed) listener(changed);
    });
    this.#watches.set(name, watch);
  }

  async #unwatch(name: string): Promise<void> {
    const watch = this.#watches.get(name);
    this.#watches.delete(name);
    await watch?.close();
    this.#queue.forget((event) => event.watch === name);
  }

  #grant(peer: number, page: number, readOnly: boolean): number {
    const memory = this.options.memory.ofProgram(page);
    if (!memory) throw XenError.refused('EINVAL', `page ${page} is not the program's`);
    const offer = this.setting.domain.grants.offer(peer, readOnly ? 'read-only' : 'read-write', memory);
    this.#offers.set(offer.ref, offer);
    return offer.ref;
  }

  /** Like a kernel, refuses to end a grant while the other domain maps the page. */
  async #endGrant(ref: number): Promise<void> {
    const { id, observer } = this.setting.domain;
    const offer = this.#offers.get(ref);
    if (!offer) throw XenError.refused('EINVAL', `grant ${ref}`);
    if ((await observer.grantUse(id, ref)) !== 'unused') throw XenError.refused('EBUSY', `grant ${ref}`);
    this.#offers.delete(ref);
    offer.end();
  }

  #map(peer: number, readOnly: boolean, fields: Fields): Answer {
    const refs = Array.from({ length: fields.u32() }, () => fields.u32());
    const mapping = this.setting.domain.grants.map(peer, refs, readOnly ? 'read-only' : 'read-write');
    const pages = mapping.pages.map(({ memory }) => {
      if (!(memory instanceof SharedPage)) throw new Error('a page outside of the shared memory');
      return memory.number;
    });
    this.#mappings.set(++this.#mapped, mapping);
    return [this.#mapped, ...pages];
  }

  #unmap(number: number): number {
    const mapping = this.#mappings.get(number);
    if (!mapping) throw XenError.refused('EINVAL', `mapping ${number}`);
    this.#mappings.delete(number);
    mapping.unmap();
    return 0;
  }

  #bound(port: number): number {
    this.#ports.add(port);
    return port;
  }

  #unbind(port: number): number {
    this.setting.domain.events.unbind(port);
    this.#ports.delete(port);
    this.#queue.forget((event) => event.port === port);
    return 0;
  }

  /** A frame that arrived at a vif: it leaves at the vif at the other side of the bridge, or is the stack's. */
  #received(fields: Fields): void {
    const [handle, flags, gsoSize, gsoType] = [fields.u32(), fields.u32(), fields.u32(), fields.u32()];
    const bytes = Uint8Array.from(fields.bytes());
    let stack = this.#stacks.get(handle);
    if (!stack) this.#stacks.set(handle, (stack = this.setting.stackOf(handle)));
    const other = this.#bridges.get(handle);
    if (other !== undefined) {
      stack.passes(bytes);
      return this.#forward(other, { flags, gsoSize, gsoType, bytes });
    }
    // A stack does not verify a checksum that its driver calls validated.
    const unverified = (flags & (FRAME.csumBlank | FRAME.dataValidated)) !== 0;
    for (const reply of stack.receive(bytes, { csumBlank: unverified })) {
      this.#send(handle, { flags: 0, gsoSize: 0, gsoType: 0, bytes: reply });
    }
  }

  /** Does what a stack does for a driver without offloads. */
  #forward(handle: number, { flags, gsoSize, gsoType, bytes }: Sent): void {
    const whole = gsoSize === 0 || (this.#flags & DRIVER.canSegment) !== 0;
    for (const part of whole ? [bytes] : segment(bytes, gsoSize)) {
      const blank = whole && (flags & FRAME.csumBlank) !== 0;
      const completed = blank && (this.#flags & DRIVER.canChecksum) === 0;
      this.#send(handle, {
        flags: blank && !completed ? flags : flags & FRAME.dataValidated,
        gsoSize: whole ? gsoSize : 0,
        gsoType: whole ? gsoType : 0,
        bytes: completed ? completeChecksum(part) : part,
      });
    }
  }

  #send(handle: number, { flags, gsoSize, gsoType, bytes }: Sent): void {
    if (bytes.length > this.#longestFrame) return;
    this.#queue.push({ kind: EVENT.frame, fields: [handle, flags, gsoSize, gsoType, bytes] });
  }
}

/** A frame to send. */
interface Sent {
  readonly flags: number;
  readonly gsoSize: number;
  readonly gsoType: number;
  readonly bytes: Uint8Array;
}

/** The hypervisor refuses a copy that leaves the page, with a status; the adapters' kernels refuse it with an errno. */
function isBeyondPage(offset: number, length: number): boolean {
  return offset + length > PAGE_SIZE;
}

async function done(request: Promise<void>): Promise<Answer> {
  await request;
  return [0];
}

async function found<T>(request: Promise<T | undefined>, answer: (value: T) => Answer): Promise<Answer> {
  const value = await request;
  return value === undefined ? [-constants.errno.ENOENT] : answer(value);
}

function errnoOf(code: string): number {
  return constants.errno[code as keyof typeof constants.errno] ?? constants.errno.EIO;
}
