import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { CommandError } from '../base/process.js';
import { commandLine, endProcess, isAlive, processId, run } from './process.js';

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('process', () => {
  it('returns the output of a command, and passes it its input', async () => {
    expect((await run('cat', [], { input: Buffer.from('a b') })).toString()).to.equal('a b');
  });

  it('reports the exit code and the end of standard error', async () => {
    const error = await failure(run('sh', ['-c', 'echo why >&2; exit 7']));
    expect(error).to.be.instanceOf(CommandError).with.property('status', 7);
    expect((error as Error).message).to.contain('why');
  });

  it('reports the signal that killed a command', async () => {
    const error = await failure(run('sh', ['-c', 'kill -TERM $$']));
    expect(error).to.have.property('message').that.contains('SIGTERM');
  });

  it('kills a command with its children on abort', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let child = 0;
    const running = run('sh', ['-c', 'sleep 1000 & echo $! >&2; wait'], {
      signal: controller.signal,
      onErrorLine: (line) => {
        child = Number(line);
        controller.abort(reason);
      },
    });
    expect(await failure(running)).to.equal(reason);
    expect(child).to.be.greaterThan(1);
    expect(processId(child)).to.equal(undefined);
  });

  it('starts nothing after an abort', async () => {
    const reason = new Error('enough');
    expect(await failure(run('true', [], { signal: AbortSignal.abort(reason) }))).to.equal(reason);
  });

  it('distinguishes a process from a later one with the same number', () => {
    const me = processId(process.pid);
    expect(me && isAlive(me)).to.equal(true);
    expect(isAlive({ pid: process.pid, start: '1' })).to.equal(false);
  });

  it('ends a process that ignores SIGTERM', async function () {
    this.timeout(10_000);
    const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'], { stdio: 'pipe' });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const id = processId(child.pid ?? 0);
    if (!id) throw new Error('no child');
    expect(commandLine(id.pid)[0]).to.equal('sh');
    await endProcess(id);
    expect(isAlive(id)).to.equal(false);
  });
});
