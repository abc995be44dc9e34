import { expect } from 'chai';
import { FakeSshd } from './fake-sshd.fixture.js';
import { HeldShell } from './held-shell.js';
import { Ssh, SshError } from './ssh.js';

describe('HeldShell', function () {
  this.timeout(20_000);
  const deadlineMs = 10_000;
  let sshd: FakeSshd;
  let ssh: Ssh;
  let shell: HeldShell;

  beforeEach(async () => {
    sshd = await FakeSshd.start();
    ssh = await Ssh.open(sshd.options, deadlineMs);
    shell = new HeldShell(ssh);
  });
  afterEach(async () => {
    shell.close();
    ssh.close();
    await sshd.stop();
  });

  const kindOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'no error',
      (error: unknown) => (error instanceof SshError ? error.kind : error),
    );

  it('runs scripts in order, each in its own subshell', async () => {
    const [first, second, third] = await Promise.all([
      shell.run('x=1; cd /; echo out; printf err >&2; exit 7', deadlineMs),
      shell.run('printf %s "${x-unset}"; cat', deadlineMs),
      shell.run("printf 'ä\\n\\n'", deadlineMs),
    ]);
    expect(first).to.deep.equal({ code: 7, stdout: 'out\n', stderr: 'err' });
    expect(second).to.deep.equal({ code: 0, stdout: 'unset', stderr: '' });
    expect(third.stdout).to.equal('ä\n\n');
  });

  it('survives a script with a syntax error', async () => {
    expect(await shell.run('if (', deadlineMs))
      .to.have.property('code')
      .that.is.above(0);
    expect(await shell.run('echo on', deadlineMs)).to.include({ code: 0, stdout: 'on\n' });
  });

  it('aborts a script that takes too long, and continues with a new shell', async () => {
    expect(await kindOf(shell.run('exec sleep 100', 200))).to.equal('deadline');
    expect(await shell.run('echo on', deadlineMs)).to.include({ code: 0, stdout: 'on\n' });
  });

  it('reports the loss of the connection, and opens a new one', async () => {
    const script = shell.run('echo begun; exec sleep 100', deadlineMs);
    sshd.drop();
    expect(await kindOf(script)).to.equal('closed');
    expect(await shell.run('echo on', deadlineMs)).to.include({ code: 0, stdout: 'on\n' });
    shell.renew();
    expect(await shell.run('echo on', deadlineMs)).to.include({ code: 0, stdout: 'on\n' });
    expect(sshd.connections).to.equal(3);
  });

  it('rejects excess output', async () => {
    expect(await kindOf(shell.run('yes', deadlineMs))).to.equal('closed');
    expect(await shell.run('echo on', deadlineMs)).to.include({ code: 0, stdout: 'on\n' });
  });
});
