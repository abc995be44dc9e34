/** The vocabulary of the suites. */
import { existsSync, readFileSync } from 'node:fs';
import type { BackendPeer } from '../peer/backend.js';
import type { FrontendPeer, FrontendOptions } from '../peer/frontend.js';
import type { Domain, Holdings } from '../xen/domain.js';
import { anchorOf, type Role } from './record.js';
import type { Reflector } from '../peer/context.js';

/**
 * What a test may do to the guest in addition to configuring the address of an interface: bridge two interfaces, read
 * the carrier of one, unbind the driver from its device and bind it again, save and restore the guest, save the guest
 * and let it continue.
 */
export type Ability = 'bridge' | 'carrier' | 'rebind' | 'restore' | 'checkpoint';

/**
 * What a test was observed to use: an ability, a reply of the guest's stack, a connection of its own (`fresh`) or an
 * observation of a grant (`observer`).
 */
export type Use = Ability | Reflector | 'fresh' | 'observer';

/** What a test needs in addition to the shared connection, and what it may do to the guest. */
export interface TestOptions {
  /** Keys that the driver under test must advertise with a value other than 0; with a leading `!`, must not. */
  readonly gate?: string | readonly string[];
  /** A key that the test is about, although it also runs without it. */
  readonly about?: string;
  /** A request to which the guest's own stack must reply. */
  readonly reflector?: Reflector;
  /** Whether it observes the uses of grants by other domains. */
  readonly observer?: boolean;
  /** Whether it changes words while the driver under test reads them. */
  readonly flicker?: boolean;
  readonly needs?: Ability;
  /** Whether it makes connections of its own, in addition to the shared one. */
  readonly fresh?: boolean;
  /** Whether it may take the guest down. */
  readonly destructive?: boolean;
  /** Whether it waits for minutes: on real Xen it runs with `--slow` only. */
  readonly long?: boolean;
}

/** The context of tests of both roles. `P` is the peer. */
export interface TestContext<P> {
  readonly domain: Domain;
  /**
   * The peer of the shared connection, which is made if necessary; its interface is configured and has replied to ARP.
   */
  connect(): Promise<P>;
  /**
   * Verifies one thing. A chai assertion that fails in `body`, a timeout and a violation that a peer detects all count
   * against `requirements`. The test ends there, unless all of them are SHOULDs, which are recorded as warnings.
   */
  check(requirements: string | readonly string[], body: () => unknown): Promise<void>;
  /**
   * Prepares what the test is about, in a step that has requirements of its own: a driver that crashes or hangs in it
   * breaks these, and not those of the test.
   */
  during<T>(requirements: readonly string[], step: () => Promise<T>): Promise<T>;
  /** Number of rounds of a race: `usual`, or at least `many` (default: 10 000) in a run that may take long (`--slow`). */
  rounds(usual: number, many?: number): number;
  /** The resources that the driver's domain holds; undefined where the host cannot count them. */
  held(): Holdings | undefined;
  /** Adds a note to the result, without influence on the verdict. */
  info(text: string): void;
  /** Ends the test as skipped: its subject cannot be observed with this driver or on this host. */
  skip(reason: string): never;
}

/** The context of a test of a backend; its peer is a frontend. */
export interface BackendTest extends TestContext<FrontendPeer> {
  /** Makes a connection for this test only; it is closed at its end. */
  fresh(options?: FrontendOptions): Promise<FrontendPeer>;
  /** Creates a vif without connecting it; `handle` is that of one that was removed (default: one that no vif has). */
  plug(options?: { readonly handle?: number }): Promise<FrontendPeer>;
  /** Removes a vif, as the toolstack does. */
  unplug(peer: FrontendPeer): Promise<void>;
  /**
   * Configures the address of the network interface of a vif and resolves its MAC; afterwards its stack replies. `ms`
   * is the time limit.
   */
  configure(peer: FrontendPeer, options?: { readonly ms?: number }): Promise<void>;
  /** Bridges the network interfaces of two vifs, also of vifs that were bridged before and have reconnected. */
  bridge(peers: readonly [FrontendPeer, FrontendPeer]): Promise<void>;
  /** Makes two connections for this test only, whose interfaces are bridged. */
  bridged(from?: FrontendOptions, to?: FrontendOptions): Promise<[FrontendPeer, FrontendPeer]>;
  /** Unbinds the driver from a vif, whatever the state of its peer. */
  unbind(peer: FrontendPeer): Promise<void>;
  /** Binds the driver to a vif again; its interface is to be configured again. */
  bind(peer: FrontendPeer): Promise<void>;
}

