/** The vocabulary that the suites are written in. */
import type { BackendPeer } from '../peer/backend.js';
import type { FrontendPeer, FrontendOptions } from '../peer/frontend.js';
import type { Domain } from '../xen/domain.js';
import { anchorOf, type Role } from './record.js';
import type { Reflector } from './reflectors.js';

/**
 * What a test has done to the guest besides giving an interface its address: join two of them, ask one whether it has a
 * carrier, make the driver give up its device and take it again, save the guest and restore it.
 */
export type Ability = 'bridge' | 'carrier' | 'rebind' | 'restore';

/** What a test needs besides a connection, and what it may do to the guest. */
export interface TestOptions {
  /**
   * Keys that the implementation under test must advertise as something other than 0; with `!` before it, must not.
   */
  readonly gate?: string | readonly string[];
  /** A key that the test is about, which runs without it all the same. */
  readonly about?: string;
  /** Questions that the guest's own stack must answer. */
  readonly reflector?: Reflector;
  /** Needs to see who uses which grant. */
  readonly observer?: boolean;
  readonly needs?: Ability;
  /** Makes connections of its own besides the shared one. */
  readonly fresh?: boolean;
  /** May take the guest down. */
  readonly destructive?: boolean;
}

/** What tests of both roles may use. `P` is the peer, the other end of the vif. */
export interface TestContext<P> {
  readonly domain: Domain;
  /** The connection that tests share, made when it isn't there; its stack is configured and has answered ARP. */
  connect(): Promise<P>;
  /**
   * Verifies one thing. A chai assertion that fails in `body`, an answer that doesn't come and a violation that a peer
   * sees all count against `requirements`: the test ends there, unless every one of them is a SHOULD, which is noted.
   */
  check(requirements: string | readonly string[], body: () => unknown): Promise<void>;
  /** How often a test of a race tries: `usual` times, or at least ten thousand in a run that may take long (`--slow`). */
  rounds(usual: number): number;
  /** A note on the result that is no verdict. */
  info(text: string): void;
  /** Ends the test as skipped: what it is about can't be seen at this driver or on this host. */
  skip(reason: string): never;
}

/** A test of a backend has a frontend peer. */
export interface BackendTest extends TestContext<FrontendPeer> {
  /** A connection of the test's own, closed when it ends. */
  fresh(options?: FrontendOptions): Promise<FrontendPeer>;
  /** A vif that nobody has connected. */
  plug(): Promise<FrontendPeer>;
  /** Takes a vif out, as the toolstack does. */
  unplug(peer: FrontendPeer): Promise<void>;
  /**
   * Gives the interface behind a vif its address and learns its MAC: after this its stack answers. `ms` is how long it
   * gets to.
   */
  configure(peer: FrontendPeer, options?: { readonly ms?: number }): Promise<void>;
  /** Joins the interfaces of two vifs, also of such as were joined before and have connected anew. */
  bridge(peers: readonly [FrontendPeer, FrontendPeer]): Promise<void>;
  /** Two connections of the test's own, whose interfaces are joined: what goes in at one comes out at the other. */
  bridged(from?: FrontendOptions, to?: FrontendOptions): Promise<[FrontendPeer, FrontendPeer]>;
}

/** A test of a frontend has a backend peer. */
export interface FrontendTest extends TestContext<BackendPeer> {
  /**
   * A connection of the test's own, closed when it ends. `keys` are what the backend advertises, `own` what the
   * toolstack writes into the frontend's directory.
   */
  fresh(keys?: Readonly<Record<string, string>>, own?: Readonly<Record<string, string>>): Promise<BackendPeer>;
  /** A vif that nobody has connected. */
  plug(keys?: Readonly<Record<string, string>>, own?: Readonly<Record<string, string>>): Promise<BackendPeer>;
  /** Whether the interface behind a vif has a carrier. */
  hasCarrier(peer: BackendPeer): Promise<boolean>;
  /** Makes the driver give up a vif whose peer has closed. */
  unbind(peer: BackendPeer): Promise<void>;
  /** Makes the driver take a vif again, which may last as long as the backend lets it wait. */
  bind(peer: BackendPeer): Promise<void>;
  /** Saves the guest and restores it; answers the peer of that vif's successor. No other vif is left. */
  restore(peer: BackendPeer): Promise<BackendPeer>;
  /** Takes a vif out, as the toolstack does. */
  unplug(peer: BackendPeer): Promise<void>;
  /**
   * Gives the interface behind a vif its address and learns its MAC: after this its stack answers. `ms` is how long it
   * gets to.
   */
  configure(peer: BackendPeer, options?: { readonly ms?: number }): Promise<void>;
  /** Two connections of the test's own, whose interfaces are joined: what goes in at one comes out at the other. */
  bridged(
    from?: Readonly<Record<string, string>>,
    to?: Readonly<Record<string, string>>,
  ): Promise<[BackendPeer, BackendPeer]>;
}

export interface TestDefinition<T> {
  /** Permanent: role.chapter.name. */
  readonly id: string;
  readonly role: Role;
  readonly chapter: string;
  readonly title: string;
  readonly options: TestOptions;
  /** file:line */
  readonly location: string;
  readonly body: (t: T) => Promise<void>;
}

export type Tests = readonly (TestDefinition<BackendTest> | TestDefinition<FrontendTest>)[];

/** The test that all others of its role stand on: if a plain connection fails, they are skipped as blocked by it. */
export function isAnchor(test: Tests[number]): boolean {
  return test.id === anchorOf(test.role);
}

type Declare<T> = {
  (name: string, title: string, body: (t: T) => Promise<void>): void;
  (name: string, title: string, options: TestOptions, body: (t: T) => Promise<void>): void;
};

/** A chapter of tests of backends, in the order in which they are declared. */
export function backendChapter(chapter: string): { tests: TestDefinition<BackendTest>[]; test: Declare<BackendTest> } {
  return chapterOf('backend', chapter);
}

/** A chapter of tests of frontends, in the order in which they are declared. */
export function frontendChapter(chapter: string): {
  tests: TestDefinition<FrontendTest>[];
  test: Declare<FrontendTest>;
} {
  return chapterOf('frontend', chapter);
}

function chapterOf<T>(role: Role, chapter: string): { tests: TestDefinition<T>[]; test: Declare<T> } {
  const tests: TestDefinition<T>[] = [];
  const test = (
    name: string,
    title: string,
    second: TestOptions | ((t: T) => Promise<void>),
    third?: (t: T) => Promise<void>,
  ): void => {
    const [options, body] = typeof second === 'function' ? [{}, second] : [second, third];
    if (!body) throw new Error(`test ${name} has no body`);
    const declared = new Error();
    tests.push({
      id: `${role}.${chapter}.${name}`,
      role,
      chapter,
      title,
      options,
      // Only when it's asked for: the stacks of all tests would take a tenth of a program's start-up and more.
      get location() {
        return suiteLine(declared);
      },
      body,
    });
  };
  return { tests, test };
}

/** Where the suite declared a test: the first line of the stack that lies in suites/. */
function suiteLine({ stack = '' }: Error): string {
  const at = /(suites\/[^\s()]+?:\d+):\d+\)?$/m.exec(stack);
  return at?.[1] ?? 'suites';
}
