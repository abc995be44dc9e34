import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { pack } from './pack.js';

describe('the pack', () => {
  let folder: string;
  let root: string;
  const file = (path: string, text = ''): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const cache = (): string => join(folder, 'cache');
  const names = (archive: string): string[] =>
    execFileSync('tar', ['-tzf', archive], { encoding: 'utf8' }).trim().split('\n').sort();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-pack-'));
    root = join(folder, 'app');
    file('app/package.json', '{"name":"netifspec","type":"module","dependencies":{"a":"1","node-addon-api":"1"}}');
    for (const name of ['main.js', 'main.d.ts', 'main.js.map', 'main.test.js']) file(`app/dist/harness/cli/${name}`);
    file('app/dist/harness/cli/main.js', "import { a } from 'a';\nconsole.log(a);\n");
    file('app/dist/suites/rules.yaml');
    file('app/dist/.tsbuildinfo');
    file(
      'app/node_modules/a/package.json',
      '{"main":"i.js","dependencies":{"b":"1","o":"1"},"optionalDependencies":{"o":"1"}}',
    );
    file('app/node_modules/a/i.js', "exports.a = `a${require('b')}`;");
    for (const name of ['i.d.ts', 'README.md', 'LICENSE.md', 'src/i.ts', 'src/i.cc', 'test/t.js', 'dist/doc/d.js']) {
      file(`app/node_modules/a/${name}`);
    }
    file('app/node_modules/a/node_modules/b/package.json', '{"dependencies":{"a":"1"}}');
    file('app/node_modules/a/node_modules/b/index.js', "module.exports = 'b1';");
    file('app/node_modules/b/package.json');
    file('app/node_modules/unused/package.json');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('holds what is needed to run, and no more', async () => {
    file('app/native/build/Release/netifspec_native.node');
    file('app/native/build/Release/obj.target/x.o');
    const { file: archive, files, entry } = await pack(root, cache());
    expect(names(archive)).to.deep.equal([
      'dist/harness/cli/main.js',
      'dist/suites/rules.yaml',
      'native/build/Release/netifspec_native.node',
      'node_modules/a/LICENSE.md',
      'node_modules/a/dist/doc/d.js',
      'node_modules/a/i.js',
      'node_modules/a/node_modules/b/index.js',
      'node_modules/a/node_modules/b/package.json',
      'node_modules/a/package.json',
      'package.json',
    ]);
    expect(files).to.equal(10);
    expect(entry).to.equal('dist/harness/cli/main.js');
  });

  it('runs where it is unpacked, also when its dependencies lie beside it', async () => {
    mkdirSync(join(folder, 'outer/node_modules'), { recursive: true });
    execFileSync('cp', ['-r', root, join(folder, 'outer/node_modules/netifspec')]);
    execFileSync('mv', [
      join(folder, 'outer/node_modules/netifspec/node_modules/a'),
      join(folder, 'outer/node_modules/a'),
    ]);
    for (const place of [root, join(folder, 'outer/node_modules/netifspec')]) {
      const { file: archive, entry } = await pack(place, cache());
      const unpacked = mkdtempSync(join(folder, 'unpacked-'));
      execFileSync('tar', ['-xzf', archive, '-C', unpacked]);
      const { stdout, stderr } = spawnSync(process.execPath, [join(unpacked, entry)], { encoding: 'utf8' });
      expect({ stdout, stderr }, place).to.deep.equal({ stdout: 'ab1\n', stderr: '' });
    }
  });

  it('is made once for the same contents and keeps few old ones', async () => {
    const first = await pack(root, cache());
    expect(first.cached).to.equal(false);
    expect(await pack(root, cache())).to.include({ key: first.key, cached: true, size: first.size });
    for (let i = 0; i < 5; i++) {
      file('app/dist/suites/rules.yaml', `${i}`);
      const next = await pack(root, cache());
      expect(next.key).not.to.equal(first.key);
      expect(existsSync(next.file)).to.equal(true);
    }
    expect(readdirSync(cache())).to.have.length(4);
  });

  it('says what is missing', async () => {
    const message = async (): Promise<string> =>
      await pack(root, cache()).then(String, (error: Error) => error.message);
    rmSync(join(root, 'node_modules/a'), { recursive: true });
    expect(await message()).to.match(/^a, which .* needs, is not installed; run: npm ci$/);
    rmSync(join(root, 'dist'), { recursive: true });
    expect(await message()).to.match(/is not built; run: npm run build$/);
  });
});
