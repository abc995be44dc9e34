import { createConnection, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { EnvironmentError } from './environment.js';

/**
 * Keeps `what` for this process until the answer is called or the process ends, however it does: the lock is a bound
 * socket in Linux's abstract namespace, so none can be left behind. Whoever asks at it is told who holds it.
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
    const other = (await ask(name)) || 'a process that does not say who it is';
    throw new EnvironmentError(`${what} is being tested by ${other}: wait for it, or end that process`, {
      cause: error,
    });
  }
  server.unref();
  return () => server.close();
}

/** Empty if nobody answers. */
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

/** What a run has to itself: peers of one kind share their directories, whichever driver is at the other end. */
export function lockOf(role: 'frontend' | 'backend', domain: number): string {
  return role === 'frontend' ? `the frontend in domain ${domain}` : 'a backend';
}
