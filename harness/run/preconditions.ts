/** The preconditions of every test: a working host, a running guest and a plain connection to its driver. */
import { messageOf } from '../base/errors.js';
import { Expired, type Patience } from '../xen/wait.js';
import type { AnyConnections } from './connections.js';
import { EnvironmentError, GuestCrashed, GuestGone } from './environment.js';
import type { Iut } from './iut.js';
import { blamesIut, type Trouble } from './judge.js';
import { anchorOf } from './record.js';
import type { Reflectors } from './reflectors.js';
import type { Skip } from './skips.js';
import { isAnchor, type Tests } from './suite.js';
import { Unavailable } from './unavailable.js';
import { Violation } from '../peer/violation.js';
import type { ConnectionMethod } from './connection-method.js';

/** Limit of guests re-created in a row because they could not be reached. */
const GUESTS = 3;
/** Milliseconds, before scaling, until the stack is asked again for replies that it has not given. */
const ASK_AGAIN_MS = 30_000;
/** Limit of such attempts. */
const MOST_ASKED = 5;

/** Time for an ARP reply that measures the load of the guest, in milliseconds before scaling. */
const ARP_MS = 1000;

export interface PreconditionOptions {
  readonly iut: Iut;
  readonly connections: AnyConnections;
  readonly method: ConnectionMethod;
  readonly reflectors: Reflectors;
  readonly patience: Patience;
  readonly log: (line: string) => void;
}

export class Preconditions {
  #features: Readonly<Record<string, string>> | undefined;
  #answers = 'not asked';
  /** When the stack is next asked for what it has not replied to yet, and how often it was asked. */
  #nextAskAt = 0;
  #asked = 0;
  /** The last test that passed. */
  #lastPassed: string | undefined;
  /** Whether a plain connection must be tried before the next test. */
  #mustReconnect = false;
  /** Whether the driver may be stuck, and is started again before the next test if it is. */
  #doubted = false;
  /** How the guest was lost; undefined once it was replaced. */
  #gone: 'crashed' | 'unreachable' | undefined;
  /** Number of unreachable guests in a row, without a passed test in between. */
  #unreachable = 0;
  /** Why no plain connection can be made any more. */
  #blocked: string | undefined;
  /** Whether a test has failed since the last one that passed. */
  #failed = false;
  /** Why the driver makes no plain connection, if no test has failed because of it. */
  #culprit: Error | undefined;
  #lost: string | undefined;
  #violation: Violation | undefined;

  constructor(private readonly parts: PreconditionOptions) {}

  /** Why the environment can run no more tests, through no fault of the driver. */
  get lost(): string | undefined {
    return this.#lost;
  }

  /** Whether the guest was lost and has not been replaced yet. */
  get gone(): boolean {
    return this.#gone !== undefined;
  }

  /** The keys that the driver advertised on the first plain connection; undefined if there was none. */
  get features(): Readonly<Record<string, string>> | undefined {
    return this.#features;
  }

  /** The requests to which the guest's stack replied on the first plain connection, for people. */
  get answers(): string {
    return this.#answers;
  }

  /** Tries a first plain connection, to find out what the driver advertises and what its stack replies to. */
  async open(): Promise<void> {
    this.#mustReconnect = (await this.#handshake()) !== undefined;
  }

