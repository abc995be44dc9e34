/**
 * The monitor: rules that are checked on every packet, slot, key and ring in every test, independent of the subject of
 * the test. Peers report what they observe. There is one file of rules per chapter.
 */
import { CHECKSUM_RULES } from './checksum.js';
import { CONTROL_RULES } from './control.js';
import { EXTRA_RULES } from './extras.js';
import { GRANT_RULES } from './grants.js';
import { GSO_RULES } from './gso.js';
import { MULTICAST_RULES } from './multicast.js';
import { QUEUE_RULES } from './queues.js';
import { RECEIVE_RULES } from './receive.js';
import { RING_RULES } from './rings.js';
import type { Rule, Rules } from './rule.js';
import { SentLately } from './sent-lately.js';
import type { Situations } from './situations.js';
import { TRANSMIT_RULES } from './transmit.js';
import { UNUSED_RULES } from './unused.js';
import { STACK_RULES } from './stack.js';
import { XENBUS_RULES } from './xenbus.js';
import type { TraceStep } from '../../xen/traced.js';

const CHAPTERS: readonly Rules[] = [
  XENBUS_RULES,
  QUEUE_RULES,
  RING_RULES,
  TRANSMIT_RULES,
  RECEIVE_RULES,
  GRANT_RULES,
  UNUSED_RULES,
  CHECKSUM_RULES,
  GSO_RULES,
  EXTRA_RULES,
  MULTICAST_RULES,
  CONTROL_RULES,
  STACK_RULES,
];

/** The kinds of situations that a peer can observe, by the role of the driver. */
const KINDS = {
  frontend: [
    'transmitted',
    'listRequest',
    'packet',
    'posted',
    'withheld',
    'ctrlRequest',
    'frontendKeys',
    'mapped',
    'atRest',
    'channel',
    'toFrontendStack',
    'fromFrontendStack',
  ],
  backend: [
    'delivered',
    'packet',
    'txResponse',
    'rxError',
    'rxPublished',
    'reused',
    'ctrlResponse',
    'backendKeys',
    'closed',
    'atRest',
    'channel',
    'toBackendStack',
    'fromBackendStack',
  ],
} as const satisfies Record<string, readonly (keyof Situations)[]>;

type Kind = keyof Situations;

function rulesOf<K extends Kind>(kind: K): readonly Rule<Situations[K]>[] {
  return CHAPTERS.flatMap((rules) => rules[kind] ?? []);
}

const RULES: { readonly [K in Kind]: readonly Rule<Situations[K]>[] } = {
  transmitted: rulesOf('transmitted'),
  listRequest: rulesOf('listRequest'),
  delivered: rulesOf('delivered'),
  packet: rulesOf('packet'),
  posted: rulesOf('posted'),
  txResponse: rulesOf('txResponse'),
  rxError: rulesOf('rxError'),
  rxPublished: rulesOf('rxPublished'),
  withheld: rulesOf('withheld'),
  reused: rulesOf('reused'),
  ctrlRequest: rulesOf('ctrlRequest'),
  ctrlResponse: rulesOf('ctrlResponse'),
  frontendKeys: rulesOf('frontendKeys'),
  backendKeys: rulesOf('backendKeys'),
  closed: rulesOf('closed'),
  mapped: rulesOf('mapped'),
  atRest: rulesOf('atRest'),
  channel: rulesOf('channel'),
  toFrontendStack: rulesOf('toFrontendStack'),
  toBackendStack: rulesOf('toBackendStack'),
  fromFrontendStack: rulesOf('fromFrontendStack'),
  fromBackendStack: rulesOf('fromBackendStack'),
};

/** The results for one requirement over a run. */
export interface Tally {
  /** Number of situations in which the requirement was kept. */
  kept: number;
  /** Number of situations in which the requirement was broken. */
  broken: number;
  first?: FirstViolation;
}

/** The first violation of a requirement. */
export interface FirstViolation {
  /** The id of the running test; absent before the first test. */
  readonly test?: string;
  readonly message: string;
  /** The last steps before the violation, oldest first. */
  readonly trace: readonly TraceStep[];
}

/** The results of a monitor, by requirement. */
export type Tallies = Readonly<Record<string, Readonly<Tally>>>;

/** Checks one driver for the duration of a session. */
export class Monitor {
  readonly #tallies = new Map<string, Tally>();
  /** What all peers sent. */
  readonly sentLately = new SentLately();
  #test: string | undefined;

  /**
   * @param trace returns the last steps; called when a requirement is broken for the first time
   * @param earlier the results of a monitor before this one
   */
  constructor(
    private readonly trace: () => readonly TraceStep[] = () => [],
    earlier: Tallies = {},
  ) {
    for (const [id, tally] of Object.entries(earlier)) this.#tallies.set(id, { ...tally });
  }

  /** All results up to now. */
  get tallies(): Tallies {
    return Object.fromEntries(this.#tallies);
  }

  /** Sets the test to which later observations belong. */
  enter(test: string): void {
    this.#test = test;
  }

  /** Applies all rules for this kind of situation to what a peer observed. */
  see<K extends Kind>(kind: K, seen: Situations[K]): void {
    for (const { id, judge } of RULES[kind]) {
      const judgement = judge(seen);
      if (judgement === undefined) continue;
      const tally = this.#tally(id);
      if (judgement === true) tally.kept++;
      else {
        tally.broken++;
        tally.first ??= { ...(this.#test && { test: this.#test }), message: judgement, trace: this.trace() };
      }
    }
  }

  /** Forgets all results, so that those of the next part of a session stand alone. */
  forget(): void {
    this.#tallies.clear();
  }

  /** The results for a requirement; both counts are 0 if its situation did not arise. */
  tally(id: string): Readonly<Tally> {
    return this.#tallies.get(id) ?? { kept: 0, broken: 0 };
  }

  #tally(id: string): Tally {
    const known = this.#tallies.get(id);
    if (known) return known;
    const tally: Tally = { kept: 0, broken: 0 };
    this.#tallies.set(id, tally);
    return tally;
  }
}

/** The requirements that the monitor checks for a role, in the order of the rules. */
export function monitored(role: keyof typeof KINDS): string[] {
  return [...new Set(KINDS[role].flatMap((kind) => RULES[kind].map(({ id }) => id)))];
}
