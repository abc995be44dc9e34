import { CommandError, run } from '../base/process.js';
import { EnvironmentError } from './environment.js';

/** Runs xl and returns its output. Throws an EnvironmentError with the reason if it fails. */
export async function xl(...args: string[]): Promise<string> {
  try {
    return (await run('xl', args)).toString();
  } catch (error) {
    const why = error instanceof CommandError && error.stderr !== '' ? error.stderr : String(error);
    throw new EnvironmentError(`xl ${args.join(' ')} failed: ${why}`, { cause: error });
  }
}
