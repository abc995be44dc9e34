import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { loadNative, type NativeAddon, type NativePage, type NativeRegion } from './index.js';

/** For tests that start processes or threads: an emulated machine is slow at that. */
const SLOW_MS = 30_000;

const pageFault = (body: () => unknown, message: RegExp): void => {
  expect(body).to.throw(message).with.property('code', 'ERR_PAGE');
};

/** Collects garbage until `done` returns true, since finalizers run in later turns of the event loop. */
async function collectUntil(done: () => boolean): Promise<void> {
  const { gc } = globalThis;
  if (!gc) throw new Error('run mocha with --expose-gc');
  for (let turns = 0; turns < 100 && !done(); turns++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('loading the addon', () => {
  it('reports that it is not built', () => {
    const result = loadNative('/nowhere/netifspec_native.node');
    expect(result)
      .to.have.property('unavailable')
      .that.matches(/isn't built.*npm run install/);
  });

  it('reports that it does not fit this Node', () => {
    const folder = mkdtempSync(join(tmpdir(), 'netifspec-'));
    try {
      const file = join(folder, 'wrong.node');
      writeFileSync(file, 'not an object file');
      expect(loadNative(file))
        .to.have.property('unavailable')
        .that.matches(/doesn't fit this Node/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the addon', () => {
  let addon: NativeAddon;
  before(function () {
    const loaded = loadNative();
    if ('unavailable' in loaded) return this.skip();
    addon = loaded;
  });

  describe('page', () => {
    let region: NativeRegion;
    let page: NativePage;
    const open = (writable: boolean): void => {
      region = addon.anonymousPage(writable);
      page = region.page(0);
    };
    beforeEach(() => open(true));
    afterEach(() => region.close());

    it('stores and loads words, little-endian and unsigned', () => {
      page.store32(4092, 0xfedcba98);
      expect(page.load32(4092)).to.equal(0xfedcba98);
      expect([...page.copyOut(4092, 4)]).to.deep.equal([0x98, 0xba, 0xdc, 0xfe]);
    });

    it('alternates a word in a thread, until it is stopped or the page is closed', () => {
      const calm = page.flicker(16, 1, 2);
      pageFault(() => page.flicker(20, 1, 2), /flickering word/);
      const seen = new Set<number>();
      while (seen.size < 2) seen.add(page.load32(16));
      calm();
      calm();
      page.store32(16, 7);
      expect(page.load32(16)).to.equal(7);
      page.flicker(16, 3, 4);
      region.close();
      pageFault(() => page.flicker(16, 1, 2), /closed/);
    });

    it('copies bytes in and out; the copy is private', () => {
      page.copyIn(1, new Uint8Array([1, 2, 3]));
      const copy = page.copyOut(0, 5);
      page.copyIn(1, Buffer.from([9]));
      expect([...copy]).to.deep.equal([0, 1, 2, 3, 0]);
      expect(page.copyOut(0, 4096)).to.have.length(4096);
      expect(page.copyOut(4096, 0)).to.have.length(0);
    });

    it('copies any range unchanged', () => {
      const all = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
      page.copyIn(0, all);
      for (let offset = 0; offset < 18; offset++)
        for (let length = 0; length < 34; length++)
          expect(page.copyOut(offset, length)).to.deep.equal(all.slice(offset, offset + length));
    });

    it('refuses ranges outside the page and unaligned words', () => {
      pageFault(() => page.load32(4096), /outside the page/);
      pageFault(() => page.load32(2), /not a multiple of 4/);
      pageFault(() => page.store32(4094, 1), /outside the page/);
      pageFault(() => page.copyOut(1, 4096), /outside the page/);
      pageFault(() => page.copyIn(4095, new Uint8Array(2)), /outside the page/);
      pageFault(() => page.copyIn(0, new Uint8Array(4097)), /more bytes/);
      for (const offset of [-1, NaN, 0.5, 2 ** 32, Infinity]) pageFault(() => page.copyOut(offset, 1), /offset/);
      pageFault(() => page.copyOut(0, -1), /length/);
    });

    it('refuses values that are not a u32', () => {
      for (const value of [-1, 2 ** 32, 1.5, NaN]) expect(() => page.store32(0, value)).to.throw(TypeError, /value/);
      expect(() => page.copyIn(0, [1] as unknown as Uint8Array)).to.throw(TypeError, /Uint8Array/);
      expect(page.load32(0)).to.equal(0);
    });

    it('refuses writes to a read-only page, which is still readable', () => {
      region.close();
      open(false);
      expect(page.writable).to.equal(false);
      pageFault(() => page.store32(0, 1), /read-only/);
      pageFault(() => page.copyIn(0, new Uint8Array(1)), /read-only/);
      expect(page.load32(0)).to.equal(0);
    });

    it('refuses every access after the close, which may be repeated', () => {
      region.close();
      region.close();
      pageFault(() => page.load32(0), /closed/);
      pageFault(() => page.store32(0, 1), /closed/);
      pageFault(() => page.copyOut(0, 0), /closed/);
      pageFault(() => page.copyIn(0, new Uint8Array(0)), /closed/);
    });

    it('has no public constructor, and no method for other objects', () => {
      for (const { constructor } of [page, region]) {
        const Class = constructor as new (...args: unknown[]) => unknown;
        expect(() => new Class()).to.throw(TypeError);
      }
      expect(() => region.page(1)).to.throw(TypeError, /index/);
      // eslint-disable-next-line @typescript-eslint/unbound-method
      expect(() => Reflect.apply(page.load32, region, [0])).to.throw(TypeError);
    });
  });

  describe('garbage', () => {
    it('releases pages that were not closed, but none whose region or page is still referenced', async function () {
      this.timeout(SLOW_MS);
      const before = addon.liveCounts().anonymous;
      const held: { page: NativePage | undefined; region: NativeRegion | undefined } = {
        page: addon.anonymousPage(true).page(0),
        region: addon.anonymousPage(true),
      };
      (() => {
        for (let i = 0; i < 100; i++) addon.anonymousPage(true).page(0).store32(0, i);
      })();
      expect(addon.liveCounts().anonymous).to.be.at.least(before + 2);
      await collectUntil(() => addon.liveCounts().anonymous <= before + 2);
      expect(addon.liveCounts().anonymous).to.equal(before + 2);
      expect(held.page?.load32(0)).to.equal(0);
      held.region?.page(0).store32(0, 1);

      held.page = held.region = undefined;
      await collectUntil(() => addon.liveCounts().anonymous === before);
      expect(addon.liveCounts()).to.include({ anonymous: before, failedReleases: 0 });
    });
  });

  describe('without Xen', () => {
    before(function () {
      if (existsSync('/dev/xen/evtchn')) this.skip();
    });

    it('reports which device or library is missing', async () => {
      const codes = ['ENOENT', 'ELIBACC'];
      for (const open of [() => new addon.Grants(), () => new addon.Events(), () => new addon.GrantTables()])
        expect(open)
          .to.throw(/dev\/xen|libxen/)
          .with.property('code')
          .that.is.oneOf(codes);
      const error: unknown = await Promise.resolve()
        .then(() => addon.openStore(() => undefined))
        .catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(Error).with.property('code').that.is.oneOf(codes);
      expect(addon.liveCounts()).to.include({ mappings: 0, offers: 0, ports: 0, stores: 0 });
    });
  });

  it('works in a worker, and lets it end', async function () {
    this.timeout(SLOW_MS);
    const file = join(import.meta.dirname, 'index.js');
    const code = `
      import(${JSON.stringify(file)}).then(({ loadNative }) => {
        const { page } = { page: loadNative().anonymousPage(true).page(0) };
        page.store32(0, 7);
        require('worker_threads').parentPort.postMessage(page.load32(0));
      });`;
    const worker = new Worker(code, { eval: true });
    const value = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(value).to.equal(7);
    await worker.terminate();
  });

  describe('TAP', () => {
    const netns = `netifspec-test-${process.pid}`;
    const options = { headerSize: 12, checksum: true, tso4: true, tso6: true } as const;
    const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' });

    before(function () {
      if (!existsSync('/dev/net/tun')) this.skip();
      try {
        ip('netns', 'add', netns);
      } catch {
        this.skip();
      }
    });
    after(() => {
      if (existsSync(`/var/run/netns/${netns}`)) ip('netns', 'del', netns);
    });

    it('is created inside the namespace, carries frames both ways, and is removed by its close', async function () {
      this.timeout(SLOW_MS);
      const tap = new addon.Tap('tap0', netns, options);
      expect(ip('-n', netns, 'link', 'show', 'tap0')).to.contain('tap0');
      expect(() => ip('link', 'show', 'tap0')).to.throw();
      ip('-n', netns, 'addr', 'add', '10.98.0.1/24', 'dev', 'tap0');
      ip('-n', netns, 'link', 'set', 'tap0', 'up');
      try {
        const header = Buffer.alloc(options.headerSize);
        const request = Buffer.from(
          'ffffffffffff02000000000208060001080006040001' + '0200000000020a620002' + '0000000000000a620001',
          'hex',
        );
        const reply = new Promise<Buffer>((resolve, reject) =>
          tap.listen((error, frame) => {
            if (error) reject(error);
            else if (frame?.readUInt16BE(12 + 12) === 0x0806) resolve(frame.subarray(12));
          }),
        );
        expect(tap.write(Buffer.concat([header, request]))).to.equal(true);
        const frame = await reply;
        expect(frame.subarray(0, 6).toString('hex')).to.equal('020000000002');
        expect(frame.readUInt16BE(20)).to.equal(2);
        expect(frame.subarray(28, 32).toString('hex')).to.equal('0a620001');
      } finally {
        tap.close();
      }
      expect(() => ip('-n', netns, 'link', 'show', 'tap0')).to.throw();
      expect(() => tap.write(Buffer.alloc(64))).to.throw(/closed/);
      expect(addon.liveCounts().taps).to.equal(0);
    });

    it('refuses invalid names, namespaces and header sizes', () => {
      expect(() => new addon.Tap('', netns, options)).to.throw(TypeError);
      expect(() => new addon.Tap('x'.repeat(16), netns, options)).to.throw(TypeError);
      expect(() => new addon.Tap('tap0', '../x', options)).to.throw(TypeError);
      expect(() => new addon.Tap('tap0', 'no-such-netns', options)).to.throw(/netns\/no-such-netns/);
      expect(() => new addon.Tap('tap0', netns, { ...options, headerSize: 11 as 12 })).to.throw(TypeError);
    });
  });
});
