/** Reasons for which a run ends before its last test. */
import type { EndRecord } from './record.js';

/** The abort reason of a run that has reached its limit of failures. */
export class FailureLimit extends Error {
  constructor(readonly failures: number) {
    super(`stopped after ${failures} ${failures === 1 ? 'failure' : 'failures'}`);
    this.name = 'FailureLimit';
  }
}

/** The end record's fields for a run that `signal` has ended. */
export function cutShort({ reason }: AbortSignal): Pick<EndRecord, 'complete' | 'reason' | 'stoppedAfter'> {
  if (!(reason instanceof FailureLimit)) return { complete: false, reason: 'interrupted' };
  return { complete: false, reason: reason.message, stoppedAfter: reason.failures };
}
