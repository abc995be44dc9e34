import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { EnvironmentError } from './environment.js';
import { lock } from './guest-lock.js';

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
    const code = `await (await import(${JSON.stringify(new URL('./guest-lock.js', import.meta.url).href)})).lock('test 4');
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

  it('is free again after it was released', async () => {
    (await lock('test 3'))();
    (await lock('test 3'))();
  });
});
