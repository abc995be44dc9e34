import { messageOf } from '../base/errors.js';
import { BACKEND_KEYS } from '../peer/backend.js';
import type { PeerOf } from '../peer/any-peer.js';
import type { BackendPeer } from '../peer/backend.js';
import type { FrontendOptions, FrontendPeer } from '../peer/frontend.js';
import { KEY } from '../protocol/netif.js';
import { queuesIn, XENBUS_STATE } from '../protocol/xenbus.js';
import type { Domain, Holdings } from '../xen/domain.js';
import { all, demanded } from '../xen/wait.js';
import type { AnyConnections, Connections } from './connections.js';
import { CheckFailed, checkRecord, type Finding } from './judge.js';
import type { CheckRecord, Role } from './record.js';
import type { BackendTest, FrontendTest, TestContext, Tests, Use } from './suite.js';
import { Unavailable } from './unavailable.js';

/** Number of rounds after which a race should have shown. */
const MANY_ROUNDS = 10_000;

/** The parts of a test's context. */
export interface ContextOptions {
  readonly domain: Domain;
  /** The finding for an error during a check of requirements; undefined if the error breaks none of them. */
  readonly find: (error: unknown, requirements: readonly string[]) => Promise<Finding | undefined>;
  /** Whether the version of the header that the vendor claims has a requirement. */
  readonly claimed: (id: string) => boolean;
  /** Whether the run may take long. */
  readonly slow: boolean;
  readonly onUse: (use: Use) => void;
  /** Called with the requirements of each check before it begins. */
  readonly onCheck?: ((requirements: readonly string[]) => void) | undefined;
  /** The resources that the driver's domain holds; undefined where that cannot be observed. */
  readonly held: () => Holdings | undefined;
}

/** The context that the body of one test is given, and its results. */
abstract class Context<R extends Role> implements TestContext<PeerOf[R]> {
  readonly checks: CheckRecord[] = [];
  readonly infos: string[] = [];
  /** Whether the test had a check of requirements that are all newer than the claimed version. */
  unclaimed = false;
  /** Number of rounds of a race that the test tried. */
  raced: number | undefined;
  /** The requirements of the check that is open, or was the last one. */
  checking: readonly string[] = [];
  /** Requirements whose check was ended by a violation of other requirements. */
  readonly unreached: string[] = [];
  /** Errors that checks have already judged. */
  readonly judged = new Set<unknown>();
  #isOver = false;
  readonly #domain: Domain;

  constructor(
    private readonly vifs: Connections<R>,
    protected readonly options: ContextOptions,
  ) {
    this.#domain = watched(options.domain, options.onUse);
  }

  /** Returns the connections, and records the use of something that the test must declare. */
  protected using(use: Use): Connections<R> {
    const { connections } = this;
    this.options.onUse(use);
    return connections;
  }

  /** Ends the test: the rest of a body that was abandoned can do nothing more. */
  end(): void {
    this.#isOver = true;
  }

  get domain(): Domain {
    this.#refuse();
    return this.#domain;
  }

  protected get connections(): Connections<R> {
    this.#refuse();
    return this.vifs;
  }

  #refuse(): void {
    if (this.#isOver) throw new Error('the test is over');
  }

  rounds(usual: number, many = MANY_ROUNDS): number {
    this.raced = this.options.slow ? Math.max(usual, many) : usual;
    return this.raced;
  }

  connect(): Promise<PeerOf[R]> {
    return this.connections.shared();
  }

  unplug(peer: PeerOf[R]): Promise<void> {
    return this.connections.unplug(peer);
  }

  configure(peer: PeerOf[R], options?: { readonly ms?: number }): Promise<void> {
    return this.connections.configure(peer, options);
  }

  async check(requirements: string | readonly string[], body: () => unknown): Promise<void> {
    const { claimed, find } = this.options;
    this.#refuse();
    const named = typeof requirements === 'string' ? [requirements] : requirements;
    const ids = named.filter(claimed);
    this.checking = ids;
    this.options.onCheck?.(ids);
    try {
      await body();
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      const finding = await find(error, named);
      this.#refuse();
      this.judged.add(error);
      if (!finding)
        return this.info(`${named.join(', ')}: newer than the claimed version of the header: ${messageOf(error)}`);
      this.checks.push(checkRecord(ids, finding));
      this.unreached.push(...ids);
      if (finding.verdict === 'warn') return;
      throw new CheckFailed(finding);
    }
    this.#refuse();
    if (ids.length > 0) this.checks.push(checkRecord(ids));
    else this.unclaimed = true;
  }

  async during<T>(requirements: readonly string[], step: () => Promise<T>): Promise<T> {
    const before = this.checking;
    const announce = (ids: readonly string[]): void => {
      this.checking = ids;
      this.options.onCheck?.(ids);
    };
    announce(requirements.filter(this.options.claimed));
    try {
      return await step();
    } finally {
      announce(before);
    }
  }

  held(): Holdings | undefined {
    this.#refuse();
    return this.options.held();
  }

  info(text: string): void {
    this.infos.push(text);
  }

  skip(reason: string): never {
    throw new Unavailable('not-observed', reason);
  }
}

export class BackendContext extends Context<'backend'> implements BackendTest {
  plug({ handle }: { readonly handle?: number } = {}): Promise<FrontendPeer> {
    return this.using('fresh').plug({}, {}, handle);
  }

