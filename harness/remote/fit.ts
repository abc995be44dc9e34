/** Whether what is built here can run on another host. */
import { glibcOf, isOlder, readExecutable } from './elf.js';
import { RemoteError } from './error.js';

/** What a host says of itself, by name: `machine` as `uname -m` has it, `glibc` as `getconf GNU_LIBC_VERSION`. */
export type HostFacts = Readonly<Record<string, string>>;

/** Refuses a host of another machine or C library than `file` was built for. Throws a {@link RemoteError}. */
export function refuseProgram(host: string, facts: HostFacts, file: string, what: string): void {
  const { machine } = readExecutable(file);
  if (machine !== facts['machine']) {
    throw new RemoteError(
      3,
      `${host} is a ${facts['machine']} machine and ${what} is for ${machine}; run netifspec on a host of its kind`,
    );
  }
  const wanted = glibcOf(file);
  const { glibc } = facts;
  // Not every host can say; on such a one the program fails when it's started.
  if (wanted === undefined || glibc === undefined) return;
  const [, version] = /^glibc (\d+\.\d+)/.exec(glibc) ?? [];
  if (version !== undefined && !isOlder(version, wanted)) return;
  const has = version === undefined ? 'no glibc' : glibc;
  throw new RemoteError(
    3,
    `${host} has ${has} and ${what} needs glibc ${wanted}; run netifspec on a host like that one`,
  );
}
