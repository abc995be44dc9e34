import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { loadNative } from '../../../native/index.js';

/** Xen's devices, and what provides each. */
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

/** Whether a Xen hypervisor runs this OS; undefined where the OS doesn't tell. */
export function onXen(): boolean | undefined {
  if (process.platform !== 'linux') return undefined;
  const file = '/sys/hypervisor/type';
  return existsSync(file) && readFileSync(file, 'utf8').trim() === 'xen';
}

/** What keeps this process from being a domain, each in a sentence with its remedy; empty if nothing does. */
export function nativeProblems(): string[] {
  const problems: string[] = [];
  const addon = loadNative();
  if ('unavailable' in addon) problems.push(addon.unavailable);
  else {
    const libraries = addon.libraryProblems();
    if (libraries.length > 0) {
      problems.push(
        `Libraries of Xen's can't be loaded (${libraries.join('; ')}): install Xen's tool libraries (libxengnttab1, …).`,
      );
    }
  }

  if (onXen() === false) {
    problems.push('This machine runs on no Xen: use a dom0 or a guest of Xen, "netifspec lab", or the simulator.');
    return problems;
  }
  if (process.getuid?.() !== 0) problems.push("This isn't root: Xen's devices and xenstore need root.");
  for (const [device, module] of DEVICES) {
    if (!existsSync(device)) problems.push(`${device} is missing: run "modprobe ${module}".`);
    else if (!isUsable(device)) problems.push(`${device} can't be opened: run as root.`);
  }
  if (!XENSTORE.some((file) => existsSync(file)))
    problems.push(`xenstore can't be reached (none of ${XENSTORE.join(', ')}): start xenstored, or mount xenfs.`);
  return problems;
}
