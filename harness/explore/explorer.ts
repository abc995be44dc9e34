/** Runs random sequences against a driver, and reduces each new kind of failure to the shortest sequence that has it. */
import fc from 'fast-check';
import { type Monitor, monitored } from '../peer/monitor/monitor.js';
import { EnvironmentError } from '../run/environment.js';
import { verdictOfLevels } from '../run/judge.js';
import type { CheckRecord, FailureClass, Script, StepNote, TestRecord } from '../run/record.js';
import type { Session } from '../run/session.js';
import type { Catalogue } from '../run/catalogue.js';
import { offerOf } from './model/choice.js';
import type { Sequence, Sequences } from './model/index.js';

/** How often a shortest sequence is run again, and how often at most if it does not fail each time. */
const CONFIRMATIONS = 2;
const MOST_CONFIRMATIONS = 20;
/** What is spent on shortening one sequence that fails, unless a limit says otherwise: sequences, and milliseconds. */
const MOST_SHORTER = 200;
const SHORTER_MS = 60_000;
/** Random sequences of one seed; an exploration that may run more continues with the next seed. */
const SEQUENCES_OF_ONE_SEED = 1000;
/** An exploration ends after so many sequences in a row that prove nothing. */
const MOST_ERRORS = 3;

/** A failure of one run of a sequence. */
export interface Failure {
  /** The failed check, with the ids of the broken requirements; none if the driver crashed or took no part. */
  readonly check: CheckRecord;
  readonly class?: FailureClass | undefined;
  /** The last steps before the failure. */
  readonly trace?: TestRecord['trace'];
  /** The record of the run. */
  readonly record: TestRecord;
}

/** A kind of failure: its shortest sequence, and how often that fails. */
export interface Found extends Failure {
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
  /** The most sequences that are run to shorten one that fails. */
  readonly shorter?: number;
  readonly seed: number;
}

/** What was tried. */
export interface Coverage {
  readonly steps: ReadonlyMap<string, number>;
  /** Pairs of consecutive steps, as `first second`. */
  readonly pairs: ReadonlyMap<string, number>;
}

/** One run of a sequence. */
interface Outcome {
  readonly steps: readonly StepNote[];
  readonly failure?: Failure;
}

export interface ExplorerHooks {
  /** Called after each sequence. */
  readonly onProgress?: (explorer: Explorer) => void;
  /** Called before each step with the sequence up to it. */
  readonly onStep?: (script: Script) => void;
}

export class Explorer {
  readonly found: Found[] = [];
  /** The records that prove nothing: faults of netifspec or of the environment. */
  readonly errors: TestRecord[] = [];
  sequences = 0;
  steps = 0;
  /** What else is to be said of what was tried. */
  readonly notes: string[] = [];
  readonly #held = new Map<string, number>();
  readonly #steps = new Map<string, number>();
  readonly #pairs = new Map<string, number>();
  readonly #monitored: readonly string[];
  readonly #started = performance.now();
  #errorsInARow = 0;

  constructor(
    private readonly session: Session,
    private readonly sequencesOf: Sequences,
    private readonly catalogue: Catalogue,
    private readonly signal: AbortSignal,
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

  /** How long it has lasted, in milliseconds. */
  get durationMs(): number {
    return Math.round(performance.now() - this.#started);
  }

  /** Runs random sequences until a limit is reached. A failure that was found by then is still shortened. */
  async explore({ sequences = Infinity, ms, shorter = MOST_SHORTER, seed }: Limits): Promise<void> {
    const end = ms === undefined ? Infinity : this.durationMs + ms;
    let left = sequences;
    const goesOn = (): boolean => left > 0 && this.durationMs < end && this.#works();
    for (let part = 0; goesOn(); part++) {
      const most = Math.min(left, SEQUENCES_OF_ONE_SEED);
      await this.#until(seed + part, most, () => goesOn() && left-- > 0, { sequences: shorter, ms: ms ?? SHORTER_MS });
    }
  }

  /** Runs these sequences; those with a new kind of failure as often as is needed to say how reliably they fail. */
  async runAll(sequences: readonly Sequence[]): Promise<void> {
    for (const sequence of sequences) {
      if (!this.#works()) return;
      const outcome = await this.#run(sequence);
      if (outcome.failure && !this.#knows(outcome.failure)) await this.#keep(sequence, outcome);
    }
  }

  /**
   * Runs random sequences until one has a new kind of failure; shortens and keeps that.
   *
   * @param most no more random sequences are made up, since even those that are not run cost time
   * @param mayTry whether one more random sequence may be run; it is counted
   * @param shortening what may be spent on shortening
   */
  async #until(
    seed: number,
    most: number,
    mayTry: () => boolean,
    shortening: { readonly sequences: number; readonly ms: number },
  ): Promise<void> {
    let shortest: { readonly sequence: Sequence; readonly outcome: Outcome } | undefined;
    let [tried, end] = [0, 0];
    const mayShorten = (): boolean => tried++ < shortening.sequences && this.durationMs < end && this.#works();
    const property = fc.asyncProperty(this.sequencesOf.any, async (sequence) => {
      // fast-check counts to a limit of its own; what is left of it then passes.
      if (!(shortest ? mayShorten() : mayTry())) return true;
      const outcome = await this.#run(sequence);
      const { failure } = outcome;
      if (!failure) return true;
      const isSame = shortest ? isSameKind(failure, shortest.outcome.failure) : !this.#knows(failure);
      if (isSame && !shortest) end = this.durationMs + shortening.ms;
      if (isSame) shortest = { sequence, outcome };
      return !isSame;
    });
    await fc.check(property, { seed, numRuns: most });
    if (shortest) await this.#keep(...(await this.#shortened(shortest.sequence, shortest.outcome)));
  }

  /** Leaves out each step in turn without which a sequence still fails: fast-check tries some of these only. */
  async #shortened(sequence: Sequence, outcome: Outcome): Promise<[Sequence, Outcome]> {
    let best: [Sequence, Outcome] = [sequence, outcome];
    for (let n = outcome.steps.length - 1; n >= 0 && this.#works(); n--) {
      const steps = best[1].steps.filter((_, at) => at !== n);
      const shorter = this.sequencesOf.parse({ role: this.sequencesOf.role, start: sequence.start, steps });
      const again = await this.#run(shorter);
      if (isSameKind(best[1].failure, again.failure)) best = [shorter, again];
    }
    return best;
  }

  /** Whether another sequence may be run. */
  #works(): boolean {
    return !this.signal.aborted && this.session.lost === undefined && this.#errorsInARow < MOST_ERRORS;
  }

  /** Whether a kind of failure is known; counts it. */
  #knows(failure: Failure): boolean {
    const known = this.found.find((each) => isSameKind(each, failure));
    if (known) known.sequences++;
    return known !== undefined;
  }

