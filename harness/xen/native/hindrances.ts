/** What may get in the way on a Xen host where nothing is missing. */
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { glob } from '../../pattern.js';
import { GNTALLOC_LIMIT } from './grants.js';

/** Pages: gntalloc's default of 1,024 is less than two queues of a frontend peer take. */
const OFFERS_WANTED = 4096;
/** Bytes for results, and for netifspec and a Node. */
const DISK_WANTED = 200 * 1024 * 1024;
/** What a backend's interface is called, in Linux. */
const INTERFACE = 'vif1.0';

const UDEV = ['etc/udev/rules.d', 'run/udev/rules.d', 'usr/lib/udev/rules.d', 'lib/udev/rules.d'];
const NETWORKD = ['etc/systemd/network', 'run/systemd/network', 'usr/lib/systemd/network'];
const NETWORK_MANAGER = [
  'etc/NetworkManager',
  'etc/NetworkManager/conf.d',
  'run/NetworkManager/conf.d',
  'usr/lib/NetworkManager/conf.d',
];

/**
 * What may spoil a run here, each in a sentence with its remedy; empty if nothing does. A run is possible all the same.
 *
 * @param root where the host's file system begins
 * @param diskWanted bytes that should be free where netifspec lies when it's put on a host
 */
export function hindrances(root = '/', diskWanted = DISK_WANTED): string[] {
  return [
    ...offers(root),
    ...udev(root),
    ...networkd(root),
    ...networkManager(root),
    ...disk(root === '/' ? homedir() : root, diskWanted),
  ];
}

function* offers(root: string): Generator<string> {
  const [line] = linesOf(join(root, GNTALLOC_LIMIT));
  const limit = Number(line);
  if (line === undefined || !(limit < OFFERS_WANTED)) return;
  yield `xen_gntalloc offers ${limit} pages at most, which tests of many queues exceed: echo 8192 > ${GNTALLOC_LIMIT}`;
}

function* udev(root: string): Generator<string> {
  if (!existsSync(join(root, 'run/udev/control'))) return;
  // A rule for all of xen-backend is one for vif too; most that name another kind there are of disks.
  const acts = (line: string): boolean => /"vif/.test(line) || (line.includes('xen-backend') && !/KERNEL==/.test(line));
  for (const [file, number] of linesWith(root, UDEV, '.rules', acts)) {
    const cover = `/etc/udev/rules.d/${file.split('/').at(-1)}`;
    const remedy = file === cover ? 'take it out' : `an empty ${cover} puts it out of force`;
    yield `udev's ${file}:${number} acts on the interfaces of backends here: ${remedy} while a backend is tested.`;
  }
}

function* networkd(root: string): Generator<string> {
  // The folder alone is made at every boot.
  if (!existsSync(join(root, 'run/systemd/netif/state'))) return;
  const claims = (line: string): boolean => {
    const [, names] = /^Name\s*=\s*(.*)$/.exec(line) ?? [];
    return names?.split(/\s+/).some((name) => glob(name).test(INTERFACE)) ?? false;
  };
  for (const [file, number] of linesWith(root, NETWORKD, '.network', claims)) {
    yield `systemd-networkd's ${file}:${number} claims ${INTERFACE}: let it match no vif* while a backend is tested.`;
  }
}

function* networkManager(root: string): Generator<string> {
  if (!existsSync(join(root, 'run/NetworkManager'))) return;
  const told = (line: string): boolean => line.startsWith('unmanaged-devices') && line.includes('vif');
  if (!linesWith(root, NETWORK_MANAGER, '.conf', told).next().done) return;
  yield 'NetworkManager runs and may claim vif*: put unmanaged-devices=interface-name:vif* below [keyfile] in /etc/NetworkManager/conf.d/vif.conf.';
}

function* disk(folder: string, wanted: number): Generator<string> {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= wanted) return;
  yield `${Math.floor(free / 1024 / 1024)} MiB are free on the disk of ${folder}: results and captures may want more.`;
}

/** Lines of the files that `folders` have, by the file's name on the host and the line's number. */
function* linesWith(
  root: string,
  folders: readonly string[],
  suffix: string,
  test: (line: string) => boolean,
): Generator<[file: string, number: number]> {
  const seen = new Set<string>();
  for (const folder of folders) {
    for (const name of existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : []) {
      // The first folder that has a file of a name is the one that counts.
      if (!name.endsWith(suffix) || seen.has(name)) continue;
      seen.add(name);
      for (const [index, line] of linesOf(join(root, folder, name)).entries()) {
        if (!line.startsWith('#') && test(line)) yield [`/${folder}/${name}`, index + 1];
      }
    }
  }
}

/** The lines of a file, trimmed; none if there is no such file that can be read. */
function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim());
  } catch {
    return [];
  }
}
