import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { NativeGrantTables } from '../../../native/index.js';
import type { DomId, GrantRef, GrantUse, Observer } from '../domain.js';
import { call, hasCode } from './errors.js';

/** grant_table.h, "Subflags for GTF_permit_access and GTF_transitive". */
const GTF_READING = 1 << 3;
const GTF_WRITING = 1 << 4;

function useOf(flags: number): GrantUse {
  if (flags & GTF_WRITING) return 'writing';
  return flags & GTF_READING ? 'reading' : 'unused';
}

/**
 * The use of entry `ref` of `granter`'s table, by the hypervisor's dump of grant tables (debug key g) in its log.
 * A dump lists the entries in use only. `unknown` if the log holds no whole dump, or this domain isn't in it.
 */
export function useInDump(log: string, granter: DomId, ref: GrantRef): GrantUse {
  const start = log.lastIndexOf('gnttab_usage_print_all [');
  const end = log.indexOf('gnttab_usage_print_all ] done', start);
  if (start < 0 || end < 0) return 'unknown';
  let inTable = false;
  let known = false;
  for (const line of log.slice(start, end).split('\n')) {
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

const run = promisify(execFile);

/** Has the hypervisor dump its grant tables and answers its log; undefined where xl is missing or refused. */
async function dumpGrants(): Promise<string | undefined> {
  try {
    await run('xl', ['debug-keys', 'g']);
    const { stdout } = await run('xl', ['dmesg'], { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } catch {
    // The answer to the caller is that nothing could be seen.
    return undefined;
  }
}

/** Sees other domains' grants by their tables, and the own domain's (which Xen doesn't let it map) by Xen's dump. */
export class HostObserver implements Observer {
  private dump: Promise<string | undefined> | undefined;

  /** `tables` is undefined where this domain isn't the control domain: all is unknown then. */
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
      // The domain is gone, has no such entry, or isn't ours to look at.
      if (hasCode(error, 'ESRCH', 'EINVAL', 'EPERM', 'EACCES', 'ENOENT')) return 'unknown';
      throw error;
    }
  }

  /** One dump serves all the questions that are asked in one turn. */
  private freshDump(): Promise<string | undefined> {
    this.dump ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.dump = undefined;
      return dumpGrants();
    });
    return this.dump;
  }
}
