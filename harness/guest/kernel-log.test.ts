import { appendFileSync, chmodSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FakeSshd } from './fake-sshd.js';
import { consoleLog, kernelFault, READ_LIMIT, sshDmesg } from './kernel-log.js';
import { Ssh } from './ssh.js';

describe('the console log', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-console-'));
    path = join(folder, 'guest-domu.log');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives the lines since the mark, each once', async () => {
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

  it('takes a file that is not there yet for an empty one', async () => {
    const log = consoleLog(path);
    await log.mark();
    expect(await log.since()).to.deep.equal([]);
    writeFileSync(path, 'booting\n');
    expect(await log.since()).to.deep.equal(['booting']);
  });

  it('reads on when the log was rotated', async () => {
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

  it('reads on when the log was truncated', async () => {
    writeFileSync(path, 'a long old line\n');
    const log = consoleLog(path);
    await log.mark();
    truncateSync(path);
    appendFileSync(path, 'new\n');
    expect(await log.since()).to.deep.equal(['new']);
  });

  it('leaves out what is too much, and says so', async () => {
    writeFileSync(path, '');
    const log = consoleLog(path);
    await log.mark();
    appendFileSync(path, `${'x'.repeat(99)}\n`.repeat(READ_LIMIT / 100 + 1000));
    const lines = await log.since();
    expect(lines[0]).to.match(/^\[netifspec: \d+ bytes of the log left out\]$/);
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

  it('gives the lines since the mark, each once, also repeated ones', async () => {
    const log = sshDmesg(ssh);
    kernel('[1.000000] a\n[1.000000] b\n');
    await log.mark();
    kernel('[1.000000] a\n[1.000000] b\n[1.000000] b\n[2.000000] c\n');
    expect(await log.since()).to.deep.equal(['[1.000000] b', '[2.000000] c']);
    expect(await log.since()).to.deep.equal([]);
  });

  it('gives all lines when the mark has left the buffer or the buffer was empty', async () => {
    const log = sshDmesg(ssh);
    await log.mark();
    kernel('first\n');
    expect(await log.since()).to.deep.equal(['first']);
    kernel('second\nthird\n');
    expect(await log.since()).to.deep.equal(['second', 'third']);
  });
});

describe('kernelFault', () => {
  const faults = [
    '[   12.345678] WARNING: CPU: 1 PID: 55 at drivers/net/xen-netfront.c:123 xennet_poll+0x1/0x2 [xen_netfront]',
    '[   12.345678][  T123] BUG: unable to handle page fault for address: ffffc90000a7d000',
    '[   12.345678] kernel BUG at mm/slub.c:305!',
    '[   12.345678] general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP PTI',
    '[   12.345678] Oops: 0002 [#1] PREEMPT SMP NOPTI',
    '[   12.345678] Internal error: Oops: 0000000096000004 [#1] SMP',
    '[   12.345678] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008',
    '[   12.345678] Kernel panic - not syncing: Fatal exception in interrupt',
    '[   12.345678] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [ksoftirqd/0:12]',
    '[  242.345678] INFO: task xenwatch:44 blocked for more than 120 seconds.',
    '[   12.345678] rcu: INFO: rcu_sched self-detected stall on CPU',
    'guest login: [   12.345678] BUG: KASAN: use-after-free in xennet_disconnect_backend+0x1/0x2',
    '<4>[   12.345678] WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2',
    'Kernel panic - not syncing: Attempted to kill init!',
    '[   12.345678] UBSAN: array-index-out-of-bounds in drivers/net/xen-netback/netback.c:1:2',
  ];
  for (const line of faults) {
    it(`finds: ${line.slice(0, 60)}`, () => {
      expect(kernelFault(['[    1.000000] fine', line, '[  999.000000] BUG: later'])).to.equal(line);
    });
  }

  it('takes a control sequence out of the line', () => {
    expect(kernelFault(['\u001b[31m[   12.345678] BUG: x\u001b[0m\r'])).to.equal('[   12.345678] BUG: x');
  });

  it('leaves harmless lines alone', () => {
    const lines = [
      '[    1.000000] xen_netfront: Initialising Xen virtual ethernet driver',
      '[    1.000000] systemd[1]: WARNING: some unit is old',
      '[    1.000000] traps: node[12] general protection fault ip:1 sp:2 error:0',
      '[    1.000000] vif vif-0: BUGS: none',
      '[    1.000000] vif vif-0 eth0: DEBUG: x',
      'guest login: root',
    ];
    expect(kernelFault(lines)).to.equal(undefined);
  });
});
