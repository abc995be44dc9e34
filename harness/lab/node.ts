/** The Node of the lab's hosts. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture, NodePackage } from './architecture.js';
import { LabError } from './error.js';
import { run } from './process.js';

/** Puts Node into a root file system; `work` is a scratch directory. */
export async function placeNode(
  { nodePackage }: Architecture,
  root: string,
  work: string,
  signal: AbortSignal,
): Promise<void> {
  const place = join(root, 'usr/bin/node');
  if (nodePackage === undefined) await placeOwn(place, root, signal);
  else writeFileSync(place, await fetchNode(nodePackage, work, signal));
  chmodSync(place, 0o755);
}

/** Copies the Node that runs netifspec. */
async function placeOwn(place: string, root: string, signal: AbortSignal): Promise<void> {
  copyFileSync(process.execPath, place);
  chmodSync(place, 0o755);
  try {
    await run('chroot', [root, 'node', '--version'], { signal });
  } catch (error) {
    throw new LabError(
      `${process.execPath} does not run on the Debian release that the lab uses; use a Node from nodejs.org`,
      { cause: error },
    );
  }
}

/** The program in a package of the npm registry. */
async function fetchNode(wanted: NodePackage, work: string, signal: AbortSignal): Promise<Buffer> {
  const { name, version } = wanted;
  const packed = await run('npm', ['pack', '--silent', '--pack-destination', work, `${name}@${version}`], { signal });
  const file = join(work, packed.toString().trim());
  refuseOther(readFileSync(file), wanted);
  return run('tar', ['--extract', '--gzip', '--to-stdout', '--file', file, 'package/bin/node'], { signal });
}

/** Throws if a package is not the one that was pinned. */
export function refuseOther(file: Uint8Array, { name, version, integrity }: NodePackage): void {
  const found = `sha512-${createHash('sha512').update(file).digest('base64')}`;
  if (found === integrity) return;
  throw new LabError(
    `npm's ${name}@${version} has the integrity ${found} instead of ${integrity}; use another registry`,
  );
}
