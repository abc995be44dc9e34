/** What the lab needs from its host: commands and firmware, by the Debian packages that bring them. */
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from './error.js';
import { run, TOOL_PATH } from './process.js';
import type { Progress } from './progress.js';

/** Each package with one thing that tells whether it is there. A path is looked up as it is, a word in PATH. */
const PACKAGES: readonly (readonly [name: string, sign: string])[] = [
  ['qemu-system-x86', 'qemu-system-x86_64'],
  ['seabios', '/usr/share/seabios/bios-256k.bin'],
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

/** The Debian packages that are missing on this host. */
export function missingPackages(): string[] {
  return PACKAGES.filter(([, sign]) => !isPresent(sign)).map(([name]) => name);
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
 * Sees to the host's packages.
 *
 * @throws LabError naming the missing ones, unless `install` is set and apt-get can install them.
 */
export async function ensureTools(install: boolean, progress: Progress, signal: AbortSignal): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new LabError(`The lab needs Linux on x86-64 (this is ${process.platform} on ${process.arch}).`);
  }
  const missing = missingPackages();
  if (missing.length === 0) return;
  const list = missing.join(' ');
  if (!install) {
    throw new LabError(`Missing on this host: ${list}. Run again with --install, or: apt-get install ${list}`);
  }
  if (process.getuid?.() !== 0) throw new LabError(`Installing ${list} needs root: run again as root.`);
  if (!isPresent('apt-get')) throw new LabError(`There is no apt-get here; install what brings ${list} by hand.`);
  const get = (...args: string[]) =>
    run('apt-get', ['-qq', '--no-install-recommends', '-y', ...args], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
      signal,
    });
  await progress.step('host packages downloaded', async () => {
    await get('update');
    await get('install', '--download-only', ...missing);
  });
  await progress.step('host packages installed', () => get('install', ...missing));
  const still = missingPackages();
  if (still.length > 0) throw new LabError(`apt-get installed ${list}, but ${still.join(' ')} is still not found.`);
}
