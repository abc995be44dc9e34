/** SSH to dom0 and the guests, with the system's ssh and the lab's own configuration. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { LabError } from './error.js';
import { CommandError } from '../base/process.js';
import { poll, run } from './process.js';
import type { LabHandle, LabPaths } from './state.js';

/** The lab's guests and their addresses, which are reachable from dom0 only. */
export const GUESTS: Readonly<Record<string, string>> = { netfront: '10.99.0.2', netback: '10.99.0.3' };

/** Writes the files that `ssh -F` and other clients need. All hosts of a lab have one key. */
export function writeSshFiles(paths: LabPaths, port: number, identity: string, hostKey: string): LabHandle['ssh'] {
  const names = [`[127.0.0.1]:${port}`, ...Object.values(GUESTS)];
  writeFileSync(paths.knownHosts, names.map((name) => `${name} ${hostKey}\n`).join(''));
  const host = (name: string, address: string, ...more: string[]) =>
    [`Host ${name}`, `HostName ${address}`, ...more].join('\n  ');
  const text = [
    host('dom0', '127.0.0.1', `Port ${port}`),
    ...Object.entries(GUESTS).map(([name, address]) => host(name, address, 'ProxyJump dom0')),
    [
      'Host *',
      'User root',
      `IdentityFile ${quoted(identity)}`,
      `UserKnownHostsFile ${quoted(paths.knownHosts)}`,
      'GlobalKnownHostsFile /dev/null',
      'StrictHostKeyChecking yes',
      'IdentitiesOnly yes',
      'IdentityAgent none',
      'ConnectTimeout 60',
      'LogLevel INFO',
    ].join('\n  '),
  ];
  writeFileSync(paths.sshConfig, text.join('\n') + '\n');
  return { host: '127.0.0.1', port, user: 'root', identity, knownHosts: paths.knownHosts, config: paths.sshConfig };
}

/** A file name in ssh_config, where percent signs and dollars are expanded. */
function quoted(file: string): string {
  if (/["\n$]/.test(file))
    throw new LabError(`ssh does not support the file name ${file}; set NETIFSPEC_LAB to another directory`);
  return `"${file.replaceAll('%', '%%')}"`;
}

/** Runs a shell command in dom0 and returns its standard output. */
export async function inDom0(paths: LabPaths, command: string, signal: AbortSignal): Promise<string> {
  return (await run('ssh', ['-F', paths.sshConfig, 'dom0', command], { signal })).toString();
}

/**
 * Like {@link inDom0}, for an idempotent command: the first one after boot or resume. On a busy host dom0 may be so
 * slow that ssh times out, so it tries again.
 */
export async function firstInDom0(paths: LabPaths, command: string, signal: AbortSignal): Promise<void> {
  let last: CommandError | undefined;
  await poll(
    120,
    signal,
    async () => {
      try {
        return await inDom0(paths, command, signal);
      } catch (error) {
        // 255 is a failure of ssh itself, any other code is the command's.
        if (!(error instanceof CommandError && error.status === 255)) throw error;
        last = error;
        return undefined;
      }
    },
    () => new LabError(`dom0 cannot be reached over SSH: ${last?.message}`, { cause: last }),
  );
}

/** Copies a file or a directory tree to a path in dom0 without blanks. */
export async function copyToDom0(paths: LabPaths, from: string, to: string, signal: AbortSignal): Promise<void> {
  await run('scp', ['-q', '-r', '-F', paths.sshConfig, '--', from, `dom0:${to}`], { signal });
}

/** Runs ssh on this process's terminal; returns its exit code. */
export async function interactive(paths: LabPaths, args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  const guest = first !== undefined && (first === 'dom0' || Object.hasOwn(GUESTS, first));
  const child = spawn('ssh', ['-F', paths.sshConfig, ...(guest ? [first, ...rest] : ['dom0', ...args])], {
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 255));
  });
}
