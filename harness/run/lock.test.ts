import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { EnvironmentError } from './environment.js';
import { lock, lockFolder } from './lock.js';

describe('the lock of a guest', () => {
  const refused = (what: string): Promise<unknown> => lock(what).catch((error: unknown) => error);

  it('is held by one process at a time, and reports its holder', async () => {
    const unlock = await lock('test 1');
    const other = await lock('test 2');
    const error = await refused('test 1');
    expect(error).to.be.instanceOf(EnvironmentError);
    expect((error as Error).message).to.match(
      new RegExp(`^test 1 is being tested by process ${process.pid} of \\w+.* since .*$`),
    );
    unlock();
    other();
  });

  it('is free again after its holder was killed', async () => {
    const code = `await (await import(${JSON.stringify(new URL('./lock.js', import.meta.url).href)})).lock('test 4');
      console.log('mine'); setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    expect(await refused('test 4'))
      .to.be.instanceOf(EnvironmentError)
      .with.property('message')
      .that.contains(`process ${child.pid} `);
    child.kill('SIGKILL');
    await ended;
    (await lock('test 4'))();
  });

  it('does not wait for a holder that never ends its report, and prints no control character of it', async () => {
    const drip = createServer((socket) => {
      socket.on('error', () => undefined).write('\x1b]0;title\x07\x1b[2Ja\u009b');
      const timer = setInterval(() => socket.write('.'), 100);
      socket.on('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => drip.listen('\0netifspec/test 5', resolve));
    const error = (await refused('test 5')) as Error;
    expect(error.message).to.match(/^test 5 is being tested by a\\x9b\.+$/);
    await new Promise((resolve) => drip.close(resolve));
    const flood = createServer((socket) => socket.on('error', () => undefined).write('x'.repeat(1_000_000)));
    await new Promise<void>((resolve) => flood.listen('\0netifspec/test 6', resolve));
    expect(((await refused('test 6')) as Error).message).to.have.length.below(300);
    flood.close();
  });

  it('of a folder holds for each of its paths', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'netifspec-'));
    const [out, link] = [join(folder, 'out'), join(folder, 'link')];
    mkdirSync(out);
    symlinkSync(out, link);
    const unlock = await lockFolder(out);
    const error: unknown = await lockFolder(link).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(EnvironmentError).with.property('hint').that.contains('--out');
    expect((error as Error).message).to.match(new RegExp(`link is being written by process ${process.pid} `));
    unlock();
    (await lockFolder(link))();
    rmSync(folder, { recursive: true });
  });

  it('is free again after it was released', async () => {
    (await lock('test 3'))();
    (await lock('test 3'))();
  });
});
