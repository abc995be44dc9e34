/**
 * Starts the command line on a host to which it was copied. On an emulated processor, compiling the program takes
 * longer than most tests, so V8's compiled code is kept next to it for later starts. (Node offers the same from version
 * 22.8 on.)
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';

/** The form of the command line in the bundle: a function of the variables in a module's scope. */
type Program = (require: NodeJS.Require, folder: string, url: string) => void;

const folder = import.meta.dirname;
const filename = join(folder, 'netifspec.js');
const cache = `${filename}.cache`;
const cachedData = kept();
const script = new Script(
  // The file is ASCII; latin1 is the fastest encoding to read it.
  readFileSync(filename, 'latin1'),
  {
    filename,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData && { cachedData }),
  },
);
// At exit, V8 has compiled the functions that were called. V8 rejects the cache of another Node.
if (cachedData === undefined || script.cachedDataRejected) process.once('exit', keep);
(script.runInThisContext() as Program)(createRequire(filename), folder, pathToFileURL(filename).href);

function kept(): Buffer | undefined {
  try {
    return readFileSync(cache);
  } catch {
    // There is no cache yet, or it is not readable.
    return undefined;
  }
}

/** Writes the cache atomically, since other processes may read or write it at the same time. */
function keep(): void {
  const unfinished = `${cache}.${process.pid}`;
  try {
    writeFileSync(unfinished, script.createCachedData());
    renameSync(unfinished, cache);
  } catch {
    // The disk is full or read-only: the next start compiles again.
    rmSync(unfinished, { force: true });
  }
}
