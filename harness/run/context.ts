import type { BackendPeer } from '../peer/backend.js';
import type { FrontendOptions, FrontendPeer } from '../peer/frontend.js';
import { BACKEND_KEYS } from '../peer/backend.js';
import type { Requirement } from '../../suites/requirements/requirement.js';
import { XENBUS_STATE } from '../protocol/xenbus.js';
import type { Domain } from '../xen/domain.js';
import { all } from '../xen/wait.js';
import { CheckFailed, checkRecord, judge } from './judge.js';
import type { CheckRecord } from './record.js';
import { Unavailable } from './unavailable.js';
import type { AnyPeer } from './connections.js';
import type { BackendTest, FrontendTest, TestContext, TestDefinition, Tests } from './suite.js';

/** The connection that tests share, and those that a test made for itself. */
export interface Vifs<P> {
  shared(): Promise<P>;
  plug(keys?: Readonly<Record<string, string>>, own?: Readonly<Record<string, string>>): Promise<P>;
  unplug(peer: P): Promise<void>;
  prepare(peer: P): void;
  configure(peer: P, options?: { readonly ms?: number }): Promise<void>;
  bridge(peers: readonly [P, P]): Promise<void>;
  hasCarrier(peer: P): Promise<boolean>;
  unbind(peer: P): Promise<void>;
  bind(peer: P): Promise<void>;
  restore(peer: P): Promise<P>;
}

/** Rounds in which a race that is there should have shown. */
const MANY_ROUNDS = 10_000;

/** What the body of one test is given, and what it left behind. */
abstract class Context<P> implements TestContext<P> {
  readonly checks: CheckRecord[] = [];
  readonly infos: string[] = [];
  /** Whether a check held that is about newer rules alone than those that are claimed. */
  unclaimed = false;
  /** Rounds of a race that the test tried. */
  raced: number | undefined;

  constructor(
    readonly domain: Domain,
    protected readonly vifs: Vifs<P>,
    private readonly requirement: (id: string) => Requirement,
    /** Whether a requirement stands in the text that the vendor claims. */
    private readonly claimed: (id: string) => boolean,
    private readonly slow: boolean,
  ) {}

  rounds(usual: number): number {
    this.raced = this.slow ? Math.max(usual, MANY_ROUNDS) : usual;
    return this.raced;
  }

  connect(): Promise<P> {
    return this.vifs.shared();
  }

  unplug(peer: P): Promise<void> {
    return this.vifs.unplug(peer);
  }

  configure(peer: P, options?: { readonly ms?: number }): Promise<void> {
    return this.vifs.configure(peer, options);
  }

  async check(requirements: string | readonly string[], body: () => unknown): Promise<void> {
    const named = typeof requirements === 'string' ? [requirements] : requirements;
    const ids = named.filter(this.claimed);
    try {
      await body();
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      const finding = judge(error, named, this.requirement, this.claimed);
      if (!finding) return this.info(`${named.join(', ')}: newer than the text that is claimed: ${messageOf(error)}`);
      this.checks.push(checkRecord(ids, finding));
      if (finding.verdict === 'warn') return;
      throw finding.verdict === 'error' ? error : new CheckFailed(finding);
    }
    if (ids.length > 0) this.checks.push(checkRecord(ids));
    else this.unclaimed = true;
  }

  info(text: string): void {
    this.infos.push(text);
  }

  skip(reason: string): never {
    throw new Unavailable('not-observed', reason);
  }
}

export class BackendContext extends Context<FrontendPeer> implements BackendTest {
  plug(): Promise<FrontendPeer> {
    return this.vifs.plug();
  }

  async fresh(options: FrontendOptions = {}): Promise<FrontendPeer> {
    const peer = await this.vifs.plug();
    this.vifs.prepare(peer);
    await peer.connect(options);
    await this.vifs.configure(peer);
    return peer;
  }

  async bridged(from: FrontendOptions = {}, to: FrontendOptions = {}): Promise<[FrontendPeer, FrontendPeer]> {
    const peers: [FrontendPeer, FrontendPeer] = [await this.vifs.plug(), await this.vifs.plug()];
    await all(peers.map((peer) => peer.awaitState([XENBUS_STATE.initWait])));
    // From here on a backend has its interfaces: to join them while the vifs connect saves a while.
    await all([peers[0].connect(from), peers[1].connect(to), this.bridge(peers)]);
    return peers;
  }

  bridge(peers: readonly [FrontendPeer, FrontendPeer]): Promise<void> {
    return this.vifs.bridge(peers);
  }
}

export class FrontendContext extends Context<BackendPeer> implements FrontendTest {
  plug(
    keys: Readonly<Record<string, string>> = BACKEND_KEYS,
    own: Readonly<Record<string, string>> = {},
  ): Promise<BackendPeer> {
    return this.vifs.plug(keys, own);
  }

  async fresh(
    keys: Readonly<Record<string, string>> = BACKEND_KEYS,
    own: Readonly<Record<string, string>> = {},
  ): Promise<BackendPeer> {
    const peer = await this.vifs.plug(keys, own);
    await peer.connect();
    await this.vifs.configure(peer);
    return peer;
  }

  async bridged(
    from: Readonly<Record<string, string>> = BACKEND_KEYS,
    to: Readonly<Record<string, string>> = BACKEND_KEYS,
  ): Promise<[BackendPeer, BackendPeer]> {
    const peers: [BackendPeer, BackendPeer] = [await this.vifs.plug(from), await this.vifs.plug(to)];
    await all(peers.map((peer) => peer.connect()));
    await this.vifs.bridge(peers);
    return peers;
  }

  hasCarrier(peer: BackendPeer): Promise<boolean> {
    return this.vifs.hasCarrier(peer);
  }

  unbind(peer: BackendPeer): Promise<void> {
    return this.vifs.unbind(peer);
  }

  bind(peer: BackendPeer): Promise<void> {
    return this.vifs.bind(peer);
  }

  restore(peer: BackendPeer): Promise<BackendPeer> {
    return this.vifs.restore(peer);
  }
}

/** The test's body with the context that its role has. */
export interface OpenContext {
  readonly own: BackendContext | FrontendContext;
  readonly body: () => Promise<void>;
  /** Whether it may take long: by its rounds, or because a guest is saved. */
  readonly patient: boolean;
}

/** The context of a test's role. `claimed` and `slow` are the run's. */
export function contextOf(
  test: Tests[number],
  domain: Domain,
  vifs: Vifs<AnyPeer>,
  find: (id: string) => Requirement,
  claimed: (id: string) => boolean,
  slow: boolean,
): OpenContext {
  const patient = slow || test.options.needs === 'restore';
  if (test.role === 'backend') {
    const own = new BackendContext(domain, vifs as unknown as Vifs<FrontendPeer>, find, claimed, slow);
    return { own, patient, body: () => (test as TestDefinition<BackendTest>).body(own) };
  }
  const own = new FrontendContext(domain, vifs as unknown as Vifs<BackendPeer>, find, claimed, slow);
  return { own, patient, body: () => (test as TestDefinition<FrontendTest>).body(own) };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
