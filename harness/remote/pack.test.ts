import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { version } from '../base/root.js';
import { pack, packWithAddon } from './pack.js';

describe('the pack', () => {
  let folder: string;
  const file = (path: string, text = ''): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const root = (): string => join(folder, 'app');
  const cache = (): string => join(folder, 'cache');
  const names = (archive: string): string[] =>
    execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n').sort();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-pack-'));
    file('app/package.json', '{"name":"netifspec","type":"module"}');
    file('app/dist/bundle/start.cjs', 'console.log(1);');
    file('app/dist/bundle/chunk.js');
    file('app/dist/harness/cli/main.js');
    file('app/node_modules/a/index.js');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('contains only the bundle and the addon', async () => {
    file('app/native/build/Release/netifspec_native.node');
    file('app/native/build/Release/obj.target/x.o');
    file('app/dist/bundle/netifspec.js.cache');
    const { file: archive, entry } = await pack(root(), cache());
    expect(names(archive)).to.deep.equal([
      'dist/bundle/chunk.js',
      'dist/bundle/start.cjs',
      'native/build/Release/netifspec_native.node',
      'package.json',
    ]);
    expect(entry).to.equal('dist/bundle/start.cjs');
  });

  it('contains the addon of the package if none was built on this machine', async () => {
    const packaged = `native/prebuilds/linux-${process.arch}/netifspec_native.node`;
    file(`app/${packaged}`);
    file('app/native/prebuilds/linux-other/netifspec_native.node');
    const { file: archive, addon } = await pack(root(), cache());
    expect(names(archive).filter((name) => name.startsWith('native/'))).to.deep.equal([packaged]);
    expect(addon).to.equal(join(root(), packaged));
  });

  it('contains the addon of the package for another machine, even if one was built on this machine', async () => {
    file('app/native/build/Release/netifspec_native.node');
    const packaged = 'native/prebuilds/linux-other/netifspec_native.node';
    file(`app/${packaged}`);
    const { file: archive, addon } = await pack(root(), cache(), 'other');
    expect(names(archive).filter((name) => name.startsWith('native/'))).to.deep.equal([packaged]);
    expect(addon).to.equal(join(root(), packaged));
  });

  it('is refused for a real Xen if no addon is built', async () => {
    const error = await packWithAddon(root(), cache()).catch((thrown: unknown) => thrown);
    expect(error).to.have.property('exitCode', 3);
    expect(error)
      .to.have.property('message')
      .that.matches(/^the native addon in .* is not built; run "npm run install"/);
  });

  it('runs where it is unpacked, without other files', async () => {
    const { file: archive, entry } = await pack(undefined, cache());
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
    const start = (...args: string[]) =>
      spawnSync(process.execPath, [entry, ...args], { encoding: 'utf8', cwd: folder });
    expect(start('--version').stdout).to.equal(`${version}\n`);
    const { status, stdout } = start('run', '--stream', '--test', '*.connect');
    expect(status).to.equal(0);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; id?: string });
    expect(records.at(-1)?.type).to.equal('end');
    expect(records.map(({ id }) => id)).to.include.members(['frontend.xenbus.connect', 'backend.xenbus.connect']);
    expect(existsSync(join(folder, 'results'))).to.equal(false);
  }).timeout(20_000);

  it('keeps compiled code for the same Node, and works without it', async () => {
    const { file: archive, entry } = await pack(undefined, cache());
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
    const compiled = join(folder, dirname(entry), 'netifspec.js.cache');
    /** The inode of the cache file after a start: a new file has another one. */
    const start = (...flags: string[]): number | undefined => {
      const { stdout } = spawnSync(process.execPath, [...flags, entry, '--version'], { encoding: 'utf8', cwd: folder });
      expect(stdout).to.equal(`${version}\n`);
      return statSync(compiled, { throwIfNoEntry: false })?.ino;
    };
    const first = start();
    expect(first).to.be.a('number');
    expect(start()).to.equal(first);
    // Other flags generate different code, like another version of V8.
    expect(start('--no-lazy')).not.to.equal(first);
    writeFileSync(compiled, 'nothing that V8 wrote');
    start();
    expect(statSync(compiled).size).to.be.greaterThan(100_000);
    rmSync(compiled);
    mkdirSync(compiled);
    start();
    expect(readdirSync(dirname(compiled)).filter((name) => name.startsWith('netifspec.js.cache.'))).to.deep.equal([]);
  }).timeout(20_000);

  it('is created once for the same contents, and few old ones are kept', async () => {
    const first = await pack(root(), cache());
    expect(await pack(root(), cache())).to.deep.equal(first);
    for (let i = 0; i < 5; i++) {
      file('app/dist/bundle/chunk.js', `${i}`);
      const next = await pack(root(), cache());
      expect(next.key).not.to.equal(first.key);
      expect(existsSync(next.file)).to.equal(true);
    }
    expect(readdirSync(cache())).to.have.length(4);
  });

  it('reports that the package is not built', async () => {
    rmSync(join(root(), 'dist'), { recursive: true });
    const message = await pack(root(), cache()).then(String, (error: Error) => error.message);
    expect(message).to.match(/is not built; run "npm run build" there$/);
  });
});
