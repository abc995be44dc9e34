/** The address under which a CI engine shows a folder of results. */
import { relative } from 'node:path';
import { UsageError } from '../base/errors.js';

/** The address that `--url` names, else the one of the running job; undefined if the engine shows no files. */
export function resultsUrl(folder: string, url: string | undefined): URL | undefined {
  if (url !== undefined) return given(url);
  const { CI_JOB_URL, CI_PROJECT_DIR, BUILD_URL, WORKSPACE } = process.env;
  if (CI_JOB_URL && CI_PROJECT_DIR) return below(`${CI_JOB_URL}/artifacts/file/`, CI_PROJECT_DIR, folder);
  if (BUILD_URL && WORKSPACE) return below(`${BUILD_URL}artifact/`, WORKSPACE, folder);
  return undefined;
}

function given(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:')
    throw new UsageError(`--url ${url}: expected an address that begins with https:// or http://`);
  return parsed;
}

/** The address of `folder` if it is below `root`, the folder of the job. */
function below(base: string, root: string, folder: string): URL | undefined {
  const path = relative(root, folder);
  return path.startsWith('..') ? undefined : new URL(`${base}${path.split('/').map(encodeURIComponent).join('/')}/`);
}
