/** The port on a real Xen host, implemented with the addon. */
import { readFileSync } from 'node:fs';
import { Closers } from '../../base/closers.js';
import { loadNative, type NativeAddon, type NativeGrantTables } from '../../../native/index.js';
import { XenError, type Capability, type DomId, type Domain, type Holdings } from '../domain.js';
import { hostClock } from './clock.js';
import { call } from './errors.js';
import { HostEvents } from './events.js';
import { HostGrants } from './grants.js';
import { HostObserver } from './observer.js';
import { nativeProblems } from './problems.js';
import { HostStore } from './store.js';

export { nativeProblems } from './problems.js';

/** Whether this is the control domain, which may read other domains' grant tables. */
function isControlDomain(): boolean {
  try {
    return readFileSync('/proc/xen/capabilities', 'utf8').includes('control_d');
  } catch {
    // xenfs isn't mounted, or this isn't Linux: nothing indicates a control domain.
    return false;
  }
}

/** The domain number of this process: from xenstored, or 0 for the control domain. */
async function ownNumber(store: HostStore): Promise<DomId> {
  const text = await store.read('domid');
  if (text !== undefined && /^\d{1,5}$/.test(text)) return Number(text);
  if (isControlDomain()) return 0;
  throw new XenError(
    'ENOENT',
    "cannot find this domain's number: xenstore has no node domid; mount xenfs on /proc/xen",
  );
}

function openGrantTables(addon: NativeAddon): NativeGrantTables | undefined {
  if (!isControlDomain()) return undefined;
  try {
    return new addon.GrantTables();
  } catch {
    // Without /dev/xen/privcmd or its library this host has no observer, as `capabilities` shows.
    return undefined;
  }
}

/**
 * Opens this host's domain. Needs root, Xen's devices and xenstore. Throws a {@link XenError} that says what is missing
 * and what to do.
 */
export async function openNativeDomain(): Promise<Domain> {
  const problems = nativeProblems();
  const addon = loadNative();
  if (problems.length > 0 || 'unavailable' in addon) throw new XenError('ENODEV', problems.join(' '));

  const closers = new Closers();
  try {
    const store = await HostStore.open(addon);
    closers.add(() => store.close());
    const grants = call(() => new addon.Grants());
    closers.add(() => call(() => grants.close()));
    const events = new HostEvents(call(() => new addon.Events()));
    closers.add(() => events.close());
    const tables = openGrantTables(addon);
    if (tables) closers.add(() => tables.close());
    const id = await ownNumber(store);
    return {
      id,
      store,
      grants: new HostGrants(grants),
      events,
      clock: hostClock,
      observer: new HostObserver(id, tables),
      capabilities: new Set<Capability>(['flicker', ...(tables ? (['observer'] as const) : [])]),
      close: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** The Xen resources of this process, as the addon counts them, without watches. */
export function nativeHoldings(): Holdings {
  const addon = loadNative();
  if ('unavailable' in addon) throw new XenError('ENODEV', addon.unavailable);
  const { offers, mappings, ports } = addon.liveCounts();
  return { grants: offers, mappings, eventChannels: ports, watches: 0 };
}
