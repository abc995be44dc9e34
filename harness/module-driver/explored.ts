/** Explores a third-party driver, in a separate process that may hang or crash. */
import { explorationEnd } from '../explore/records.js';
import type { ResultRecord, Script, SessionRecord } from '../run/record.js';
import { cutShort } from '../run/stop.js';
import type { ChildJob } from './protocol.js';
import { emptySession, notLoaded, watch } from './watched.js';

/**
 * Does an exploration and emits its records. A sequence in which the driver hangs or throws is a failure, which ends the
 * exploration.
 *
 * @throws UsageError if the module is not a driver, EnvironmentError if its process does not start
 */
export async function exploreWatched(
  job: ChildJob,
  onRecord: (record: ResultRecord) => void,
  signal: AbortSignal,
): Promise<void> {
  let session: SessionRecord | undefined;
  let script: Script | undefined;
  const early = await watch(job, {
    signal,
    onMessage: (message) => {
      if (message.type === 'sequence') script = message.script;
      if (message.type !== 'record') return;
      if (message.record.type === 'session') session = message.record;
      onRecord(message.record);
    },
  });
  if (!early) return;
  if (!early.loaded && !signal.aborted) throw notLoaded(job.module, early);
  if (!session) onRecord(emptySession(job, 1));
  const end = { type: 'end', target: job.name, finished: new Date().toISOString() } as const;
  if (signal.aborted) return onRecord({ ...end, ...cutShort(signal) });
  onRecord(explorationEnd(job.name, job.role, early.why, script));
  onRecord({ ...end, complete: false, reason: 'the driver ended the exploration', stoppedAfter: 1 });
}
