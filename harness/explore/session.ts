/** An exploration as a session: from opening the target to the end record. */
import { z } from 'zod';
import { ROLES, type Script } from '../run/record.js';
import { type SessionOptions, withSession } from '../run/session.js';
import { Explorer, type Limits } from './explorer.js';
import { SEQUENCES } from './model/index.js';
import { explorable, explorationRecords } from './records.js';

export interface ExploreOptions {
  readonly limits: Limits;
  /** A sequence to run instead of random ones. */
  readonly script?: Script;
  readonly onProgress?: (explorer: Explorer) => void;
}

/**
 * Explores a target, or runs one sequence again, and emits a session record, a record for each requirement and an end
 * record. Throws as `runSession` does.
 */
export function exploreSession(options: SessionOptions, { limits, script, onProgress }: ExploreOptions): Promise<void> {
  const { role, name } = options.target;
  const sequences = SEQUENCES[role];
  return withSession(options, async (session) => {
    // One more: what is not about a requirement.
    await session.begin(explorable(sequences).filter(session.claimed).length + 1);
    const explorer = new Explorer(session, sequences, options.catalogue, onProgress);
    await (script ? explorer.replay(sequences.parse(script)) : explorer.explore(limits));
    await session.end(() => explorationRecords(explorer, sequences, name, options.catalogue, session.claimed));
  });
}

const scriptSchema = z.object({
  role: z.enum(ROLES),
  start: z.array(z.unknown()),
  steps: z.array(z.object({ step: z.string(), args: z.unknown() })),
});

/** The script in the text of a file; undefined if it holds none. */
export function scriptIn(text: string): Script | undefined {
  try {
    return scriptSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
