import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { version } from '../root.js';
import { pack } from './pack.js';

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
    file('app/dist/bundle/harness/cli/main.js', 'console.log(1);');
    file('app/dist/bundle/chunk.js');
    file('app/dist/harness/cli/main.js');
    file('app/node_modules/a/index.js');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('holds the bundle and the addon, and no more', async () => {
    file('app/native/build/Release/netifspec_native.node');
    file('app/native/build/Release/obj.target/x.o');
    const { file: archive, entry } = await pack(root(), cache());
    expect(names(archive)).to.deep.equal([
      'dist/bundle/chunk.js',
      'dist/bundle/harness/cli/main.js',
      'native/build/Release/netifspec_native.node',
      'package.json',
    ]);
    expect(entry).to.equal('dist/bundle/harness/cli/main.js');
  });

  it('runs where it is unpacked, with nothing else there', async () => {
    const { file: archive, entry } = await pack(undefined, cache());
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
    const options = { encoding: 'utf8', cwd: folder } as const;
    expect(spawnSync(process.execPath, [entry, '--version'], options).stdout).to.equal(`${version}\n`);
    const { status, stdout } = spawnSync(process.execPath, [entry, 'run', '--stream', '--test', '*.connect'], options);
    expect(status).to.equal(0);
    expect(stdout.trim().split('\n')).to.have.length(6);
    expect(existsSync(join(folder, 'results'))).to.equal(false);
  }).timeout(20_000);

  it('is made once for the same contents and keeps few old ones', async () => {
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

  it('says that the package is not built', async () => {
    rmSync(join(root(), 'dist'), { recursive: true });
    const message = await pack(root(), cache()).then(String, (error: Error) => error.message);
    expect(message).to.match(/is not built; run: npm run build$/);
  });
});
