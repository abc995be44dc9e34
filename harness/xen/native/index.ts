/** The port on a real Xen host, over the addon. */
import { readFileSync } from 'node:fs';
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

/** Whether this is the control domain, whom Xen lets see other domains' grant tables. */
function isControlDomain(): boolean {
  try {
    return readFileSync('/proc/xen/capabilities', 'utf8').includes('control_d');
  } catch {
    // xenfs isn't mounted or this isn't Linux: nothing says that it is.
    return false;
  }
}

/** The number of the domain that this process runs in: xenstored's word, or 0 for the control domain. */
async function ownNumber(store: HostStore): Promise<DomId> {
  const text = await store.read('domid');
  if (text !== undefined && /^\d{1,5}$/.test(text)) return Number(text);
  if (isControlDomain()) return 0;
  throw new XenError(
    'ENOENT',
    "this domain's number can't be found: xenstore has no node domid, and xenfs isn't mounted",
  );
}

function openGrantTables(addon: NativeAddon): NativeGrantTables | undefined {
  if (!isControlDomain()) return undefined;
  try {
    return new addon.GrantTables();
  } catch {
    // No /dev/xen/privcmd or no library for it: this host has no observer, which `capabilities` tells.
    return undefined;
  }
}

/**
 * Opens this host's domain: needs root, Xen's devices and xenstore.
 * Throws a {@link XenError} that says what is missing and what to do.
 */
export async function openNativeDomain(): Promise<Domain> {
  const problems = nativeProblems();
  const addon = loadNative();
  if (problems.length > 0 || 'unavailable' in addon) throw new XenError('ENODEV', problems.join(' '));

  const closers: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    const errors: unknown[] = [];
    for (let closer = closers.pop(); closer; closer = closers.pop()) {
      try {
        await closer();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  };
  try {
    const store = await HostStore.open(addon);
    closers.push(() => store.close());
    const grants = call(() => new addon.Grants());
    closers.push(() => call(() => grants.close()));
    const events = call(() => new addon.Events());
    closers.push(() => events.close());
    const tables = openGrantTables(addon);
    if (tables) closers.push(() => tables.close());
    const id = await ownNumber(store);
    return {
      id,
      store,
      grants: new HostGrants(grants),
      events: new HostEvents(events),
      clock: hostClock,
      observer: new HostObserver(id, tables),
      capabilities: new Set<Capability>(tables ? ['observer'] : []),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What this process holds of Xen's, as the addon counts it; it doesn't count watches. */
export function nativeHoldings(): Holdings {
  const addon = loadNative();
  if ('unavailable' in addon) throw new XenError('ENODEV', addon.unavailable);
  const { offers, mappings, ports } = addon.liveCounts();
  return { grants: offers, mappings, eventChannels: ports, watches: 0 };
}