  async fresh(options: FrontendOptions = {}): Promise<FrontendPeer> {
    const peer = await this.using('fresh').plug();
    this.connections.prepare(peer);
    await this.#requireQueues(peer, options);
    await peer.connect(options);
    await this.connections.configure(peer);
    return peer;
  }

  /** Skips the test if the backend offers a vif fewer queues than `options` ask for: others may have been offered more. */
  async #requireQueues(peer: FrontendPeer, { queues = 1 }: FrontendOptions): Promise<void> {
    if (queues === 1) return;
    await demanded(['XB-02'], peer.awaitState([XENBUS_STATE.initWait]));
    const offered = queuesIn(await peer.otherKey(KEY.multiQueueMaxQueues));
    if (offered < queues) this.skip(`the backend offers only ${offered} queues for this vif`);
  }

  async bridged(from: FrontendOptions = {}, to: FrontendOptions = {}): Promise<[FrontendPeer, FrontendPeer]> {
    const peers: [FrontendPeer, FrontendPeer] = [await this.using('fresh').plug(), await this.using('fresh').plug()];
    await demanded(['XB-02'], all(peers.map((peer) => peer.awaitState([XENBUS_STATE.initWait]))));
    await all([this.#requireQueues(peers[0], from), this.#requireQueues(peers[1], to)]);
    // A backend has its interfaces from here on; bridging them while the vifs connect saves time.
    await all([peers[0].connect(from), peers[1].connect(to), this.using('bridge').bridge(peers)]);
    await peers[1].announce();
    return peers;
  }

  async bridge(peers: readonly [FrontendPeer, FrontendPeer]): Promise<void> {
    await this.using('bridge').bridge(peers);
    await peers[1].announce();
  }

  unbind(peer: FrontendPeer): Promise<void> {
    return this.using('rebind').unbind(peer);
  }

  bind(peer: FrontendPeer): Promise<void> {
    return this.using('rebind').bind(peer);
  }
}

export class FrontendContext extends Context<'frontend'> implements FrontendTest {
  plug(
    keys: Readonly<Record<string, string>> = BACKEND_KEYS,
    own: Readonly<Record<string, string>> = {},
    handle?: number,
  ): Promise<BackendPeer> {
    return this.using('fresh').plug(keys, own, handle);
  }

  async fresh(
    keys: Readonly<Record<string, string>> = BACKEND_KEYS,
    own: Readonly<Record<string, string>> = {},
  ): Promise<BackendPeer> {
    const peer = await this.using('fresh').plug(keys, own);
    await peer.connect();
    await this.connections.configure(peer);
    return peer;
  }

  async bridged(
    from: Readonly<Record<string, string>> = BACKEND_KEYS,
    to: Readonly<Record<string, string>> = BACKEND_KEYS,
  ): Promise<[BackendPeer, BackendPeer]> {
    const peers: [BackendPeer, BackendPeer] = [
      await this.using('fresh').plug(from),
      await this.using('fresh').plug(to),
    ];
    await all(peers.map((peer) => peer.connect()));
    await this.bridge(peers);
    return peers;
  }

  async bridge(peers: readonly [BackendPeer, BackendPeer]): Promise<void> {
    await this.using('bridge').bridge(peers);
    await peers[1].announce();
  }

  hasCarrier(peer: BackendPeer): Promise<boolean> {
    return this.using('carrier').hasCarrier(peer);
  }

  unbind(peer: BackendPeer): Promise<void> {
    return this.using('rebind').unbind(peer);
  }

  bind(peer: BackendPeer): Promise<void> {
    return this.using('rebind').bind(peer);
  }

  restore(peer: BackendPeer, keys: Readonly<Record<string, string>> = BACKEND_KEYS): Promise<BackendPeer> {
    return this.using('restore').restore(peer, keys);
  }

  checkpoint(): Promise<void> {
    return this.using('checkpoint').checkpoint();
  }
}

/** The test's body with the context for its role. */
export interface OpenContext {
  readonly own: BackendContext | FrontendContext;
  readonly body: () => Promise<void>;
  /** Whether the test may take long, because of its rounds or because it saves a guest. */
  readonly patient: boolean;
}

/** The domain, with a call of `onUse` for each observation of a grant. */
function watched(domain: Domain, onUse: (use: Use) => void): Domain {
  const { id, store, grants, events, clock, capabilities, observer } = domain;
  const grantUse: typeof observer.grantUse = (granter, ref) => {
    onUse('observer');
    return observer.grantUse(granter, ref);
  };
  return { id, store, grants, events, clock, capabilities, observer: { grantUse }, close: () => domain.close() };
}

/** The context of a test. Throws if the test has another role than the session. */
export function contextOf(test: Tests[number], connections: AnyConnections, options: ContextOptions): OpenContext {
  const { long = false, needs } = test.options;
  const patient = options.slow || long || needs === 'restore' || needs === 'checkpoint';
  if (test.role === 'backend' && connections.role === 'backend') {
    const own = new BackendContext(connections, options);
    return { own, patient, body: () => test.body(own) };
  }
  if (test.role === 'frontend' && connections.role === 'frontend') {
    const own = new FrontendContext(connections, options);
    return { own, patient, body: () => test.body(own) };
  }
  throw new Error(`${test.id} does not test a ${connections.role}`);
}
