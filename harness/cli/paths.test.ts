import { expect } from 'chai';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordWriter } from '../../reports/records.js';
import { session } from '../../reports/records.fixture.js';
import { EnvironmentError } from '../run/environment.js';
import { UsageError } from '../base/errors.js';
import { explained, makeFolder, writeWhole } from './paths.js';

describe('paths that the user names', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-paths-'))));
  after(() => rmSync(folder, { recursive: true }));

  it('are folders that can be created, or invalid', () => {
    makeFolder(join(folder, 'a/b'));
    makeFolder(join(folder, 'a/b'));
    writeFileSync(join(folder, 'file'), '');
    expect(() => makeFolder(join(folder, 'file'))).to.throw(
      UsageError,
      /^--out .*file: exists and is not a folder; give a folder, or remove it$/,
    );
    expect(() => makeFolder(join(folder, 'file/sub/x'))).to.throw(UsageError, /a part of this path is a file/);
  });

  it('do not cause an endless loop if the file system refuses new folders', () => {
    expect(() => makeFolder('/proc/netifspec/x')).to.throw(UsageError, /no such file or folder/);
  });

  it('have no partial file after a failed write', () => {
    mkdirSync(join(folder, 'taken'));
    expect(() => writeWhole(join(folder, 'taken'), 'text')).to.throw(/EISDIR/);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).to.deep.equal([]);
  });

  it('are written in pieces, completely or not at all', () => {
    const file = join(folder, 'pieces');
    const pieces = Array.from({ length: 10_000 }, (_, n) => `line ${n}\n`);
    writeWhole(file, pieces.values());
    expect(readFileSync(file, 'utf8')).to.equal(pieces.join(''));
    const broken = function* (): Generator<string> {
      yield 'line';
      throw new Error('no more');
    };
    expect(() => writeWhole(file, broken())).to.throw('no more');
    expect(readFileSync(file, 'utf8')).to.equal(pieces.join(''));
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).to.deep.equal([]);
  });

  it('are written through a link, and into a device', () => {
    const [file, link] = [join(folder, 'target'), join(folder, 'link')];
    writeFileSync(file, '');
    symlinkSync(file, link);
    writeWhole(link, 'text');
    expect(lstatSync(link).isSymbolicLink()).to.equal(true);
    expect(readFileSync(file, 'utf8')).to.equal('text');
    writeWhole('/dev/null', 'text');
    expect(statSync('/dev/null').isCharacterDevice()).to.equal(true);
    expect(() => writeWhole('/dev/full', 'text')).to.throw(/ENOSPC/);
  });

  it('are named with a next step if the disk is full', () => {
    const writer = new RecordWriter('/dev/full');
    expect(() => writer.write(session())).to.throw(
      EnvironmentError,
      /^\/dev\/full: no space left on the device; .*; the results end here$/,
    );
    writer.close();
  });

  it('are named in errors on any other file', () => {
    const refused = Object.assign(new Error('EROFS: …'), { code: 'EROFS', path: '/x', syscall: 'open' });
    expect(explained(refused))
      .to.be.instanceOf(EnvironmentError)
      .with.property('message')
      .that.matches(/^\/x: the file/);
    const spawn = Object.assign(new Error('spawn tar ENOENT'), { code: 'ENOENT', path: 'tar', syscall: 'spawn tar' });
    expect(explained(spawn)).to.have.property('message', 'tar: no such command; install it');
    const other = new Error('a bug');
    expect(explained(other)).to.equal(other);
  });
});
