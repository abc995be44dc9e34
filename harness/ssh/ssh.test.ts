import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { once } from 'node:events';
import { expect } from 'chai';
import { FakeSshd, newKey } from './fake-sshd.fixture.js';
import { OUTPUT_LIMIT, Ssh, SshError, type SshOptions } from './ssh.js';

async function failure(promise: Promise<unknown>): Promise<SshError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error('expected an SshError');
}

describe('Ssh', function () {
  this.timeout(20_000);
  let sshd: FakeSshd;
  let ssh: Ssh | undefined;
  const open = async (change: Partial<SshOptions> = {}): Promise<Ssh> =>
    (ssh = await Ssh.open({ ...sshd.options, ...change }, 10_000));
  const deadlineMs = 10_000;

  beforeEach(async () => (sshd = await FakeSshd.start()));
  afterEach(async () => {
    ssh?.close();
    ssh = undefined;
    await sshd.stop();
  });

  it('runs commands over one connection', async () => {
    await open();
    const first = await ssh?.exec('echo out; echo err >&2; exit 7', { deadlineMs });
    expect(first).to.deep.equal({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(await ssh?.exec('kill -KILL $$', { deadlineMs })).to.include({ code: 137 });
    expect(sshd.connections).to.equal(1);
  });

  it('aborts a connection that is closed while it is being opened', async () => {
    await open();
    ssh?.renew();
    const late = (ssh as Ssh).exec('true', { deadlineMs });
    ssh?.close();
    expect((await failure(late)).kind).to.equal('closed');
  });

  it('accepts stdin as bytes and as a stream', async () => {
    await open();
    expect(await ssh?.exec('cat', { deadlineMs, stdin: Buffer.from('bytes') })).to.include({ stdout: 'bytes' });
    const stdin = Readable.from([Buffer.alloc(100_000, 'a'), Buffer.alloc(100_000, 'b')]);
    expect(await ssh?.exec('wc -c', { deadlineMs, stdin })).to.include({ stdout: '200000\n' });
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536);
      })(),
    );
    expect(await ssh?.exec('head -c 3 | wc -c', { deadlineMs, stdin: endless })).to.include({ code: 0, stdout: '3\n' });
    expect(endless.destroyed).to.equal(true);
  });

  it('passes output on immediately without collecting it', async () => {
    await open();
    let bytes = 0;
    const result = await ssh?.exec('head -c 20000000 /dev/zero', {
      deadlineMs,
      onStdout: (chunk) => (bytes += chunk.length),
    });
    expect(result).to.include({ code: 0, stdout: '' });
    expect(bytes).to.equal(20_000_000);
  });

  it('truncates excess output, with a mark', async () => {
    await open();
    const result = await ssh?.exec(`head -c ${OUTPUT_LIMIT + 5} /dev/zero | tr '\\0' x`, { deadlineMs });
    expect(result?.stdout).to.have.length(OUTPUT_LIMIT + '\n[netifspec: the rest of the output was omitted]\n'.length);
    expect(result?.stdout).to.match(/omitted\]\n$/);
  });

  it('passes on an exception of the output callback', async () => {
    await open();
    const onStdout = (): void => {
      throw new RangeError('too much');
    };
    const run = ssh?.exec('echo x', { deadlineMs, onStdout });
    expect(await run?.catch((error: unknown) => error)).to.be.instanceOf(RangeError);
  });

  it('reports that a key is not accepted', async () => {
    const error = await failure(open({ identity: sshd.write('other', newKey().private) }));
    expect(error.kind).to.equal('auth');
    expect(error.message).to.contain('does not accept the key').and.contain('authorized_keys');
  });

  it('reports that an identity cannot be used', async () => {
    expect((await failure(open({ identity: join(sshd.files, 'missing') }))).kind).to.equal('auth');
    expect((await failure(open({ identity: sshd.write('public', sshd.userKey.public) }))).kind).to.equal('auth');
    expect(sshd.connections).to.equal(0);
  });

  it('refuses an unknown host key and names file and fix', async () => {
    const knownHosts = sshd.write('known_hosts', '# nobody\n');
    const error = await failure(open());
    expect(error.kind).to.equal('hostkey');
    expect(error.message).to.contain(knownHosts).and.contain(`ssh-keyscan -p ${sshd.port} 127.0.0.1`);
  });

  it('refuses another host key and names file, line and fix', async () => {
    const knownHosts = sshd.write('known_hosts', sshd.knownHostsLine(newKey()));
    const error = await failure(open());
    expect(error.kind).to.equal('hostkey');
    expect(error.message)
      .to.contain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}' -f ${knownHosts}`)
      .and.contain('(line 1)');
  });

  it('refuses to connect without a known_hosts file', async () => {
    const error = await failure(open({ knownHosts: join(sshd.files, 'missing') }));
    expect(error.kind).to.equal('hostkey');
    expect(sshd.connections).to.equal(0);
  });

  it('reports a refused connection', async () => {
    const { port } = sshd;
    const other = await FakeSshd.start();
    const { port: free } = other;
    await other.stop();
    sshd.write('known_hosts', readFileSync(join(sshd.files, 'known_hosts'), 'utf8').replace(`${port}`, `${free}`));
    expect((await failure(open({ port: free }))).kind).to.equal('unreachable');
  });

  it('aborts a connection to a server that never responds', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const { port } = silent.address() as AddressInfo;
      expect((await failure(Ssh.open({ ...sshd.options, port }, 200))).kind).to.equal('deadline');
    } finally {
      silent.close();
    }
  });

  it('aborts a command at its deadline, ends it, and continues', async () => {
    await open();
    const error = await failure(ssh?.exec('exec tail -f /dev/null', { deadlineMs: 200 }) ?? Promise.resolve());
    expect(error.kind).to.equal('deadline');
    expect(await ssh?.exec('echo on', { deadlineMs })).to.include({ stdout: 'on\n' });
    expect(sshd.connections).to.equal(1);
  });

  it('opens a new connection if a server has stopped responding', async () => {
    await open();
    sshd.deaf = true;
    expect((await failure(ssh?.exec('true', { deadlineMs: 200 }) ?? Promise.resolve())).kind).to.equal('deadline');
    sshd.deaf = false;
    expect(await ssh?.exec('echo on', { deadlineMs })).to.include({ stdout: 'on\n' });
    expect(sshd.connections).to.equal(2);
  });

  it('aborts a command on request', async () => {
    await open();
    const abort = new AbortController();
    const started = (): void => abort.abort();
    const run = ssh?.exec('echo started; exec tail -f /dev/null', {
      deadlineMs,
      signal: abort.signal,
      onStdout: started,
    });
    expect((await failure(run ?? Promise.resolve())).kind).to.equal('closed');
    expect((await failure(ssh?.exec('true', { deadlineMs, signal: abort.signal }) ?? Promise.resolve())).kind).to.equal(
      'closed',
    );
  });

  it('reports the loss of the connection during a command, and reconnects for the next', async () => {
    await open();
    const run = ssh?.exec('echo started; exec tail -f /dev/null', { deadlineMs, onStdout: () => sshd.drop() });
    const error = await failure(run ?? Promise.resolve());
    expect(error.kind).to.equal('closed');
    expect(await ssh?.exec('echo on', { deadlineMs })).to.include({ stdout: 'on\n' });
    expect(sshd.connections).to.equal(2);
  });

  it('cannot be used after it was closed', async () => {
    await open();
    ssh?.close();
    expect((await failure(ssh?.exec('true', { deadlineMs }) ?? Promise.resolve())).kind).to.equal('closed');
  });
});
