/** Settings of a Xen host that may disturb a run although nothing is missing. */
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { glob } from '../../base/pattern.js';
import { GNTALLOC_LIMIT } from './grants.js';

/** Pages: the default of gntalloc, 1,024, is less than a frontend peer with two queues needs. */
const OFFERS_WANTED = 4096;
/** Bytes for results, and for a copy of netifspec and Node. */
const DISK_WANTED = 200 * 1024 * 1024;
/** Name pattern of a backend's interface in Linux. */
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
 * What may disturb a run on this host, one sentence each with its remedy; empty if nothing does. A run is possible
 * nevertheless.
 * @param root root of the host's file system
 * @param diskWanted bytes that should be free in the folder to which netifspec is copied
 */
export function disturbingSettings(root = '/', diskWanted = DISK_WANTED): string[] {
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
  yield `xen_gntalloc offers at most ${limit} pages, too few for tests of many queues: echo 8192 > ${GNTALLOC_LIMIT}`;
}

function* udev(root: string): Generator<string> {
  if (!existsSync(join(root, 'run/udev/control'))) return;
  // A rule for all of xen-backend covers vif too; most rules that name another kind are for disks.
  const acts = (line: string): boolean => /"vif/.test(line) || (line.includes('xen-backend') && !/KERNEL==/.test(line));
  for (const [file, number] of linesWith(root, UDEV, '.rules', acts)) {
    const cover = `/etc/udev/rules.d/${file.split('/').at(-1)}`;
    const remedy = file === cover ? 'remove it' : `create an empty ${cover} to disable it`;
    yield `udev rule ${file}:${number} acts on the interfaces of backends: ${remedy} while a backend is tested.`;
  }
}

function* networkd(root: string): Generator<string> {
  // The folder alone proves nothing: it is created at every boot, whether networkd runs or not.
  if (!existsSync(join(root, 'run/systemd/netif/state'))) return;
  const matchesVif = (line: string): boolean => {
    const [, names] = /^Name\s*=\s*(.*)$/.exec(line) ?? [];
    return names?.split(/\s+/).some((name) => glob(name).test(INTERFACE)) ?? false;
  };
  for (const [file, number] of linesWith(root, NETWORKD, '.network', matchesVif)) {
    yield `systemd-networkd claims ${INTERFACE} by ${file}:${number}: exclude vif* there while a backend is tested.`;
  }
}

function* networkManager(root: string): Generator<string> {
  if (!existsSync(join(root, 'run/NetworkManager'))) return;
  const isUnmanaged = (line: string): boolean => line.startsWith('unmanaged-devices') && line.includes('vif');
  if (!linesWith(root, NETWORK_MANAGER, '.conf', isUnmanaged).next().done) return;
  yield 'NetworkManager runs and may claim vif*: write unmanaged-devices=interface-name:vif* below [keyfile] into /etc/NetworkManager/conf.d/vif.conf.';
}

function* disk(folder: string, wanted: number): Generator<string> {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= wanted) return;
  yield `${folder} has ${Math.floor(free / 1024 / 1024)} MiB free: free some space, since results and captures may need ${Math.ceil(wanted / 1024 / 1024)} MiB.`;
}

/** Lines of the files in `folders`, by the name of the file on the host and the line number. */
function* linesWith(
  root: string,
  folders: readonly string[],
  suffix: string,
  test: (line: string) => boolean,
): Generator<[file: string, number: number]> {
  const seen = new Set<string>();
  for (const folder of folders) {
    for (const name of existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : []) {
      // If several folders have a file of the same name, the first one takes effect.
      if (!name.endsWith(suffix) || seen.has(name)) continue;
      seen.add(name);
      for (const [index, line] of linesOf(join(root, folder, name)).entries()) {
        if (!line.startsWith('#') && test(line)) yield [`/${folder}/${name}`, index + 1];
      }
    }
  }
}

/** The trimmed lines of a file; empty if the file can't be read. */
function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim());
  } catch {
    return [];
  }
}
