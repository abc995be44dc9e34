import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { machine } from 'node:os';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { FakeSshd } from '../ssh/fake-sshd.fixture.js';
import { SshError } from '../ssh/ssh.js';
import { readExecutable } from './elf.js';
import { sampleExecutable } from './executable.fixture.js';
import { RemoteError } from './error.js';
import { pack, type Pack } from './pack.js';
import { runRemote, type RemoteRun } from './remote.js';

/** A fake command line; `--mode` selects its behaviour. */
const MAIN = `
const { readFileSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const [target, mode] = [option('--target'), option('--mode')];
const say = (record) => console.log(JSON.stringify(record));
const end = (code) => { say('ended'); writeFileSync(join(dirname(target), 'ended'), ''); process.exitCode = code; };
if (mode === 'ok') {
  say({ argv: process.argv.slice(2, 3), rest: process.argv.slice(process.argv.indexOf('--mode') + 2) });
  say({ target: readFileSync(target, 'utf8'), expectations: readFileSync(join(dirname(target), '../known.yaml'), 'utf8') });
  console.error('a \\u001b[31mwarning');
  end(1);
} else if (mode === 'long') {
  say('x'.repeat(2 ** 20));
  say('short');
  end(0);
} else {
  const timer = setInterval(() => undefined, 1000);
  process.on('SIGINT', () => { if (mode === 'wait') { end(3); clearInterval(timer); } });
  say('started');
}
`;

