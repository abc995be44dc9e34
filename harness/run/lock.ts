import { createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { EnvironmentError } from './environment.js';

/**
 * Locks `what` until the returned function is called or the process ends. The lock is a bound socket in Linux's
 * abstract namespace, so it cannot become stale. A process that connects to it reads who holds it.
 *
 * @throws EnvironmentError that names the holder
 */
export async function lock(what: string): Promise<() => void> {
  const name = `\0netifspec/${what}`;
  const since = new Date().toISOString();
  const from = process.env['SSH_CONNECTION']?.split(' ')[0];
  const holder = `process ${process.pid} of ${userInfo().username}${from ? `, from ${from},` : ''} since ${since}`;
  const server = createServer((socket) => socket.on('error', () => undefined).end(holder));
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(name, resolve));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const other = (await ask(name)) || 'an unknown process';
    throw new EnvironmentError(`${what} is being tested by ${other}`, {
      cause: error,
      hint: 'wait for it, or end that process',
    });
  }
  server.unref();
  return () => server.close();
}

/** Reads who holds a lock; empty if there is no reply. */
function ask(name: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = createConnection(name).setEncoding('utf8').setTimeout(1000);
    socket.on('data', (text: string) => (said = (said + text).slice(0, 200)));
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(said));
  });
}

/**
 * The name of the lock that a run needs. Backends share one, since all frontend peers use the same directories, for any
 * driver under test.
 */
export function lockOf(role: 'frontend' | 'backend', domain: number): string {
  return role === 'frontend' ? `the frontend in domain ${domain}` : 'a backend';
}
