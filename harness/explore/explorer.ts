/** Runs random sequences against a driver, and reduces each new kind of failure to the shortest sequence that has it. */
import fc from 'fast-check';
import type { Monitor } from '../peer/monitor/monitor.js';
import { monitored } from '../peer/monitor/monitor.js';
import { verdictOfLevels } from '../run/judge.js';
import type { CheckRecord, Script, StepNote, TestRecord } from '../run/record.js';
import type { Session } from '../run/session.js';
import type { Catalogue } from '../run/catalogue.js';
import { offerOf } from './model/choice.js';
import type { Sequence, Sequences } from './model/index.js';

/** How often a shortest sequence is run again, and how often at most if it does not fail each time. */
const CONFIRMATIONS = 2;
const MOST_CONFIRMATIONS = 20;
/** The most sequences that are run to shorten one that fails. */
const MOST_SHORTER = 200;

/** A kind of failure: what it breaks, its shortest sequence, and how often that fails. */
export interface Found {
  /** Ids of the broken requirements; empty if the driver crashed or did not take part in a connection. */
  readonly requirements: readonly string[];
  /** The record of the shortest sequence. */
  readonly record: TestRecord;
  readonly script: Script;
  readonly failed: number;
  readonly tried: number;
  /** In how many random sequences it was seen. */
  sequences: number;
}

/** What an exploration may spend: it ends with the first limit that is reached. */
export interface Limits {
  readonly sequences?: number;
  readonly ms?: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** What was tried. */
export interface Coverage {
  readonly steps: ReadonlyMap<string, number>;
  /** Pairs of consecutive steps, as `first second`. */
  readonly pairs: ReadonlyMap<string, number>;
}

/** One run of a sequence. */
interface Outcome {
  readonly record: TestRecord;
  readonly notes: readonly StepNote[];
  /** The broken requirements, or the class of a failure that breaks none; undefined if all were kept. */
  readonly failure?: { readonly kind: string; readonly requirements: readonly string[]; readonly record: TestRecord };
}

export interface ExplorerHooks {
  /** Called after each sequence. */
  readonly onProgress?: (explorer: Explorer) => void;
  /** Called before each step with the sequence up to it. */
  readonly onStep?: (script: Script) => void;
}

export class Explorer {
  readonly found: Found[] = [];
  /** The first record that proves nothing: a fault of netifspec or of the environment. */
  error: TestRecord | undefined;
  sequences = 0;
  steps = 0;
  /** What else is to be said of what was tried. */
  readonly notes: string[] = [];
  readonly #held = new Map<string, number>();
  readonly #steps = new Map<string, number>();
  readonly #pairs = new Map<string, number>();
  readonly #monitored: readonly string[];

  constructor(
    private readonly session: Session,
    private readonly sequencesOf: Sequences,
    private readonly catalogue: Catalogue,
    private readonly hooks: ExplorerHooks = {},
  ) {
    this.#monitored = monitored(sequencesOf.role);
  }

