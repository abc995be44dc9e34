/** GitHub Actions: the summary of a step, annotations, and a log whose lines are not commands. */
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import type { MarkdownOptions } from '../../reports/markdown.js';
import type { Group } from '../../reports/records.js';

export function isOnGithub(): boolean {
  return process.env['GITHUB_ACTIONS'] === 'true';
}

/** Ends the quoting of the log; set while it lasts. */
let token: string | undefined;

/**
 * Until the process ends, stops the runner from executing lines of the log as commands: they may quote a driver or its
 * guest.
 */
export function quoteLog(out: NodeJS.WritableStream): void {
  if (token !== undefined) return;
  token = randomUUID();
  out.write(`::stop-commands::${token}\n`);
  process.once('exit', () => out.write(`::${token}::\n`));
}

/** Appends a summary of the results to the summary of the step, and prints an annotation for each cause to `out`. */
export async function publishOnGithub(
  groups: readonly Group[],
  options: MarkdownOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const [{ markdown }, { annotations }] = await Promise.all([
    import('../../reports/markdown.js'),
    import('../../reports/annotations.js'),
  ]);
  const file = process.env['GITHUB_STEP_SUMMARY'];
  if (file) appendFileSync(file, `${markdown(groups, options)}\n`);
  const lines = annotations(groups, options.strict);
  if (lines.length === 0) return;
  const quoted = token === undefined ? lines : [`::${token}::`, ...lines, `::stop-commands::${token}`];
  // In one piece: another run of this process may print at the same time.
  out.write(quoted.map((line) => `${line}\n`).join(''));
}
