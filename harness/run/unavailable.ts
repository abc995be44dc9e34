import type { SkipClass } from './record.js';

/** The target lacks something that a test requests. The test is skipped; the message says why. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';

  constructor(
    readonly kind: SkipClass,
    reason: string,
  ) {
    super(reason);
  }
}
