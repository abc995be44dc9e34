/** Exit codes: 0 as expected, 1 not, 2 bad usage or target file, 3 the environment failed. */
import { RemoteError } from '../remote/error.js';
import { EnvironmentError } from '../run/environment.js';
import { YamlFileError } from '../run/yaml-file-error.js';
import { PageError, XenError } from '../xen/domain.js';

/** The command line asks for something that can't be had. One sentence that says what can. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Errors whose message says it all; of any other the stack is shown, since it is a fault of netifspec. */
const PLAIN = new Set(['EnvironmentError', 'XenError', 'SshError', 'LabError', 'AbortError']);

/** Tells on stderr why the command failed and answers its exit code. */
export function fail(error: unknown): 2 | 3 {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`netifspec: ${text}\n`);
  if (error instanceof UsageError || error instanceof YamlFileError) return 2;
  if (error instanceof RemoteError) return error.exitCode;
  const plain = error instanceof EnvironmentError || error instanceof XenError || error instanceof PageError;
  if (!plain && error instanceof Error && !PLAIN.has(error.name)) process.stderr.write(`${error.stack ?? ''}\n`);
  return 3;
}
