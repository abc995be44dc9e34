import { run } from '../../base/process.js';
import type { NativeGrantTables } from '../../../native/index.js';
import { GTF } from '../../protocol/grant.js';
import type { DomId, GrantRef, GrantUse, Observer } from '../domain.js';
import { call, hasCode } from './errors.js';

function useOf(flags: number): GrantUse {
  if (flags & GTF.writing) return 'writing';
  return flags & GTF.reading ? 'reading' : 'unused';
}

/**
 * The use of entry `ref` of `granter`'s table, from the hypervisor's dump of grant tables (debug key g) in its log. A
 * dump lists only entries in use. `unknown` if the log has no complete dump or the dump lacks this domain.
 */
export function useInDump(log: string, granter: DomId, ref: GrantRef): GrantUse {
  // Lines that a guest had Xen print begin with its number: "(XEN) (d5) ".
  const lines = log
    .split('\n')
    .filter((line) => !/^\s*(?:\[[^\]]*\]\s*)?\(XEN\)\s*(?:\[[^\]]*\]\s*)?\(d\d+/.test(line));
  const start = lines.findLastIndex((line) => line.includes('gnttab_usage_print_all ['));
  const end = lines.findIndex((line, n) => n > start && line.includes('gnttab_usage_print_all ] done'));
  if (start < 0 || end < 0) return 'unknown';
  let inTable = false;
  let known = false;
  for (const line of lines.slice(start, end)) {
    const head = /grant-table for remote d(\d+)/.exec(line);
    if (head) {
      inTable = Number(head[1]) === granter;
      known ||= inTable;
      continue;
    }
    // [ref] localdom mfn pin   localdom gmfn flags
    const entry = /\[(0x[0-9a-f]+|\d+)\]\s+d?\d+\s+\S+\s+\S+\s+d?\d+\s+\S+\s+(0x[0-9a-f]+)/i.exec(line);
    if (inTable && entry && Number(entry[1]) === ref) return useOf(Number(entry[2]));
  }
  return known ? 'unused' : 'unknown';
}

/** Makes the hypervisor dump its grant tables and returns its log; undefined if xl is missing or is refused. */
async function dumpGrants(): Promise<string | undefined> {
  try {
    await run('xl', ['debug-keys', 'g']);
    return (await run('xl', ['dmesg'])).toString();
  } catch {
    // The caller reports the use as unknown.
    return undefined;
  }
}

/**
 * Reads the grants of other domains from their tables, and those of its own domain, whose table it may not map, from
 * Xen's dump.
 */
export class HostObserver implements Observer {
  private dump: Promise<string | undefined> | undefined;

  /** `tables` is undefined outside the control domain: every use is then `unknown`. */
  constructor(
    private readonly self: DomId,
    private readonly tables: NativeGrantTables | undefined,
  ) {}

  async grantUse(granter: DomId, ref: GrantRef): Promise<GrantUse> {
    const { tables } = this;
    if (!tables) return 'unknown';
    if (granter === this.self) {
      const log = await this.freshDump();
      return log === undefined ? 'unknown' : useInDump(log, granter, ref);
    }
    try {
      return useOf(call(() => tables.flags(granter, ref)));
    } catch (error) {
      // The domain is gone, has no such entry, or may not be read.
      if (hasCode(error, 'ESRCH', 'EINVAL', 'EPERM', 'EACCES', 'ENOENT')) return 'unknown';
      throw error;
    }
  }

  /** One dump is used for all requests of the same turn of the event loop. */
  private freshDump(): Promise<string | undefined> {
    this.dump ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.dump = undefined;
      return dumpGrants();
    });
    return this.dump;
  }
}
