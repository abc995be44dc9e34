/** The sequences of each role: how a sequence begins, and the steps that may follow. */
import fc, { type Arbitrary, type AsyncCommand } from 'fast-check';
import { UsageError } from '../../base/errors.js';
import type { Role, Script } from '../../run/record.js';
import type { TestDefinition, TestOf, Tests } from '../../run/suite.js';
import { Command, type Progress, type Step, type StepHooks } from '../step.js';
import { type BackendModel, type BackendWorld, connected, optionsOf } from './backend.js';
import { BACKEND_CONNECTIONS } from './backend-connection.js';
import { BACKEND_CONTROL } from './backend-control.js';
import { BACKEND_TRAFFIC, stillPasses } from './backend-traffic.js';
import { anyChoice, type Choice, type Offer, offerOf } from './choice.js';
import { type FrontendModel, type FrontendWorld, keysOf } from './frontend.js';
import { FRONTEND_CONNECTIONS } from './frontend-connection.js';
import { bothPass, FRONTEND_TRAFFIC } from './frontend-traffic.js';

/** The first connections of a sequence. */
export type Start = readonly [Choice, Choice];
const START: Arbitrary<Start> = fc.tuple(anyChoice, anyChoice);

const isStart = (start: unknown): start is Start => START.canShrinkWithoutContext(start);

/** The most steps of a sequence. */
const MOST_STEPS = 40;

/** A sequence to be run. */
export interface Sequence {
  readonly start: Start;
  /**
   * The test that makes the first connections and runs the steps, as far as each is possible then.
   *
   * @param offer what the driver advertises
   */
  test(offer: Offer, hooks: StepHooks): Tests[number];
}

/** The sequences of a role. */
export interface Sequences {
  readonly role: Role;
  /** The requirements that the checks of its steps name. */
  readonly checks: readonly string[];
  /** Any sequence; fast-check shrinks it to a shorter one with simpler choices. */
  readonly any: Arbitrary<Sequence>;
  /** The sequence of a script. Throws a UsageError if a step is unknown or its choices are none of this version. */
  parse(script: Script): Sequence;
}

/** How a sequence begins and ends. */
interface Frame<R extends Role, W, M> {
  /** Makes the first connections. */
  readonly open: (t: TestOf[R], offer: Offer, start: Start) => Promise<{ world: W; model: M }>;
  /** Checks that both vifs still work. */
  readonly close: (world: W) => Promise<void>;
}

type Define<R extends Role> = (body: TestDefinition<R>['body']) => Tests[number];

function sequencesOf<R extends Role, W, M>(
  role: R,
  steps: readonly Step<W, M, unknown>[],
  { open, close }: Frame<R, W, M>,
  define: Define<R>,
): Sequences {
  const sequence = (start: Start, commands: Iterable<AsyncCommand<Progress<M>, W, false>>): Sequence => ({
    start,
    test: (offer, hooks) =>
      define(async (t) => {
        const { world, model } = await open(t, offer, start);
        const setup = (): { model: Progress<M>; real: W } => ({ model: { model, ...hooks }, real: world });
        await fc.asyncModelRun(setup, commands);
        await close(world);
      }),
  });
  const commands = fc.commands<Progress<M>, W, false>(
    steps.map((step) => step.args.map((args) => new Command(step, args))),
    { maxCommands: MOST_STEPS, size: 'max' },
  );
  return {
    role,
    checks: [...new Set(steps.flatMap(({ checks }) => checks))],
    any: fc.tuple(START, commands).map(([start, chosen]) => sequence(start, chosen)),
    parse: ({ start, steps: notes }) => {
      if (!isStart(start)) throw new UsageError('its first connections are none of this version');
      return sequence(
        start,
        notes.map(({ step: name, args }) => {
          const step = steps.find((each) => each.name === name);
          if (!step?.args.canShrinkWithoutContext(args)) {
            throw new UsageError(`its step "${name}" with ${JSON.stringify(args)} is none of this version`);
          }
          return new Command(step, args);
        }),
      );
    },
  };
}

const COMMON = {
  chapter: 'explore',
  title: 'keeps the protocol in any sequence of steps',
  options: { fresh: true, needs: 'bridge' },
  location: 'harness/explore',
} as const;

const BACKEND: Frame<'backend', BackendWorld, BackendModel> = {
  async open(t, offer, [first, second]) {
    const models = [connected(first, offer), connected(second, offer)] as const;
    const vifs = await t.bridged(optionsOf(models[0]), optionsOf(models[1]));
    // A bridge need not forward frames to an address from which it has seen none.
    await vifs[0].announce();
    return { world: { t, vifs, frames: 0 }, model: { offer, vifs: models } };
  },
  async close(world) {
    for (const end of [0, 1] as const) await stillPasses(world, end, 'TXW-36');
  },
};

const FRONTEND: Frame<'frontend', FrontendWorld, FrontendModel> = {
  async open(t, _, choices) {
    const vifs = await t.bridged(keysOf(choices[0]), keysOf(choices[1]));
    return { world: { t, vifs }, model: { offers: [offerOf(vifs[0].published), offerOf(vifs[1].published)] } };
  },
  close: (world) => bothPass(world, 'RXW-33'),
};

/** The sequences by role. */
export const SEQUENCES: Readonly<Record<Role, Sequences>> = {
  backend: sequencesOf(
    'backend',
    [...BACKEND_TRAFFIC, ...BACKEND_CONTROL, ...BACKEND_CONNECTIONS],
    BACKEND,
    (body) => ({ ...COMMON, id: 'backend.explore.sequence', role: 'backend', body }),
  ),
  frontend: sequencesOf('frontend', [...FRONTEND_TRAFFIC, ...FRONTEND_CONNECTIONS], FRONTEND, (body) => ({
    ...COMMON,
    id: 'frontend.explore.sequence',
    role: 'frontend',
    body,
  })),
};
