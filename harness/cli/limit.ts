/** `--max-failures`: a run that ends before its last test. */
import { outcome } from '../../reports/records.js';
import type { ResultRecord } from '../run/record.js';
import { FailureLimit } from '../run/stop.js';

export interface LimitOptions {
  readonly maxFailures?: number;
  readonly strict?: boolean;
}

/** Adds the records of a run to its results until the limit of failures is reached. */
export class LimitedRun {
  readonly #stop = new AbortController();
  readonly #options: LimitOptions;
  readonly #add: (record: ResultRecord) => void;
  #failures = 0;
  /** Fires if the run should end after its current test, also on an interrupt. */
  readonly signal: AbortSignal;

  constructor(options: LimitOptions, interrupt: AbortSignal, add: (record: ResultRecord) => void) {
    this.#options = options;
    this.#add = add;
    this.signal = AbortSignal.any([interrupt, this.#stop.signal]);
  }

  /** Adds a record. If that throws, ends the run and throws: no later record could be written. */
  add(record: ResultRecord): void {
    try {
      this.#add(record);
    } catch (error) {
      this.#stop.abort(error);
      throw error;
    }
    const { maxFailures, strict = false } = this.#options;
    if (record.type !== 'test' || outcome(record, strict) !== 'failed') return;
    this.#failures++;
    if (this.#failures === maxFailures) this.#stop.abort(new FailureLimit(maxFailures));
  }
}
