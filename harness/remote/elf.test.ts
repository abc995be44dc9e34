import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { machine, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readExecutable } from './elf.js';
import { RemoteError } from './error.js';
import { sampleExecutable } from './executable.fixture.js';

describe('headers of executables', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'netifspec-elf-'))));
  after(() => rmSync(folder, { recursive: true }));
  const read = (bytes: Buffer | string): ReturnType<typeof readExecutable> => {
    writeFileSync(join(folder, 'file'), bytes);
    return readExecutable(join(folder, 'file'));
  };

  it('have the machine and the loader', () => {
    expect(read(sampleExecutable(183, '/lib/ld-musl-aarch64.so.1'))).to.deep.equal({
      machine: 'aarch64',
      loader: '/lib/ld-musl-aarch64.so.1',
    });
    expect(read(sampleExecutable(21, '/l')).machine).to.equal('machine 21');
    expect(readExecutable(process.execPath).machine).to.equal(machine());
  });

  it('are rejected if they are invalid, without reads beyond the end of the file', () => {
    expect(() => read('#!/bin/sh\n')).to.throw(RemoteError, /file: not an executable of a 64-bit Linux machine/);
    expect(() => readExecutable(join(folder, 'none'))).to.throw(RemoteError, /none: no such file or folder/);
    expect(() => readExecutable(folder)).to.throw(RemoteError, /is a folder; give a file/);
    const far = sampleExecutable(62, '/l');
    far.writeBigUInt64LE(1n << 62n, 64 + 8);
    expect(() => read(far)).to.throw(RemoteError);
    expect(read(sampleExecutable(62, '/lib/ld.so').subarray(0, 70))).to.deep.equal({ machine: 'x86_64' });
  });
});
