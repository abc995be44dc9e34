/** The commands and firmware that the lab needs on its host, by Debian package. */
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture } from './architecture.js';
import { LabError } from './error.js';
import { TOOL_PATH } from '../base/process.js';
import { run } from './process.js';
import type { Progress } from './progress.js';

/** Each package with a file that shows whether it is installed: an absolute path, or a command in PATH. */
const PACKAGES: readonly (readonly [name: string, sign: string])[] = [
  ['mmdebstrap', 'mmdebstrap'],
  ['squashfs-tools', 'mksquashfs'],
  ['cpio', 'cpio'],
  ['xz-utils', 'xz'],
  ['zstd', 'zstd'],
  ['openssh-client', 'ssh-keygen'],
  ['kmod', 'depmod'],
  ['util-linux', 'setpriv'],
  ['dpkg', 'dpkg-deb'],
];

/** The Debian packages that a lab of this architecture needs and that are missing on this host. */
export function missingPackages({ tools }: Architecture): string[] {
  return [...tools, ...PACKAGES].filter(([, sign]) => !isPresent(sign)).map(([name]) => name);
}

function isPresent(sign: string): boolean {
  if (sign.startsWith('/')) return existsSync(sign);
  return TOOL_PATH.split(':').some((directory) => {
    try {
      accessSync(join(directory, sign), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Makes sure that the host has the packages.
 * @throws LabError with the missing ones, unless `install` is set and apt-get can install them
 */
export async function ensureTools(
  architecture: Architecture,
  install: boolean,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new LabError(
      `the lab needs Linux on x86-64, and this is ${process.platform} on ${process.arch}; use another host`,
    );
  }
  const missing = missingPackages(architecture);
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (!install) {
    throw new LabError(`missing Debian packages: ${list}; run again with --install, or: apt-get install ${list}`);
  }
  if (process.getuid?.() !== 0) throw new LabError(`installing ${list} needs root; run again as root`);
  if (!isPresent('apt-get'))
    throw new LabError(`apt-get is missing; install the equivalents of ${list} with this system's package manager`);
  const get = (...args: string[]) =>
    run('apt-get', ['-qq', '--no-install-recommends', '-y', ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      signal,
    });
  await progress.step('downloaded host packages', async () => {
    await get('update');
    await get('install', '--download-only', ...missing);
  });
  await progress.step('installed host packages', () => get('install', ...missing));
  const still = missingPackages(architecture);
  if (still.length > 0)
    throw new LabError(`apt-get installed ${list}, but ${still.join(' ')} is still missing; check PATH`);
}
