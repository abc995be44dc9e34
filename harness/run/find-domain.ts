import type { DomId, Domain } from '../xen/domain.js';
import { EnvironmentError } from './environment.js';

/** The number of the domain that a target names. Throws EnvironmentError if it is not running. */
export async function findDomain(harness: Domain, wanted: string | number): Promise<DomId> {
  const running = (await harness.store.list('/local/domain')) ?? [];
  const names = new Map<string, DomId>();
  for (const id of running) names.set((await harness.store.read(`/local/domain/${id}/name`)) ?? id, Number(id));
  if (typeof wanted === 'number' && running.includes(String(wanted))) return wanted;
  const found = typeof wanted === 'string' ? names.get(wanted) : undefined;
  if (found !== undefined) return found;
  const known = [...names].map(([name, id]) => `${name} (${id})`).join(', ');
  throw new EnvironmentError(`domain ${wanted} is not running on this host; running domains: ${known}`, {
    hint: 'start it, or correct "domain" in the target file',
  });
}
