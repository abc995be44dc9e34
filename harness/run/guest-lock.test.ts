import { expect } from 'chai';
import { EnvironmentError } from './environment.js';
import { lock } from './guest-lock.js';

describe('the lock of a guest', () => {
  const refused = (what: string): Promise<unknown> => lock(what).catch((error: unknown) => error);

  it('is one process at a time, and tells who that is', async () => {
    const unlock = await lock('test 1');
    const other = await lock('test 2');
    const error = await refused('test 1');
    expect(error).to.be.instanceOf(EnvironmentError);
    expect((error as Error).message).to.match(
      new RegExp(`^test 1 is being tested by process ${process.pid} of \\w+.* since .*: wait for it`),
    );
    unlock();
    other();
  });

  it('is free again once it was given back', async () => {
    (await lock('test 3'))();
    (await lock('test 3'))();
  });
});
