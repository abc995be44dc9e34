/** Locks against a second run, on the same guest or with the same folder of results. */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { printableLine } from '../base/text.js';
import { EnvironmentError } from './environment.js';

/** How long a holder of a lock has to report who it is, in milliseconds. */
const REPLY_MS = 2000;
/** Maximum length of that report, in characters. */
const REPLY_LENGTH = 200;

/**
 * Locks `what`, which is being tested, until the returned function is called or the process ends.
 *
 * @throws EnvironmentError that names the holder
 */
export function lock(what: string): Promise<() => void> {
  return hold(what, (holder) => [`${what} is being tested by ${holder}`, 'wait for it, or end that process']);
}

/** Locks a folder of results, under any of its paths. Throws as {@link lock} does. */
export async function lockFolder(folder: string): Promise<() => void> {
  // Abstract sockets are a feature of Linux.
  if (process.platform !== 'linux') return () => undefined;
  const name = createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 32);
  return hold(`results ${name}`, (holder) => [
    `${folder} is being written by ${holder}`,
    'wait for it, or give another folder with --out',
  ]);
}

/**
 * The lock is a bound socket in Linux's abstract namespace, so it cannot become stale. A process that connects to it
 * reads who holds it.
 */
async function hold(what: string, refusal: (holder: string) => [what: string, hint: string]): Promise<() => void> {
  const name = `\0netifspec/${what}`;
  const since = new Date().toISOString();
  const from = process.env['SSH_CONNECTION']?.split(' ')[0];
  const holder = `process ${process.pid} of ${userInfo().username}${from ? `, from ${from},` : ''} since ${since}`;
  const server = createServer((socket) => socket.on('error', () => undefined).end(holder));
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(name, resolve));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const [message, hint] = refusal((await ask(name)) || 'an unknown process');
    throw new EnvironmentError(message, { cause: error, hint });
  }
  server.unref();
  return () => server.close();
}

/** Reads who holds a lock; empty if there is no reply. Any user of the host may have bound the socket. */
function ask(name: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = createConnection(name).setEncoding('utf8');
    const deadline = setTimeout(() => socket.destroy(), REPLY_MS);
    socket.on('data', (text: string) => {
      said += text;
      if (said.length >= REPLY_LENGTH) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(deadline);
      resolve(printableLine(said, REPLY_LENGTH));
    });
  });
}

/**
 * The name of the lock that a run needs. Backends share one, since all frontend peers use the same directories, for any
 * driver under test.
 */
export function lockOf(role: 'frontend' | 'backend', domain: number): string {
  return role === 'frontend' ? `the frontend in domain ${domain}` : 'a backend';
}
