/**
 * Exit codes: 0 results as expected, 1 not as expected, 2 wrong usage or invalid file, 3 failure of the environment.
 */
import { stderr } from '../base/terminal.js';
import { messageOf, NetifspecError } from '../base/errors.js';

/** Prints to stderr why the command failed. Returns its exit code. */
export function fail(error: unknown): 2 | 3 {
  const hint = error instanceof NetifspecError && error.hint !== undefined ? `; ${error.hint}` : '';
  stderr.line(`netifspec: ${messageOf(error)}${hint}`);
  if (error instanceof NetifspecError) return error.exitCode;
  if (error instanceof Error && error.name !== 'AbortError') stderr.line(error.stack ?? '');
  return 3;
}
