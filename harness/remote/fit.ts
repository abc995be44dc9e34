/** Checks whether programs that were built on this host can run on another one. */
import { glibcOf, isOlder, readExecutable } from './elf.js';
import { RemoteError } from './error.js';

/** Facts about a host: `machine` as printed by `uname -m`, `glibc` as printed by `getconf GNU_LIBC_VERSION`. */
export type HostFacts = Readonly<Record<string, string>>;

/** Rejects a host with another machine or C library than `file` was built for. Throws a {@link RemoteError}. */
export function refuseProgram(host: string, facts: HostFacts, file: string, what: string): void {
  const { machine } = readExecutable(file);
  if (machine !== facts['machine']) {
    throw new RemoteError(
      3,
      `${host} is a ${facts['machine']} machine and ${what} is for ${machine}; start netifspec on a ${facts['machine']} machine`,
    );
  }
  const wanted = glibcOf(file);
  const { glibc } = facts;
  // If the host does not report its glibc, an unsuitable program fails when it starts.
  if (wanted === undefined || glibc === undefined) return;
  const [, version] = /^glibc (\d+\.\d+)/.exec(glibc) ?? [];
  if (version !== undefined && !isOlder(version, wanted)) return;
  const has = version === undefined ? 'no glibc' : glibc;
  throw new RemoteError(
    3,
    `${host} has ${has} and ${what} needs glibc ${wanted}; start netifspec on a host with the same or an older C library`,
  );
}
