import { expect } from 'chai';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARM64, X86_64 } from './architecture.js';
import { imageFiles, imageKey } from './images.js';
import { HVM, STOCK, STOCK_ARM64 } from './machine.js';
import { snapshotFile } from './qemu.js';
import { GUESTS } from './ssh.js';

describe('lab images', () => {
  it('have a key that changes with each file, release and architecture', () => {
    const copy = mkdtempSync(join(tmpdir(), 'netifspec-image-'));
    try {
      cpSync(realpathSync(imageFiles()), copy, { recursive: true });
      const key = imageKey(imageFiles(), 'bookworm', X86_64);
      expect(imageKey(copy, 'bookworm', X86_64)).to.equal(key);
      expect(imageKey(copy, 'trixie', X86_64)).to.not.equal(key);
      expect(imageKey(copy, 'bookworm', ARM64)).to.not.equal(key);
      writeFileSync(join(copy, 'hosts'), 'changed');
      expect(imageKey(copy, 'bookworm', X86_64)).to.not.equal(key);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  it('give each guest the address that its SSH host key is known by', () => {
    for (const [name, address] of Object.entries(GUESTS)) {
      const config = readFileSync(join(imageFiles(), `${name}.cfg`), 'utf8');
      expect(config).to.contain(`lab.name=${name} lab.ip=${address}"`);
    }
  });

  it('have a separate snapshot for each QEMU, image, machine and module', () => {
    const images = { key: 'k', directory: '/d', manifest: { kernel: '6', xen: '4', hostKey: 'h' } };
    const names = [
      snapshotFile(images, '7.2', STOCK, ''),
      snapshotFile(images, '8.0', STOCK, ''),
      snapshotFile({ ...images, key: 'l' }, '7.2', STOCK, ''),
      snapshotFile({ ...images, manifest: { ...images.manifest, hostKey: 'i' } }, '7.2', STOCK, ''),
      snapshotFile(images, '7.2', STOCK, 'netback 12'),
      snapshotFile(images, '7.2', HVM, ''),
      snapshotFile(images, '7.2', STOCK_ARM64, ''),
    ];
    expect(new Set(names).size).to.equal(names.length);
    expect(snapshotFile(images, '7.2', STOCK, '')).to.equal(names[0]);
  });
});