  /** Restores the preconditions of `test` as far as possible. */
  async restore(test: Tests[number]): Promise<void> {
    try {
      if (this.parts.method.bootMs === 0) await this.parts.iut.booted();
      // If the connection test itself is next, it reports the failure.
      if (this.skip(test) === undefined && !isAnchor(test)) {
        const isStuck = this.#doubted && !this.#mustReconnect && (await this.#connect()) instanceof Expired;
        this.#doubted = false;
        if (isStuck) await this.replace();
        if (this.#mustReconnect) await this.#reconnect();
      }
      if (this.#mayReplyNow(test)) await this.#askReflectors();
    } catch (error) {
      this.#lost ??= messageOf(error);
    }
  }

  /** Why `test` can't be run; undefined if it can. */
  skip(test: Tests[number]): Skip | undefined {
    if (this.#lost !== undefined) return { class: 'blocked', reason: `the environment failed: ${this.#lost}` };
    if (this.#blocked === undefined) return undefined;
    const reason = this.#lastPassed
      ? `blocked since ${this.#lastPassed}, the last test that passed: ${this.#blocked}`
      : `blocked by ${anchorOf(test.role)}: ${this.#blocked}`;
    return { class: 'blocked', reason };
  }

  /** A violation that was seen while the guest's stack was asked what it replies to; each is returned once. */
  takeViolation(): Violation | undefined {
    const violation = this.#violation;
    this.#violation = undefined;
    return violation;
  }

  /** Why the driver makes no plain connection, if no test has failed because of it; returned once. */
  takeCulprit(): Error | undefined {
    const culprit = this.#culprit;
    this.#culprit = undefined;
    return culprit;
  }

  /** Records that a test has passed. */
  passed(id: string): void {
    this.#lastPassed = id;
    this.#failed = false;
    this.#unreachable = 0;
  }

  /** Records that the set-up of a test failed: a plain connection is tried before the next test. */
  reconnectNext(): void {
    this.#failed = true;
    this.#mustReconnect = true;
  }

  /**
   * Records that a test failed, which may have left the driver stuck: if it makes no plain connection, it is started
   * again before the next test.
   */
  doubt(): void {
    const { iut, method } = this.parts;
    this.#doubted = iut.recreate !== undefined && method.bootMs === 0;
  }

  /** Records that the guest has crashed, even if it is unreachable. */
  crashed(): void {
    // The crash is the reason why the guest could not be reached.
    if (this.#gone === 'unreachable') this.#lost = undefined;
    this.#gone = 'crashed';
    this.#failed = true;
    this.#mustReconnect = true;
  }

  /**
   * Checks the environment after a test timed out or found a violation.
   *
   * @param waited whether the test timed out, so that the load of the guest is measured as well
   */
  async trouble(waited: boolean): Promise<Trouble> {
    const { iut } = this.parts;
    try {
      const answerMs = await iut.alive();
      return { crash: false, answerMs: answerMs ?? (waited ? await this.#arpMs() : undefined) };
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      const crash = cause instanceof GuestCrashed;
      if (crash) this.crashed();
      else if (cause instanceof GuestGone) this.#gone = 'unreachable';
      else this.#gone = undefined;
      if (cause instanceof EnvironmentError && !crash && !(this.gone && iut.recreate)) this.#lost ??= cause.message;
      return { cause, crash };
    }
  }

  /**
   * Replaces a guest that was lost or may be damaged. If it cannot be replaced: after a crash, the remaining tests are
   * skipped unless the guest still responds; if the reason of its loss is unknown, the run ends.
   */
  async replace(): Promise<void> {
    const { connections, iut, method, log } = this.parts;
    const was = this.#gone;
    this.#gone = undefined;
    this.#mustReconnect = true;
    try {
      if (was === 'crashed' && !iut.recreate && (await this.#isAlive())) return await connections.endTest(true);
      await connections.abandonAll();
      if (was === 'unreachable' && ++this.#unreachable > GUESTS) {
        throw new EnvironmentError(
          `the guest was lost ${GUESTS} times in a row; check its console and its network, then run again with --last-failed`,
        );
      }
      if (!iut.recreate)
        throw new EnvironmentError(
          'no way to re-create the guest; set "config" in the target file to its xl configuration',
        );
      if (was) log('the guest was lost; re-creating it');
      // If each connection re-creates the guest, the next connection does it.
      if (method.bootMs === 0) await iut.recreate();
    } catch (error) {
      if (was === 'unreachable') this.#lost ??= messageOf(error);
      else this.#blocked ??= `the guest was lost: ${messageOf(error)}`;
    }
  }

  async #isAlive(): Promise<boolean> {
    return this.parts.iut.alive().then(
      () => true,
      () => false,
    );
  }

  /** Whether to ask the stack again for the reply that a test needs: a guest may be slow to start its network. */
  #mayReplyNow({ options: { reflector } }: Tests[number]): boolean {
    if (reflector === undefined || this.parts.reflectors.has(reflector)) return false;
    const due = this.#asked < MOST_ASKED && this.parts.patience.clock.now() >= this.#nextAskAt;
    return due && this.#features !== undefined && !this.#mustReconnect && this.#lost === undefined && !this.gone;
  }

  /** Tries a plain connection, with a re-created guest if the first attempt fails. */
  async #reconnect(): Promise<void> {
    this.#mustReconnect = false;
    let cause = await this.#connect();
    if (cause !== undefined && this.parts.iut.recreate) {
      await this.replace();
      this.#mustReconnect = false;
      if (this.#blocked === undefined) cause = await this.#connect();
    }
    if (cause === undefined) return;
    if (this.#blocked === undefined && !this.#failed) this.#culprit = cause;
    this.#blocked ??= `no plain connection: ${cause.message}`;
  }

  /** Makes a plain connection and checks that packets pass, if they ever did. Returns the reason of a failure. */
  async #connect(): Promise<Error | undefined> {
    const { connections } = this.parts;
    let cause = await this.#handshake();
    try {
      if (cause === undefined) await connections.shared();
    } catch (error) {
      if (!blamesIut(error) && !(error instanceof Unavailable)) throw error;
      cause = blamesIut(error) ? error : undefined;
    }
    await this.#endConnection(cause !== undefined);
    return cause;
  }

  /** Connects the shared vif if necessary. Returns the reason of a failure. */
  async #handshake(): Promise<Error | undefined> {
    try {
      const features = await this.parts.connections.probe();
      if (this.#features === undefined) {
        this.#features = features;
        await this.#askReflectors();
      }
    } catch (error) {
      if (blamesIut(error)) return error;
      // A target with "connection: once" has already used its connection.
      if (!(error instanceof Unavailable)) throw error;
    }
    return undefined;
  }

  /** Finds out what the guest's stack replies to. Missing replies are judged by tests, not here. */
  async #askReflectors(): Promise<void> {
    const { connections, reflectors, patience } = this.parts;
    let damaged = false;
    this.#asked++;
    try {
      this.#answers = (await reflectors.ask(await connections.shared(), connections.bootEnds)) || 'none';
    } catch (error) {
      damaged = true;
      this.#answers = `unknown: ${messageOf(error)}`;
      if (error instanceof Violation) this.#violation ??= error;
    }
    await this.#endConnection(damaged);
    this.#nextAskAt = patience.clock.now() + ASK_AGAIN_MS * patience.scale;
  }

  /** Ends a plain connection. A violation on it is reported by the next test. */
  async #endConnection(damaged: boolean): Promise<void> {
    try {
      await this.parts.connections.endTest(damaged);
    } catch (error) {
      if (!blamesIut(error)) throw error;
    }
  }

  /** Milliseconds until the guest replies to ARP on the shared vif; undefined if it cannot be measured. */
  async #arpMs(): Promise<number | undefined> {
    const { connections, iut, reflectors, patience } = this.parts;
    // In virtual time no guest is busy.
    if (iut.adapter === 'simulated' || !connections.current || !reflectors.has('arp')) return undefined;
    const before = patience.clock.now();
    try {
      await connections.current.resolve({ ms: ARP_MS });
      return patience.clock.now() - before;
    } catch (error) {
      if (!blamesIut(error)) throw error;
      return undefined;
    }
  }
}