/** The context of a test of a frontend; its peer is a backend. */
export interface FrontendTest extends TestContext<BackendPeer> {
  /**
   * Makes a connection for this test only; it is closed at its end. `keys` are what the backend advertises, `own` what
   * the toolstack writes to the frontend's directory.
   */
  fresh(keys?: Readonly<Record<string, string>>, own?: Readonly<Record<string, string>>): Promise<BackendPeer>;
  /** Creates a vif without connecting it; `handle` is one that no current vif has (default: a handle not used yet). */
  plug(
    keys?: Readonly<Record<string, string>>,
    own?: Readonly<Record<string, string>>,
    handle?: number,
  ): Promise<BackendPeer>;
  /** Whether the network interface of a vif has a carrier. */
  hasCarrier(peer: BackendPeer): Promise<boolean>;
  /** Unbinds the driver from a vif whose peer has closed. */
  unbind(peer: BackendPeer): Promise<void>;
  /** Binds the driver to a vif again, which may last until the backend connects. */
  bind(peer: BackendPeer): Promise<void>;
  /**
   * Saves and restores the guest. Returns the peer of the new vif, whose backend advertises `keys`; all other vifs are
   * removed.
   */
  restore(peer: BackendPeer, keys?: Readonly<Record<string, string>>): Promise<BackendPeer>;
  /** Saves the guest and lets it continue, with all its vifs. */
  checkpoint(): Promise<void>;
  /** Removes a vif, as the toolstack does. */
  unplug(peer: BackendPeer): Promise<void>;
  /**
   * Configures the address of the network interface of a vif and resolves its MAC; afterwards its stack replies. `ms`
   * is the time limit.
   */
  configure(peer: BackendPeer, options?: { readonly ms?: number }): Promise<void>;
  /** Bridges the network interfaces of two vifs, also of vifs that were bridged before and have reconnected. */
  bridge(peers: readonly [BackendPeer, BackendPeer]): Promise<void>;
  /** Makes two connections for this test only, whose interfaces are bridged. */
  bridged(
    from?: Readonly<Record<string, string>>,
    to?: Readonly<Record<string, string>>,
  ): Promise<[BackendPeer, BackendPeer]>;
}

/** The context that a test's body is given, by the role of the driver under test. */
export interface TestOf {
  readonly backend: BackendTest;
  readonly frontend: FrontendTest;
}

export interface TestDefinition<R extends Role> {
  /** Permanent: role.chapter.name. */
  readonly id: string;
  readonly role: R;
  readonly chapter: string;
  readonly title: string;
  readonly options: TestOptions;
  /** file:line */
  readonly location: string;
  readonly body: (t: TestOf[R]) => Promise<void>;
}

export type Tests = readonly (TestDefinition<'backend'> | TestDefinition<'frontend'>)[];

/**
 * Whether it is the connection test of its role: if a plain connection fails, the others are skipped as blocked by it.
 */
export function isAnchor(test: Tests[number]): boolean {
  return test.id === anchorOf(test.role);
}

type Body<R extends Role> = TestDefinition<R>['body'];

type Declare<R extends Role> = {
  (name: string, title: string, body: Body<R>): void;
  (name: string, title: string, options: TestOptions, body: Body<R>): void;
};

interface Chapter<R extends Role> {
  readonly tests: TestDefinition<R>[];
  readonly test: Declare<R>;
}

/** A chapter of tests of backends; they run in the order of their declaration. */
export function backendChapter(chapter: string): Chapter<'backend'> {
  return chapterOf('backend', chapter);
}

/** A chapter of tests of frontends; they run in the order of their declaration. */
export function frontendChapter(chapter: string): Chapter<'frontend'> {
  return chapterOf('frontend', chapter);
}

function chapterOf<R extends Role>(role: R, chapter: string): Chapter<R> {
  const tests: TestDefinition<R>[] = [];
  const test = (name: string, title: string, second: TestOptions | Body<R>, third?: Body<R>): void => {
    const [options, body] = typeof second === 'function' ? [{}, second] : [second, third];
    if (!body) throw new Error(`test ${name} has no body`);
    const declared = new Error();
    tests.push({
      id: `${role}.${chapter}.${name}`,
      role,
      chapter,
      title,
      options,
      // Computed on demand: the stacks of all tests would take a tenth of the start-up time or more.
      get location() {
        return PACKAGED_LOCATIONS[this.id] ?? suiteLine(declared);
      },
      body,
    });
  };
  return { tests, test };
}

/** The locations of all tests in the sources; only the package has them, since it has no source maps. */
const PACKAGED_LOCATIONS = readLocations(new URL('./locations.json', import.meta.url));

function readLocations(file: URL): Readonly<Record<string, string>> {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}

/** Where the suite declares a test: the first line of the stack that is in suites/. */
function suiteLine({ stack = '' }: Error): string {
  const at = /(suites\/[^\s()]+?:\d+):\d+\)?$/m.exec(stack);
  return at?.[1] ?? 'suites';
}