  get coverage(): Coverage {
    return { steps: this.#steps, pairs: this.#pairs };
  }

  /** In how many sequences a requirement was checked and kept. */
  held(requirement: string): number {
    return this.#held.get(requirement) ?? 0;
  }

  /** The requirements that any sequence has checked. */
  get checked(): string[] {
    return [...new Set([...this.#held.keys(), ...this.found.flatMap(({ requirements }) => requirements)])];
  }

  /** Runs random sequences until a limit is reached. A failure that was found by then is still shortened. */
  async explore({ sequences = Infinity, ms = Infinity, seed, signal }: Limits): Promise<void> {
    const end = performance.now() + ms;
    let left = sequences;
    const goesOn = (): boolean => left > 0 && performance.now() < end && !signal.aborted && this.#works();
    for (let part = 0; goesOn(); part++) {
      await this.#until(
        seed + part,
        () => goesOn() && left-- > 0,
        () => !signal.aborted && this.#works(),
      );
    }
  }

  /** Runs these sequences; those with a new kind of failure as often as is needed to say how reliably they fail. */
  async runAll(sequences: readonly Sequence[], signal: AbortSignal): Promise<void> {
    for (const sequence of sequences) {
      if (signal.aborted || !this.#works()) return;
      const outcome = await this.#run(sequence);
      if (outcome.failure && !this.#knows(outcome.failure.kind)) await this.#keep(sequence, outcome);
    }
  }

  /**
   * Runs random sequences until one has a new kind of failure; shortens and keeps that.
   *
   * @param mayTry whether one more random sequence may be run; it is counted
   * @param mayShorten whether a failure may still be shortened
   */
  async #until(seed: number, mayTry: () => boolean, mayShorten: () => boolean): Promise<void> {
    let shortest: { readonly sequence: Sequence; readonly outcome: Outcome } | undefined;
    let shorter = 0;
    const property = fc.asyncProperty(this.sequencesOf.any, async (sequence) => {
      // fast-check counts to a limit of its own; what is left of it then passes.
      if (!(shortest ? mayShorten() && shorter++ < MOST_SHORTER : mayTry())) return true;
      const outcome = await this.#run(sequence);
      const kind = outcome.failure?.kind;
      if (kind === undefined) return true;
      const isSame = shortest ? kind === shortest.outcome.failure?.kind : !this.#knows(kind);
      if (isSame) shortest = { sequence, outcome };
      return !isSame;
    });
    await fc.check(property, { seed, numRuns: 1000 });
    if (shortest) await this.#keep(shortest.sequence, shortest.outcome);
  }

  #works(): boolean {
    return this.session.lost === undefined && this.error === undefined;
  }

  /** Whether a kind of failure is known; counts it. */
  #knows(kind: string): boolean {
    const known = this.found.find(({ requirements, record }) => kindOf(requirements, record) === kind);
    if (known) known.sequences++;
    return known !== undefined;
  }

  /** Keeps a new kind of failure, after its shortest sequence was run again. */
  async #keep(sequence: Sequence, { failure, notes }: Outcome): Promise<void> {
    if (!failure) return;
    let failed = 1;
    let tried = 1;
    const most = (): number => (failed === tried ? CONFIRMATIONS + 1 : MOST_CONFIRMATIONS);
    for (; tried < most() && this.#works(); tried++) {
      const again = await this.#run(sequence);
      if (again.failure?.kind === failure.kind) failed++;
    }
    const { requirements, record } = failure;
    this.found.push({
      requirements,
      record,
      script: { role: this.sequencesOf.role, start: sequence.start, steps: notes },
      failed,
      tried,
      sequences: 1,
    });
  }

  /** Runs a sequence on fresh vifs. */
  async #run(sequence: Sequence): Promise<Outcome> {
    const { monitor } = this.session;
    const { role } = this.sequencesOf;
    const notes: StepNote[] = [];
    monitor?.forget();
    const record = await this.session.runTest(
      sequence.test(offerOf(this.session.features), (note) => {
        notes.push(note);
        this.hooks.onStep?.({ role, start: sequence.start, steps: notes });
      }),
    );
    this.sequences++;
    this.#count(notes);
    const violations = monitor ? this.#violations(monitor) : [];
    for (const id of new Set(
      record.checks.flatMap(({ verdict, requirements }) => (verdict === 'pass' ? requirements : [])),
    )) {
      this.#hold(id);
    }
    this.hooks.onProgress?.(this);
    if (record.verdict === 'error') {
      this.error ??= record;
      return { record, notes };
    }
    const broken = [...record.checks.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn'), ...violations];
    const [worst] = [...broken].sort((a, b) => rank(b) - rank(a));
    if (!worst) return { record, notes };
    const verdict = worst.verdict;
    const { class: kind, ...rest } = record;
    const result = {
      ...rest,
      ...(record.verdict === 'fail' ? { class: kind } : {}),
      verdict,
      checks: [worst],
    } as TestRecord;
    return {
      record,
      notes,
      failure: { kind: kindOf(worst.requirements, result), requirements: worst.requirements, record: result },
    };
  }

  /** The violations that the monitor saw in the last sequence; counts what it saw kept. */
  #violations(monitor: Monitor): CheckRecord[] {
    return this.#monitored.flatMap((id): CheckRecord[] => {
      if (!this.session.claimed(id)) return [];
      const { kept, broken, first } = monitor.tally(id);
      if (kept > 0 && broken === 0) this.#hold(id);
      if (!first) return [];
      const { verdict } = verdictOfLevels([this.catalogue.requirement(id).level]);
      return [{ requirements: [id], verdict, failure: { observed: first.message } }];
    });
  }

  #hold(id: string): void {
    this.#held.set(id, this.held(id) + 1);
  }

  #count(notes: readonly StepNote[]): void {
    this.steps += notes.length;
    for (const [n, { step }] of notes.entries()) {
      this.#steps.set(step, (this.#steps.get(step) ?? 0) + 1);
      const next = notes[n + 1];
      if (!next) continue;
      const pair = `${step} ${next.step}`;
      this.#pairs.set(pair, (this.#pairs.get(pair) ?? 0) + 1);
    }
  }
}

const rank = ({ verdict }: CheckRecord): number => (verdict === 'fail' ? 1 : 0);

/** Names a kind of failure. */
function kindOf(requirements: readonly string[], record: TestRecord): string {
  return requirements.join(' ') || (record.class ?? record.verdict);
}
