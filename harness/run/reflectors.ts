/** Finds out what the network stack of the driver under test replies to by itself. */
import type { Clock } from '../xen/domain.js';
import { Expired } from '../xen/wait.js';
import type { AnyPeer } from '../peer/any-peer.js';
import { type Reflector, REFLECTORS } from '../peer/context.js';
import { PING_HEADERS } from '../peer/peer.js';
import { LARGEST_FRAME } from '../packet/ethernet.js';

/** Time for a reply, in milliseconds before scaling. */
const ANSWER_MS = 1000;
/** Minimum number of attempts for each request: any frame may be lost. */
const TRIES = 3;

/** The requests to which the guest's stack replies. */
export class Reflectors {
  readonly #answered = new Set<Reflector>();
  /** The attempts for each request without a reply, in words. */
  readonly #silent = new Map<Reflector, string>();

  /** @param promised the requests to which the stack is known to reply; their lack is held against the driver */
  constructor(private readonly promised: ReadonlySet<Reflector>) {}

  /** Whether the stack replies to a request, or is known to. */
  has(reflector: Reflector): boolean {
    return this.promised.has(reflector) || this.answered(reflector);
  }

  /** Whether the stack has replied to a request. */
  answered(reflector: Reflector): boolean {
    return this.#answered.has(reflector);
  }

  /** The attempts for a request without a reply, for people. */
  asked(reflector: Reflector): string {
    return this.#silent.get(reflector) ?? this.#silent.get('arp') ?? 'not asked';
  }

  /**
   * Sends each request several times. Without an ARP reply the other requests cannot be sent, so ARP is asked until
   * `end`, the time by which the guest must have booted. A stack that has replied to it is up: what else it does not
   * reply to now is asked again later. Returns the names of those with a reply.
   */
  async ask(peer: AnyPeer, end: number): Promise<string> {
    const ask: Record<Reflector, () => Promise<unknown>> = {
      arp: () => peer.resolve({ ms: ANSWER_MS }),
      icmp: () => peer.ping({ ms: ANSWER_MS }),
      'icmp-full': () => peer.ping({ length: LARGEST_FRAME - PING_HEADERS, ms: ANSWER_MS }),
      tcp: () => peer.syn({ ms: ANSWER_MS }),
    };
    for (const reflector of REFLECTORS) {
      if (this.#answered.has(reflector)) continue;
      const tries = await triesOf(ask[reflector], peer.context.patience.clock, reflector === 'arp' ? end : 0);
      if (tries === undefined) this.#answered.add(reflector);
      else this.#silent.set(reflector, `${reflector} asked ${tries}`);
      if (reflector === 'arp' && tries !== undefined) break;
    }
    return [...this.#answered].join(' ');
  }
}

/** Repeats until there is a reply; without one, returns the number of attempts and their duration. */
async function triesOf(ask: () => Promise<unknown>, clock: Clock, end: number): Promise<string | undefined> {
  const start = clock.now();
  for (let tries = 1; ; tries++) {
    try {
      await ask();
      return undefined;
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      const now = clock.now();
      if (tries >= TRIES && now >= end) return `${tries} times in ${Math.round((now - start) / 1000)} s`;
    }
  }
}
