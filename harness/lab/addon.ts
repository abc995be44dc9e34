/** netifspec for the lab's dom0, with the addon for its architecture. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import { type Pack, packWithAddon } from '../remote/pack.js';
import type { Architecture } from './architecture.js';
import { run } from './process.js';
import type { Progress } from './progress.js';

/** Compiles the addon of the package; only a clone has it. */
const SCRIPT = join(packageRoot, 'native/prebuild.mjs');
const SOURCES = join(packageRoot, 'native/src');

/**
 * The pack for hosts of this architecture. In a clone, the addon for another one than the host's is compiled if it is
 * missing or older than its sources.
 * @throws RemoteError if the addon is missing
 */
export async function packFor({ node }: Architecture, progress: Progress, signal: AbortSignal): Promise<Pack> {
  const addon = join(packageRoot, `native/prebuilds/linux-${node}/netifspec_native.node`);
  if (node !== process.arch && existsSync(SCRIPT) && isOlder(addon, SOURCES))
    await progress.step(`compiled the addon for ${node}`, () =>
      run(process.execPath, [SCRIPT, node, addon], { signal }),
    );
  return packWithAddon(packageRoot, undefined, node);
}

/** Whether a file is missing, or older than a file in a folder. */
export function isOlder(file: string, folder: string): boolean {
  const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
  return readdirSync(folder).some((name) => statSync(join(folder, name)).mtimeMs > made);
}
