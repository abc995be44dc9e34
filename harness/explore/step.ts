/** The steps of a sequence: what the peers do next, and what must come of it. */
import type { Arbitrary, AsyncCommand } from 'fast-check';
import type { StepNote } from '../run/record.js';

/**
 * One kind of step.
 *
 * @template W the peers, and what checks are made with
 * @template M what the peers know of the driver under test: plain data that is never changed, only replaced
 * @template A what is chosen for a step: JSON
 */
export interface Step<W, M, A> {
  readonly name: string;
  /** The requirements that its checks name. */
  readonly checks: readonly string[];
  /** Whether it may take the guest of a driver with a bug down: it is done only where the target allows that. */
  readonly destructive?: true;
  /** The choices. */
  readonly args: Arbitrary<A>;
  /** Whether the peers may do it now. */
  when(model: M, args: A): boolean;
  /** Does it, and checks what came of it. Returns the model after it. */
  run(world: W, model: M, args: A): Promise<M>;
}

/** What accompanies the steps of a sequence. */
export interface StepHooks {
  /** Called before each step that is run. */
  readonly onStep: (note: StepNote) => void;
  /** Whether more steps may be run: not after an interrupt. */
  readonly goesOn: () => boolean;
  /** Whether destructive steps may be run. */
  readonly destructive: boolean;
}

/** A sequence that is being run. */
export interface Progress<M> extends StepHooks {
  model: M;
}

/** A step with its choices, as fast-check runs it: the model decides whether it is possible. */
export class Command<W, M> implements AsyncCommand<Progress<M>, W, false> {
  constructor(
    readonly step: Step<W, M, unknown>,
    readonly args: unknown,
  ) {}

  check({ model, goesOn, destructive }: Readonly<Progress<M>>): boolean {
    return goesOn() && (destructive || !this.step.destructive) && this.step.when(model, this.args);
  }

  async run(progress: Progress<M>, world: W): Promise<void> {
    progress.onStep({ step: this.step.name, args: this.args });
    progress.model = await this.step.run(world, progress.model, this.args);
  }
}

/** A step on one line: `send way=0 length=64`. */
export function noteText({ step, args }: StepNote): string {
  const choices = Object.entries(args ?? {}).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [step, ...choices].join(' ');
}
