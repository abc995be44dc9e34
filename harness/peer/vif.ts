/** The toolstack's part of a vif: it creates the two xenstore directories. */
import type { DomId, Permission, Store } from '../xen/domain.js';

/**
 * The device type of the peer's directory. No kernel driver claims it, so the host's netback and netfront do not bind
 * to it. The driver under test only follows the path that it is given.
 */
export const PEER_TYPE = 'netifspec';

/** The device types of a vif's two directories: the third part of their paths. */
export interface DeviceTypes {
  /** That of the driver under test (default: `vif`, the type of kernel drivers). */
  readonly driver?: string;
  /** That of the peer (default: {@link PEER_TYPE}); a few drivers only look for the peer in a certain place. */
  readonly peer?: string;
}

/** The domains, handle and types that identify both directories of a vif. */
export interface VifAddress {
  readonly frontend: DomId;
  readonly backend: DomId;
  readonly handle: number;
  /** The end that the peer plays. */
  readonly peer: 'frontend' | 'backend';
  /** The device types of both directories, where they are not the defaults. */
  readonly types?: DeviceTypes;
}

/** The handle of the first vif of a run: greater than those that toolstacks assign. */
export const FIRST_HANDLE = 20;
/** Number of handles before the first one is used again: its directories no longer exist by then. */
const HANDLES = 100;

/** The handle of the n-th vif of a run, from 0. */
export function handleOf(n: number, first = FIRST_HANDLE): number {
  return first + (n % HANDLES);
}

/** The vif between a driver that plays `role` in domain `iut` and a peer in domain `harness`. */
export function vifOf(role: 'frontend' | 'backend', iut: DomId, harness: DomId, handle: number): VifAddress {
  return role === 'frontend'
    ? { frontend: iut, backend: harness, handle, peer: 'backend' }
    : { frontend: harness, backend: iut, handle, peer: 'frontend' };
}

export function frontendPath(vif: VifAddress): string {
  return `/local/domain/${vif.frontend}/device/${typeOf(vif, 'frontend')}/${vif.handle}`;
}

export function backendPath(vif: VifAddress): string {
  return `/local/domain/${vif.backend}/backend/${typeOf(vif, 'backend')}/${vif.frontend}/${vif.handle}`;
}

function typeOf({ peer, types = {} }: VifAddress, end: VifAddress['peer']): string {
  return end === peer ? (types.peer ?? PEER_TYPE) : (types.driver ?? 'vif');
}

export interface VifOptions {
  /** Colon-separated; the frontend reads it from its directory. */
  readonly mac: string;
  /** Written to the backend's directory before its driver can see it: what a backend peer advertises. */
  readonly backendKeys?: Readonly<Record<string, string>>;
  /** Additional keys in the frontend's directory, as a toolstack may write them. */
  readonly frontendKeys?: Readonly<Record<string, string>>;
}

/**
 * Writes both directories in one transaction: a driver probes a directory as soon as it appears, and expects it
 * complete, with the right owner, and with the directory of its peer.
 */
export async function createVif(store: Store, vif: VifAddress, options: VifOptions): Promise<void> {
  const frontend: Record<string, string> = {
    backend: backendPath(vif),
    'backend-id': String(vif.backend),
    handle: String(vif.handle),
    mac: options.mac,
    state: '1',
    ...options.frontendKeys,
  };
  const backend: Record<string, string> = {
    frontend: frontendPath(vif),
    'frontend-id': String(vif.frontend),
    handle: String(vif.handle),
    mac: options.mac,
    online: '1',
    // Linux's netback does not probe without the name of a hotplug script, and waits for the result of that script.
    // netifspec writes that result itself.
    script: '/bin/true',
    'hotplug-status': 'connected',
    state: '1',
    ...options.backendKeys,
  };
  const directories = [
    { path: frontendPath(vif), keys: frontend, owner: vif.frontend, reader: vif.backend },
    { path: backendPath(vif), keys: backend, owner: vif.backend, reader: vif.frontend },
  ];
  await store.transaction(async (access) => {
    for (const { path, keys, owner, reader } of directories) {
      const permissions: Permission[] = [
        { domain: owner, access: 'n' },
        { domain: reader, access: 'r' },
      ];
      // Removes the keys of an earlier vif with the same handle.
      await access.remove(path);
      await access.write(path, '');
      await access.setPermissions(path, permissions);
      // The keys inherit the directory's owner and permissions.
      await Promise.all(Object.entries(keys).map(([key, value]) => access.write(`${path}/${key}`, value)));
    }
  });
}

/** Removes both directories. The frontend's is first: without it the frontend makes no more requests to the backend. */
export async function removeVif(store: Store, vif: VifAddress): Promise<void> {
  await store.remove(frontendPath(vif));
  await store.remove(backendPath(vif));
}

/**
 * Removes the vifs that an earlier run left between the harness in `domain` and the driver under test in `iut`, and
 * those whose other domain no longer exists. It finds them by the device type of peers, and by their handles where that
 * type is not netifspec's own. Vifs of concurrent runs are kept.
 *
 * @returns the removed paths
 */
export async function clearLeftovers(
  store: Store,
  domain: DomId,
  iut: DomId,
  { peer = PEER_TYPE }: DeviceTypes = {},
): Promise<string[]> {
  const cleared: string[] = [];
  const clear = async (path: string, other: string): Promise<void> => {
    const opposite = (await store.read(`${path}/${other}`)) ?? '';
    // An untrusted guest may have written the node, so only a path with the form of a vif directory is removed.
    const [, guest] =
      /^\/local\/domain\/(\d+)\/(?:device\/[\w-]+\/\d+|backend\/[\w-]+\/\d+\/\d+)$/.exec(opposite) ?? [];
    const alive = guest !== undefined && (await store.read(`/local/domain/${guest}`)) !== undefined;
    if (alive && Number(guest) !== iut) return;
    if (guest !== undefined) await store.remove(opposite);
    await store.remove(path);
    cleared.push(path);
  };
  const isOwn = (handle: string): boolean =>
    peer === PEER_TYPE || (Number(handle) >= FIRST_HANDLE && Number(handle) < FIRST_HANDLE + HANDLES);
  const handlesIn = async (path: string): Promise<string[]> => ((await store.list(path)) ?? []).filter(isOwn);
  const frontends = `/local/domain/${domain}/device/${peer}`;
  for (const handle of await handlesIn(frontends)) await clear(`${frontends}/${handle}`, 'backend');
  const backends = `/local/domain/${domain}/backend/${peer}`;
  for (const guest of (await store.list(backends)) ?? []) {
    for (const handle of await handlesIn(`${backends}/${guest}`)) {
      await clear(`${backends}/${guest}/${handle}`, 'frontend');
    }
  }
  return cleared;
}
