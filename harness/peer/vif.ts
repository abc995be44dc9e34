/** The toolstack's part of a vif: the two xenstore directories that introduce its ends to each other. */
import type { DomId, Permission, Store } from '../xen/domain.js';

/**
 * The device type of the peer's own end. No kernel driver claims it, so the host's netback and netfront stay out of
 * the way; the implementation under test only follows the path that it is given.
 */
export const PEER_TYPE = 'netifspec';

/** Who is who: enough to find both directories of a vif. */
export interface VifAddress {
  readonly frontend: DomId;
  readonly backend: DomId;
  readonly handle: number;
  /** The end that the peer plays; its directory has {@link PEER_TYPE}. */
  readonly peer: 'frontend' | 'backend';
  /** The device type of the other end: `vif`, for which kernels have drivers, unless told. */
  readonly type?: string;
}

/** The vif between a driver that plays `role` in domain `iut` and a peer in domain `harness`. */
export function vifOf(role: 'frontend' | 'backend', iut: DomId, harness: DomId, handle: number): VifAddress {
  return role === 'frontend'
    ? { frontend: iut, backend: harness, handle, peer: 'backend' }
    : { frontend: harness, backend: iut, handle, peer: 'frontend' };
}

export function frontendPath(vif: VifAddress): string {
  const type = vif.peer === 'frontend' ? PEER_TYPE : (vif.type ?? 'vif');
  return `/local/domain/${vif.frontend}/device/${type}/${vif.handle}`;
}

export function backendPath(vif: VifAddress): string {
  const type = vif.peer === 'backend' ? PEER_TYPE : (vif.type ?? 'vif');
  return `/local/domain/${vif.backend}/backend/${type}/${vif.frontend}/${vif.handle}`;
}

export interface VifOptions {
  /** Colon-separated; the frontend reads it from its directory. */
  readonly mac: string;
  /** Written into the backend's directory before its driver can see it: what the peer as a backend advertises. */
  readonly backendKeys?: Readonly<Record<string, string>>;
  /** Written into the frontend's directory besides, as a toolstack may. */
  readonly frontendKeys?: Readonly<Record<string, string>>;
}

/**
 * Writes both directories in one transaction: a driver probes its directory at the first sight of it, and must find it
 * whole, with the right owner, and the other end there.
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
    // Linux's netback refuses to probe without the name of a hotplug script, and waits for that script's success.
    // The harness is the script.
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
      // Nothing is left of an earlier connection by the same handle.
      await access.remove(path);
      await access.write(path, '');
      await access.setPermissions(path, permissions);
      // The keys inherit the directory's owner and permissions.
      await Promise.all(Object.entries(keys).map(([key, value]) => access.write(`${path}/${key}`, value)));
    }
  });
}

/** Removes both directories, the frontend's first: a frontend that loses its directory asks nothing of the backend. */
export async function removeVif(store: Store, vif: VifAddress): Promise<void> {
  await store.remove(frontendPath(vif));
  await store.remove(backendPath(vif));
}

/**
 * Removes the vifs that an earlier run left behind between the harness in `domain` and the implementation under test
 * in `iut`, and those whose other domain is gone; found by the peers' own device type. Other runs may be going on.
 *
 * @returns the paths that were cleared
 */
export async function clearLeftovers(store: Store, domain: DomId, iut: DomId): Promise<string[]> {
  const cleared: string[] = [];
  const clear = async (path: string, other: string): Promise<void> => {
    const opposite = (await store.read(`${path}/${other}`)) ?? '';
    // Only a path of the opposite end's shape may be removed: the node may have been written by an untrusted guest.
    const [, guest] =
      /^\/local\/domain\/(\d+)\/(?:device\/[\w-]+\/\d+|backend\/[\w-]+\/\d+\/\d+)$/.exec(opposite) ?? [];
    const alive = guest !== undefined && (await store.read(`/local/domain/${guest}`)) !== undefined;
    if (alive && Number(guest) !== iut) return;
    if (guest !== undefined) await store.remove(opposite);
    await store.remove(path);
    cleared.push(path);
  };
  const frontends = `/local/domain/${domain}/device/${PEER_TYPE}`;
  for (const handle of (await store.list(frontends)) ?? []) await clear(`${frontends}/${handle}`, 'backend');
  const backends = `/local/domain/${domain}/backend/${PEER_TYPE}`;
  for (const guest of (await store.list(backends)) ?? []) {
    for (const handle of (await store.list(`${backends}/${guest}`)) ?? []) {
      await clear(`${backends}/${guest}/${handle}`, 'frontend');
    }
  }
  return cleared;
}
