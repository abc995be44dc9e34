import { EnvironmentError, GuestGone } from './environment.js';
import type { Iut } from './iut.js';

/** Guests that are made anew in a row before it's plain that this doesn't help. */
const GUESTS = 3;

/** What is wrong with the environment. */
export interface Trouble {
  readonly cause: unknown;
  /** Nothing can be tested any more. */
  readonly forGood: boolean;
}

/** Whether the guest of a session is still there, and another one in its place when it isn't. */
export class GuestKeeper {
  #missing = false;
  /** Guests lost in a row, with no test passing in between. */
  #lost = 0;

  constructor(
    private readonly iut: Iut,
    private readonly log: (line: string) => void,
  ) {}

  /** The guest was found gone. */
  get missing(): boolean {
    return this.#missing;
  }

  /** It was found gone, and can be made anew. */
  get gone(): boolean {
    return this.#missing && this.iut.recreate !== undefined;
  }

  /** Asks whether the environment is well; undefined if it is. */
  async trouble(): Promise<Trouble | undefined> {
    try {
      await this.iut.alive();
      return undefined;
    } catch (cause) {
      this.#missing = cause instanceof GuestGone;
      return { cause, forGood: cause instanceof EnvironmentError && !this.gone };
    }
  }

  /** Makes the guest anew. Throws an EnvironmentError where that was of no use before, or can't be done. */
  async replace(): Promise<void> {
    this.#missing = false;
    if (++this.#lost > GUESTS) throw new EnvironmentError(`the guest was lost ${GUESTS} times in a row`);
    this.log('the guest is gone and is made anew');
    await this.iut.recreate?.();
  }

  /** A test has passed: the guest is of use. */
  passed(): void {
    this.#lost = 0;
  }
}
