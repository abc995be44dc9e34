/**
 * Starts the command line on a host that it was taken to. Where the processor is an emulated one, to compile the program
 * takes longer than most tests: what V8 made of it is kept beside it, for those who start it after the first. (Node does
 * the same when asked to, but only from version 22.8 on.)
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';

/** What the bundle makes of the command line: a function of what a module finds in its scope. */
type Program = (require: NodeJS.Require, folder: string, url: string) => void;

const folder = import.meta.dirname;
const filename = join(folder, 'netifspec.js');
const cache = `${filename}.cache`;
const cachedData = kept();
const script = new Script(
  // It's ASCII, which is read fastest this way.
  readFileSync(filename, 'latin1'),
  {
    filename,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData && { cachedData }),
  },
);
// At the end V8 knows the functions that were called; another Node's cache is none for this one.
if (cachedData === undefined || script.cachedDataRejected) process.once('exit', keep);
(script.runInThisContext() as Program)(createRequire(filename), folder, pathToFileURL(filename).href);

function kept(): Buffer | undefined {
  try {
    return readFileSync(cache);
  } catch {
    // There is none yet, or none for us to read.
    return undefined;
  }
}

/** Comes whole or not at all: others may be at it, and read it. */
function keep(): void {
  const unfinished = `${cache}.${process.pid}`;
  try {
    writeFileSync(unfinished, script.createCachedData());
    renameSync(unfinished, cache);
  } catch {
    // No room, or not ours to write: the next one compiles as this one did.
    rmSync(unfinished, { force: true });
  }
}
