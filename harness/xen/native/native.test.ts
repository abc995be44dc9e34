import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadNative, type LiveCounts, type NativeAddon } from '../../../native/index.js';
import { XenError, type Domain } from '../domain.js';
import { nativeProblems, openNativeDomain } from './index.js';

/** For tests that start processes or wait for garbage collection: an emulated machine is slow at both. */
const SLOW_MS = 60_000;

describe('the native adapter', () => {
  it('reports what a host that is not a domain lacks, each with a remedy', async function () {
    const problems = nativeProblems();
    if (problems.length === 0) return this.skip();
    for (const problem of problems) expect(problem).to.match(/: .+\.$/);
    const error: unknown = await openNativeDomain().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(XenError).with.property('code', 'ENODEV');
    expect((error as Error).message).to.contain(problems[0]);
  });

  describe('on Xen', () => {
    let addon: NativeAddon;
    before(function () {
      const loaded = loadNative();
      if (nativeProblems().length > 0 || 'unavailable' in loaded) return this.skip();
      addon = loaded;
    });

    it('releases all resources after garbage collection, closed or not', async function () {
      this.timeout(SLOW_MS);
      const { gc } = globalThis;
      if (!gc) throw new Error('run mocha with --expose-gc');
      const before = addon.liveCounts();
      const used = await (async (): Promise<LiveCounts> => {
        const domain = await openNativeDomain();
        for (let i = 0; i < 20; i++) {
          const offer = domain.grants.offer(domain.id, 'read-write');
          domain.grants.map(domain.id, [offer.ref], 'read-only').pages[0]?.load32(0);
          domain.events.bindUnbound(domain.id);
        }
        return addon.liveCounts();
      })();
      expect(used.mappings - before.mappings).to.be.at.least(1);
      expect(used.ports - before.ports).to.equal(20);
      expect(used.stores - before.stores).to.equal(1);
      const left = (): string[] => {
        const now = addon.liveCounts();
        return (Object.keys(now) as (keyof LiveCounts)[]).filter((name) => now[name] > before[name]);
      };
      for (let turns = 0; turns < 200 && left().length > 0; turns++) {
        gc();
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(left()).to.deep.equal([]);
    });

    it('leaves no Xen device open in child processes', async function () {
      this.timeout(SLOW_MS);
      const domain = await openNativeDomain();
      try {
        const open = execFileSync('sh', ['-c', 'ls -l /proc/self/fd'], { encoding: 'utf8' });
        expect(open).not.to.contain('/dev/xen');
      } finally {
        await domain.close();
      }
    });

    it('handles requests in order and completes them before the close', async () => {
      const domain = await openNativeDomain();
      const path = `data/netifspec-order-${process.pid}`;
      const done: number[] = [];
      const writes = Array.from({ length: 20 }, (_, i) =>
        domain.store.write(path, String(i)).then(() => void done.push(i)),
      );
      const value = domain.store.read(path);
      const removed = domain.store.remove(path);
      await domain.close();
      await Promise.all([...writes, removed]);
      expect(done).to.deep.equal(Array.from({ length: 20 }, (_, i) => i));
      expect(await value).to.equal('19');
    });

    it('does not keep a process alive that forgot to close', function () {
      this.timeout(SLOW_MS);
      const file = JSON.stringify(new URL('index.js', import.meta.url).href);
      const code = `
        const { openNativeDomain } = await import(${file});
        const domain = await openNativeDomain();
        const offer = domain.grants.offer(domain.id, 'read-write');
        domain.events.bindUnbound(domain.id);
        process.stdout.write(String(domain.grants.map(domain.id, [offer.ref], 'read-write').pages[0].load32(0)));`;
      const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
        encoding: 'utf8',
        timeout: SLOW_MS / 2,
      });
      expect(output).to.equal('0');
    });

    it('survives the end of a worker with an open watch and listener', async function () {
      this.timeout(SLOW_MS);
      const file = JSON.stringify(new URL('index.js', import.meta.url).href);
      const code = `
        const { Worker, isMainThread, parentPort } = require('node:worker_threads');
        const file = ${file};
        const inside = \`
          import(\${JSON.stringify(file)}).then(async ({ openNativeDomain }) => {
            const domain = await openNativeDomain();
            domain.events.onPending(() => domain.events.take());
            await domain.store.watch('/local/domain', () => {});
            domain.grants.offer(domain.id, 'read-write');
            require('node:worker_threads').parentPort.postMessage('ready');
          });\`;
        const worker = new Worker(inside, { eval: true });
        worker.once('message', async () => {
          await worker.terminate();
          process.stdout.write('ended');
        });`;
      expect(execFileSync(process.execPath, ['-e', code], { encoding: 'utf8', timeout: SLOW_MS / 2 })).to.equal(
        'ended',
      );
      return Promise.resolve();
    });

    it('names the limit to raise when no more pages can be offered', async function () {
      this.timeout(SLOW_MS);
      const limit = Number(readFileSync('/sys/module/xen_gntalloc/parameters/limit', 'utf8'));
      const domain: Domain = await openNativeDomain();
      try {
        const offerAll = (): void => {
          for (let i = 0; i <= limit; i++) domain.grants.offer(domain.id, 'read-write');
        };
        expect(offerAll)
          .to.throw(XenError, /xen_gntalloc.limit/)
          .with.property('code', 'ENOSPC');
      } finally {
        await domain.close();
      }
    });
  });
});