describe('runRemote', function () {
  this.timeout(30_000);
  let sshd: FakeSshd;
  let archive: Pack;
  let records: string[];
  let said: string[];
  let abort: AbortController;

  beforeEach(async () => {
    sshd = await FakeSshd.start();
    records = [];
    said = [];
    abort = new AbortController();
    sshd.write('app/package.json', '{"name":"netifspec","type":"module"}');
    sshd.write('app/dist/bundle/start.cjs', MAIN);
    sshd.write('lab/targets/target.yaml', 'name: x\nexpectations: ../known.yaml\n');
    sshd.write('lab/known.yaml', '[]\n');
    archive = await pack(join(sshd.files, 'app'), join(sshd.files, 'cache'));
  });
  afterEach(() => sshd.stop());

  const there = (...path: string[]): string => join(sshd.home, '.cache/netifspec/remote', ...path);
  const run = (mode: string, change: Partial<RemoteRun> = {}): Promise<number> =>
    runRemote({
      verb: 'run',
      ssh: sshd.options,
      target: join(sshd.files, 'lab/targets/target.yaml'),
      args: ['--mode', mode],
      onRecord: (line) => records.push(line),
      log: (line) => said.push(line),
      signal: abort.signal,
      pack: archive,
      ...change,
    });
  const failure = async <T>(promise: Promise<unknown>, type: new (...args: never[]) => T): Promise<T> => {
    const error: unknown = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(type);
    return error as T;
  };
  /** Installs a program on the host, before all others on its PATH. */
  const program = (name: string, text: string): void => {
    chmodSync(sshd.write(`bin/${name}`, `#!/bin/sh\n${text}\n`), 0o700);
    sshd.env['PATH'] = `${join(sshd.files, 'bin')}:${process.env['PATH']}`;
  };

  it('copies, runs, streams, and leaves no files of the run', async () => {
    expect(await run('ok', { args: ['--mode', 'ok', "it's", '$(reboot) "x"'] })).to.equal(1);
    expect(records.map((line): unknown => JSON.parse(line))).to.deep.equal([
      { argv: ['run'], rest: ["it's", '$(reboot) "x"'] },
      { target: 'name: x\nexpectations: ../known.yaml\n', expectations: '[]\n' },
      'ended',
    ]);
    expect(said.at(-1)).to.equal('a warning');
    expect(readdirSync(there('runs'))).to.deep.equal([]);
  });

  it('uploads once', async () => {
    await run('long');
    await run('long');
    expect(said.filter((line) => line.startsWith('uploading'))).to.have.length(1);
    expect(readdirSync(there()).sort()).to.deep.equal([archive.key, 'runs'].sort());
  });

  it('removes packs that were unused for two days, and incomplete uploads', async () => {
    const hour = 3600;
    const [used, unused, other] = ['a'.repeat(32), 'b'.repeat(32), 'data'];
    const ages = {
      ...{ [used]: 47, [unused]: 49, [other]: 49, 'runs/under-way': 47, 'runs/lost': 49 },
      ...{ '.upload-1': 0.5, '.upload-2': 2 },
    };
    for (const [name, hours] of Object.entries(ages)) {
      mkdirSync(there(name), { recursive: true });
      const then = Date.now() / 1000 - hours * hour;
      utimesSync(there(name), then, then);
    }
    await run('long');
    expect(readdirSync(there()).sort()).to.deep.equal(['.upload-1', archive.key, other, used, 'runs'].sort());
    expect(readdirSync(there('runs'))).to.deep.equal(['under-way']);
  });

  it('omits a record that is too long, and reports it', async () => {
    expect(await run('long')).to.equal(0);
    expect(records).to.deep.equal(['"short"', '"ended"']);
    expect(said).to.include('a record longer than 1 MiB was omitted');
  });

  it('interrupts the run and still receives its last records', async () => {
    const onRecord = (line: string): void => {
      records.push(line);
      abort.abort();
    };
    expect(await run('wait', { onRecord })).to.equal(3);
    expect(records).to.deep.equal(['"started"', '"ended"']);
  });

  it('abandons a run that ignores its interrupt', async () => {
    const stubborn = run('stubborn', { onRecord: () => abort.abort(), graceMs: 500 });
    expect((await failure(stubborn, SshError)).kind).to.equal('deadline');
  });

  it('interrupts the run if its records are rejected', async () => {
    const onRecord = (): void => {
      throw new RangeError('no record');
    };
    expect((await failure(run('wait', { onRecord }), RangeError)).message).to.equal('no record');
    // The run leaves a file when it ends, which it would not do without an interrupt.
    const [id = ''] = readdirSync(there('runs'));
    while (!existsSync(there('runs', id, 'in/targets/ended'))) await new Promise(setImmediate);
  });

  it('reports that the host stores no files', async () => {
    await run('long');
    program('tar', 'exit 1');
    expect(await run('ok')).to.equal(3);
    expect(said.at(-1)).to.equal('cannot unpack the target file; check the space in the home folder');
    expect(readdirSync(there('runs'))).to.deep.equal([]);
  });

  it('stops before the run if it is aborted early', async () => {
    abort.abort(new Error('enough'));
    expect((await failure(run('ok'), Error)).message).to.equal('enough');
    abort = new AbortController();
    const early = run('ok', { log: (line) => line.startsWith('uploading') && abort.abort(new Error('enough')) });
    expect((await failure(early, Error)).message).to.equal('enough');
    expect(records).to.deep.equal([]);
  });

  it('reports the loss of the connection', async () => {
    const error = await failure(run('wait', { onRecord: () => sshd.drop() }), SshError);
    expect(error.kind).to.equal('closed');
  });

  /** The host has no programs other than these. */
  const onlyPrograms = (...names: string[]): void => {
    for (const name of names) {
      const file = join(sshd.files, 'bin', name);
      mkdirSync(dirname(file), { recursive: true });
      symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), file);
    }
    sshd.env['PATH'] = join(sshd.files, 'bin');
  };
  const BASICS = 'mkdir uname getconf tar touch find ls grep tail mktemp chmod mv rm cat'.split(' ');

  it('copies the running Node once if the host has no suitable one', async () => {
    onlyPrograms(...BASICS, 'gzip');
    expect(await run('long')).to.equal(0);
    for (const text of ['echo v18.20.4', 'exit 127']) {
      program('node', text);
      expect(await run('long')).to.equal(0);
    }
    expect(said.filter((line) => line.startsWith('uploading Node'))).to.deep.equal([
      `uploading Node to 127.0.0.1: ${process.execPath}`,
    ]);
  });

  it('copies the given Node, if it suits the host', async () => {
    const node = (name: string, bytes: Buffer): string => {
      writeFileSync(join(sshd.files, name), bytes);
      return join(sshd.files, name);
    };
    const { loader = '' } = readExecutable(process.execPath);
    const x86 = machine() === 'x86_64';
    const other = node('other', sampleExecutable(x86 ? 183 : 62, loader));
    expect((await failure(run('ok', { node: other }), RemoteError)).message).to.match(
      /other is for \w+; start netifspec on a /,
    );
    const musl = node('musl', sampleExecutable(x86 ? 62 : 183, '/lib/ld-musl-none.so.1'));
    expect((await failure(run('ok', { node: musl }), RemoteError)).message).to.contain(
      `127.0.0.1 has no /lib/ld-musl-none.so.1, which ${musl} needs`,
    );
    const late = node(
      'late',
      Buffer.concat([sampleExecutable(x86 ? 62 : 183, loader), Buffer.from('GLIBC_2.2 GLIBC_9.1')]),
    );
    expect((await failure(run('ok', { node: late }), RemoteError)).message).to.match(/and \S+late needs glibc 9\.1;/);
    const none = node('none', Buffer.from('#!/bin/sh\n'));
    expect(await failure(run('ok', { node: none }), RemoteError)).to.include({ exitCode: 2 });
    const broken = node('broken', sampleExecutable(x86 ? 62 : 183, loader));
    expect((await failure(run('ok', { node: broken }), RemoteError)).message).to.contain(
      `cannot start the Node that was copied there, ${broken}`,
    );
  });

  it('reports what the host lacks', async () => {
    program('uname', 'echo sparc64');
    const node = process.execPath;
    expect((await failure(run('ok', { node }), RemoteError)).message).to.contain('is a sparc64 machine');
    rmSync(join(sshd.files, 'bin/uname'));
    program('getconf', 'exit 1');
    expect((await failure(run('ok', { node }), RemoteError)).message).to.contain('has no glibc and ');
    rmSync(join(sshd.files, 'bin'), { recursive: true });
    onlyPrograms(...BASICS);
    expect((await failure(run('ok'), RemoteError)).message).to.contain('has no gzip on the PATH');
  });

  it('rejects a target file that cannot be copied', async () => {
    const target = sshd.write('bad.yaml', 'expectations: missing.yaml\n');
    expect(await failure(run('ok', { target }), RemoteError)).to.include({ exitCode: 2 });
    sshd.write('bad.yaml', 'expectations: /etc/passwd\n');
    expect((await failure(run('ok', { target }), RemoteError)).message).to.contain('relative to the target file');
    sshd.write('bad.yaml', '"');
    expect(await failure(run('ok', { target }), RemoteError)).to.include({ exitCode: 2 });
    expect(sshd.connections).to.equal(0);
  });
});
