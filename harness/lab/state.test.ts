import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from './error.js';
import { labSsh, labStatus, labUp } from './index.js';
import { STOCK } from './machine.js';
import { clear, labPaths, locked, runningQemu } from './state.js';

describe('lab state', () => {
  const before = process.env['NETIFSPEC_LAB'];
  let directory = '';

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'netifspec-lab-'));
    process.env['NETIFSPEC_LAB'] = directory;
  });

  afterEach(() => {
    if (before === undefined) delete process.env['NETIFSPEC_LAB'];
    else process.env['NETIFSPEC_LAB'] = before;
    rmSync(directory, { recursive: true });
  });

  it('lets one process at a time change the lab', async () => {
    const paths = labPaths();
    let refused: unknown;
    await locked(paths, async () => {
      refused = await locked(paths, () => Promise.resolve()).catch((error: unknown) => error);
    });
    expect(refused).to.be.instanceOf(LabError);
    expect(await locked(paths, () => Promise.resolve('after'))).to.equal('after');
  });

  it('takes over the lock of a process that has ended', async () => {
    const paths = labPaths();
    writeFileSync(paths.lock, JSON.stringify({ pid: process.pid, start: '1' }));
    expect(await locked(paths, () => Promise.resolve('done'))).to.equal('done');
    expect(existsSync(paths.lock)).to.equal(false);
  });

  it('does not end another process that reuses the number of its QEMU', async () => {
    const paths = labPaths();
    mkdirSync(paths.run);
    writeFileSync(paths.pidFile, `${process.pid}\n`);
    expect(runningQemu(paths)).to.equal(undefined);
    expect(await clear(paths)).to.equal(undefined);
    expect(existsSync(paths.run)).to.equal(false);
  });

  it('ends a leftover QEMU, recognized by the pid file in its arguments', async () => {
    const paths = labPaths();
    mkdirSync(paths.run);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)', paths.pidFile], { stdio: 'ignore' });
    writeFileSync(paths.pidFile, `${child.pid}\n`);
    const end = new Promise((resolve) => child.once('exit', resolve));
    expect((await labStatus()).running).to.equal(true);
    expect(await clear(paths)).to.equal(child.pid);
    await end;
    expect((await labStatus()).running).to.equal(false);
  });

  it('refuses SSH to a lab that is down', async () => {
    expect(await labSsh(['true']).catch((error: unknown) => error)).to.be.instanceOf(LabError);
  });

  it('refuses a guest without domain.cfg before it changes anything', async () => {
    const lines: string[] = [];
    const error = await labUp({
      release: 'bookworm',
      machine: STOCK,
      install: false,
      guest: directory,
      log: (line) => lines.push(line),
    }).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(LabError).with.property('message').that.contains('domain.cfg');
    expect(lines).to.deep.equal([]);
    expect(existsSync(join(directory, 'images'))).to.equal(false);
  });
});
