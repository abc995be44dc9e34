/** An exploration as a session: from opening the target to the end record. */
import { z } from 'zod';
import { type Role, ROLES, type Script } from '../run/record.js';
import { type SessionOptions, withSession } from '../run/session.js';
import { Explorer, type Limits } from './explorer.js';
import { combinations, EXCHANGE } from './combinations.js';
import { type Sequence, SEQUENCES } from './model/index.js';
import { explorable, explorationRecords } from './records.js';

/** What an exploration does. */
export interface ExploreWork {
  readonly limits: Limits;
  /** A sequence to run instead of random ones. */
  readonly script?: Script;
  /** Runs the combinations of this many values of all options instead of random sequences. */
  readonly strength?: number;
}

export interface ExploreOptions extends ExploreWork {
  readonly signal: AbortSignal;
  readonly onProgress?: (explorer: Explorer) => void;
  /** Called before each step with the sequence up to it. */
  readonly onStep?: (script: Script) => void;
}

/**
 * Explores a target, or runs one sequence again, and emits a session record, a record for each requirement and an end
 * record. Throws as `runSession` does.
 */
export function exploreSession(
  options: SessionOptions,
  { limits, script, strength, signal, ...hooks }: ExploreOptions,
): Promise<void> {
  const { role, name } = options.target;
  const sequences = SEQUENCES[role];
  // A sequence of forty steps may last longer than a test.
  return withSession({ ...options, slow: true }, async (session) => {
    // One more: what is not about a requirement.
    await session.begin(explorable(sequences).filter(session.claimed).length + 1);
    const explorer = new Explorer(session, sequences, options.catalogue, signal, hooks);
    if (script) await explorer.runAll([sequences.parse(script)]);
    else if (strength === undefined) await explorer.explore(limits);
    else await explorer.runAll(combined(role, strength, explorer));
    await session.end(() => explorationRecords(explorer, sequences, name, options.catalogue, session.claimed));
  });
}

/** A sequence for each row of a covering array: one vif has the options of the row, the other those of the next. */
function combined(role: Role, strength: number, explorer: Explorer): Sequence[] {
  const { rows, covered, possible } = combinations(strength);
  explorer.notes.push(`${rows.length} connections have ${covered} of ${possible} combinations of ${strength} values`);
  return rows.map((row, n) => {
    const next = rows[(n + 1) % rows.length] ?? row;
    return SEQUENCES[role].parse({ role, start: [row, next], steps: EXCHANGE[role] });
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
