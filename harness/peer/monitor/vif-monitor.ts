import type { Domain, GrantRef, GrantUse } from '../../xen/domain.js';
import type { Directory } from './directory.js';
import type { Monitor } from './monitor.js';
import type { Situations } from './situations.js';

/** The monitor, for the peer of one vif. */
export class VifMonitor {
  /** Situations that are no longer checked. */
  readonly #ignored = new Set<keyof Situations>();
  #looking = true;
  /** Multicast groups that the peer requested on this vif, in hexadecimal. */
  readonly #groups = new Set<string>();

  /** @param monitor the monitor of the session; without one, nothing is checked */
  constructor(
    private readonly monitor: Monitor | undefined,
    private readonly domain: Domain,
  ) {}

  see<K extends keyof Situations>(kind: K, seen: () => Situations[K]): void {
    if (this.#looking && this.monitor && !this.#ignored.has(kind)) this.monitor.see(kind, seen());
  }

  /** Current uses of the peer's grants by other domains; empty where they cannot be observed. */
  uses(refs: readonly GrantRef[]): GrantUse[] {
    const { id, observer } = this.domain;
    return observer.grantUseNow ? refs.map((ref) => observer.grantUseNow?.(id, ref) ?? 'unknown') : [];
  }

  /**
   * The peer is about to break a rule itself: from here on the test alone judges what the driver does on this vif.
   *
   * @param kinds the situations in which the driver may then behave differently (default: all)
   */
  lookAway(...kinds: (keyof Situations)[]): void {
    this.#looking &&= kinds.length > 0;
    for (const kind of kinds) this.#ignored.add(kind);
  }

  /** The peer is about to send a malformed packet, for which the driver may stop serving the rings. */
  lookAwayFromRings(): void {
    this.lookAway('atRest', 'channel');
  }

  /** Records that the peer requests the group in the first 6 bytes of `address`. */
  asksFor(address: Uint8Array): void {
    this.#groups.add(groupOf(address));
  }

  /** Whether the peer ever requested the multicast group of a frame. */
  askedFor(frame: Uint8Array): boolean {
    return this.#groups.has(groupOf(frame));
  }
}

/** The end whose keys bind the sender of a packet. */
export interface Agreement {
  readonly receiver: Directory;
  readonly mtu: number;
}

const groupOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 6)).toString('hex');
