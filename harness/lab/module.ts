/** A user's kernel module in place of the guest's stock one. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { LabError } from './error.js';
import { CommandError } from '../base/process.js';
import { run } from './process.js';

export interface Replacement {
  readonly file: string;
  readonly guest: 'netfront' | 'netback';
  /** The stock module's path in the guest, where /lib is a link. */
  readonly path: string;
  /** Hash of the file. */
  readonly hash: string;
}

/**
 * Finds the module that a file replaces, by the name inside the file.
 * @throws LabError if the file is not an xen-netfront or xen-netback for the lab's kernel
 */
export async function readModule(file: string, kernel: string, signal: AbortSignal): Promise<Replacement> {
  if (!existsSync(file)) throw new LabError(`${file}: no such file; give the path of a .ko`);
  const field = async (name: string) => {
    try {
      return (await run('modinfo', ['-F', name, file], { signal })).toString().trim();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new LabError(`${file} is not a kernel module; give a .ko that is not compressed`, { cause: error });
    }
  };
  const name = (await field('name')).replaceAll('_', '-');
  const paths: Readonly<Record<string, string>> = {
    'xen-netfront': 'drivers/net/xen-netfront.ko',
    'xen-netback': 'drivers/net/xen-netback/xen-netback.ko',
  };
  const path = paths[name];
  if (path === undefined)
    throw new LabError(`${file} is the module "${name}"; the lab replaces xen-netfront and xen-netback only`);
  const release = (await field('vermagic')).split(' ')[0];
  if (release !== kernel) {
    throw new LabError(
      `${file} is built for Linux ${release}, but the lab runs ${kernel}; build it with the headers of that kernel`,
    );
  }
  return {
    file,
    guest: name === 'xen-netfront' ? 'netfront' : 'netback',
    path: `/usr/lib/modules/${kernel}/kernel/${path}`,
    hash: createHash('sha256').update(readFileSync(file)).digest('hex'),
  };
}
