import { appendFileSync, chmodSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FakeSshd } from '../ssh/fake-sshd.fixture.js';
import { consoleLog, dmesgLog, type KernelLog, READ_LIMIT } from './kernel-log.js';
import { Ssh } from '../ssh/ssh.js';

describe('the console log', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-console-'));
    path = join(folder, 'guest-domu.log');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('returns the lines since the mark, each once', async () => {
    writeFileSync(path, 'old\n');
    const log = consoleLog(path);
    await log.mark();
    appendFileSync(path, 'one\r\n\u001b[1mtwo\u001b[0m\n');
    expect(await log.since()).to.deep.equal(['one', 'two']);
    expect(await log.since()).to.deep.equal([]);
  });

  it('keeps an incomplete line for later', async () => {
    writeFileSync(path, 'old\nhalf');
    const log = consoleLog(path);
    await log.mark();
    expect(await log.since()).to.deep.equal([]);
    appendFileSync(path, ' done\nnext');
    expect(await log.since()).to.deep.equal(['half done']);
    appendFileSync(path, '\n');
    expect(await log.since()).to.deep.equal(['next']);
  });

  it('treats a missing file as an empty one', async () => {
    const log = consoleLog(path);
    await log.mark();
    expect(await log.since()).to.deep.equal([]);
    writeFileSync(path, 'booting\n');
    expect(await log.since()).to.deep.equal(['booting']);
  });

  it('continues after the log was rotated', async () => {
    writeFileSync(path, 'old\n');
    const log = consoleLog(path);
    await log.mark();
    appendFileSync(path, 'before\n');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'after\n');
    expect(await log.since()).to.deep.equal(['before', 'after']);
    appendFileSync(path, 'more\n');
    expect(await log.since()).to.deep.equal(['more']);
  });

  it('continues after the log was truncated', async () => {
    writeFileSync(path, 'a long old line\n');
    const log = consoleLog(path);
    await log.mark();
    truncateSync(path);
    appendFileSync(path, 'new\n');
    expect(await log.since()).to.deep.equal(['new']);
  });

  it('skips excess output, and reports it', async () => {
    writeFileSync(path, '');
    const log = consoleLog(path);
    await log.mark();
    appendFileSync(path, `${'x'.repeat(99)}\n`.repeat(READ_LIMIT / 100 + 1000));
    const lines = await log.since();
    expect(lines[0]).to.match(/^\[netifspec: \d+ bytes of the log skipped\]$/);
    expect(lines.length).to.be.lessThan(READ_LIMIT / 100 + 2);
    expect(await log.since()).to.deep.equal([]);
  });
});

describe('dmesg over SSH', () => {
  let sshd: FakeSshd;
  let ssh: Ssh;
  const kernel = (text: string): void => {
    sshd.write('dmesg', `#!/bin/sh\ncat ${sshd.write('kmsg', text)}\n`);
    sshd.env['PATH'] = `${sshd.files}:${process.env['PATH']}`;
  };
  beforeEach(async () => {
    sshd = await FakeSshd.start();
    kernel('');
    chmodSync(join(sshd.files, 'dmesg'), 0o700);
    ssh = await Ssh.open(sshd.options, 10_000);
  });
  afterEach(async () => {
    ssh.close();
    await sshd.stop();
  });

  const logOf = async (guest: Ssh): Promise<KernelLog> => {
    const log = await dmesgLog(guest, (line) => expect.fail(line));
    if (!log) throw new Error('no log');
    return log;
  };

  it('is not read if the guest has none, and reports it', async () => {
    sshd.write('dmesg', '#!/bin/sh\necho "not permitted" >&2; exit 1\n');
    const said: string[] = [];
    expect(await dmesgLog(ssh, (line) => said.push(line))).to.equal(undefined);
    expect(said).to.deep.equal([
      "the guest's kernel log is not read: dmesg failed in the guest (status 1): not permitted; " +
        'allow it, or set "console" in the target file',
    ]);
  });

  it('returns the lines since the mark, each once, also repeated ones', async () => {
    const log = await logOf(ssh);
    kernel('[1.000000] a\n[1.000000] b\n');
    await log.mark();
    kernel('[1.000000] a\n[1.000000] b\n[1.000000] b\n[2.000000] c\n');
    expect(await log.since()).to.deep.equal(['[1.000000] b', '[2.000000] c']);
    expect(await log.since()).to.deep.equal([]);
  });

  it('returns all lines if the mark has left the buffer or the buffer was empty', async () => {
    const log = await logOf(ssh);
    await log.mark();
    kernel('first\n');
    expect(await log.since()).to.deep.equal(['first']);
    kernel('second\nthird\n');
    expect(await log.since()).to.deep.equal(['second', 'third']);
  });
});