  /** Keeps a new kind of failure, after its shortest sequence was run again. */
  async #keep(sequence: Sequence, { failure, steps }: Outcome): Promise<void> {
    if (!failure) return;
    let failed = 1;
    let tried = 1;
    const most = (): number => (failed === tried ? CONFIRMATIONS + 1 : MOST_CONFIRMATIONS);
    for (; tried < most() && this.#works(); tried++) {
      const again = await this.#run(sequence);
      if (isSameKind(failure, again.failure)) failed++;
    }
    const script = { role: this.sequencesOf.role, start: sequence.start, steps };
    this.found.push({ ...failure, script, failed, tried, sequences: 1 });
  }

  /**
   * Runs a sequence on fresh vifs.
   *
   * @throws EnvironmentError if the target can't make two bridged vifs
   */
  async #run(sequence: Sequence): Promise<Outcome> {
    const { monitor } = this.session;
    const { role } = this.sequencesOf;
    const steps: StepNote[] = [];
    monitor?.forget();
    const record = await this.session.runTest(
      sequence.test(offerOf(this.session.features), {
        onStep: (step) => {
          steps.push(step);
          this.hooks.onStep?.({ role, start: sequence.start, steps });
        },
        goesOn: () => !this.signal.aborted,
        destructive: this.session.destructive,
      }),
    );
    this.sequences++;
    this.#count(steps);
    const violations = monitor ? this.#violations(monitor) : [];
    const passed = record.checks.filter(({ verdict }) => verdict === 'pass');
    for (const id of new Set(passed.flatMap(({ requirements }) => requirements))) this.#hold(id);
    this.hooks.onProgress?.(this);
    this.#errorsInARow = record.verdict === 'error' ? this.#errorsInARow + 1 : 0;
    if (record.verdict === 'error') {
      this.errors.push(record);
      return { steps };
    }
    if (record.skip && steps.length === 0) throw new EnvironmentError(`nothing to explore: ${record.skip.reason}`);
    const failures: Failure[] = [
      ...record.checks.map((check) => ({ check, class: record.class, trace: record.trace, record })),
      ...violations.map((violation) => ({ ...violation, record })),
    ];
    const failure =
      failures.find(({ check }) => check.verdict === 'fail') ?? failures.find(({ check }) => check.verdict === 'warn');
    return failure ? { steps, failure } : { steps };
  }

  /** The violations that the monitor saw in the last sequence; counts what it saw kept. */
  #violations(monitor: Monitor): Omit<Failure, 'record'>[] {
    return this.#monitored.flatMap((id): Omit<Failure, 'record'>[] => {
      if (!this.session.claimed(id)) return [];
      const { kept, broken, first } = monitor.tally(id);
      if (kept > 0 && broken === 0) this.#hold(id);
      if (!first) return [];
      const { verdict, class: kind } = verdictOfLevels([this.catalogue.requirement(id).level]);
      const check = { requirements: [id], verdict, failure: { observed: first.message } };
      return [{ check, class: kind, trace: first.trace }];
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

/** Whether two failures break the same requirements, or are of the same class if they break none. */
function isSameKind(one: Failure | undefined, other: Failure | undefined): boolean {
  const kind = ({ check, class: name }: Failure): string => check.requirements.join(' ') || (name ?? check.verdict);
  return one !== undefined && other !== undefined && kind(one) === kind(other);
}
