/** Converts the addon's errors into the port's. */
import { PageError, XenError } from '../domain.js';

function translated(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  if (code === 'ERR_PAGE') return new PageError(error.message);
  if (typeof code === 'string') return XenError.refused(code, error.message);
  return error;
}

/**
 * Calls the addon. Throws {@link PageError} or {@link XenError}; other errors are bugs of netifspec and pass unchanged.
 */
export function call<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw translated(error);
  }
}

/** Like {@link call}, for a promise of the addon. */
export async function callAsync<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw translated(error);
  }
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof XenError && codes.includes(error.code);
}
