import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { loadNative } from '../../../native/index.js';

/** Xen's devices and the module that provides each. */
const DEVICES = [
  ['/dev/xen/evtchn', 'xen-evtchn'],
  ['/dev/xen/gntdev', 'xen-gntdev'],
  ['/dev/xen/gntalloc', 'xen-gntalloc'],
] as const;
const XENSTORE = ['/var/run/xenstored/socket', '/dev/xen/xenbus', '/proc/xen/xenbus'];

function isUsable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether this OS runs under a Xen hypervisor; undefined if the OS doesn't report it. */
export function onXen(): boolean | undefined {
  if (process.platform !== 'linux') return undefined;
  const file = '/sys/hypervisor/type';
  return existsSync(file) && readFileSync(file, 'utf8').trim() === 'xen';
}

/**
 * Why this process can't act as a domain, one sentence per problem with its remedy; empty if it can. On a machine
 * without Xen no other problem is reported.
 */
export function nativeProblems(): string[] {
  if (onXen() === false) {
    return ['This host does not run Xen: test on a dom0 or a Xen guest ("--on HOST"), or use "netifspec lab run".'];
  }
  const problems: string[] = [];
  const addon = loadNative();
  if ('unavailable' in addon) problems.push(addon.unavailable);
  else {
    const libraries = addon.libraryProblems();
    if (libraries.length > 0) {
      problems.push(
        `Xen's libraries cannot be loaded: install libxengnttab1, libxenevtchn1 and libxenstore4 (${libraries.join('; ')}).`,
      );
    }
  }
  if (process.getuid?.() !== 0) problems.push("Xen's devices and xenstore need root: run as root.");
  for (const [device, module] of DEVICES) {
    if (!existsSync(device)) problems.push(`${device} is missing: run "modprobe ${module}".`);
    else if (!isUsable(device)) problems.push(`${device} cannot be opened: run as root.`);
  }
  if (!XENSTORE.some((file) => existsSync(file)))
    problems.push(`xenstore cannot be reached: start xenstored, or mount xenfs (looked for ${XENSTORE.join(', ')}).`);
  return problems;
}
