/** Contract of xenstore: nodes, permissions, watches, transactions. */
import { expect } from 'chai';
import { XenError, type Domain } from '../domain.js';
import { Patience, Signal } from '../wait.js';
import type { Pair } from './pair.js';

/** Defines the tests; `handles` returns the handles of the current test. */
export function contractOfStore(handles: () => Pair): void {
  describe('store', () => {
    let a: Domain;
    let b: Domain;
    beforeEach(() => {
      ({ a, b } = handles());
    });

    const relative = `data/netifspec-contract-${process.pid}`;
    let base: string;
    let patience: Patience;

    beforeEach(async () => {
      base = `/local/domain/${a.id}/${relative}`;
      patience = new Patience(a.clock);
      await a.store.write(base, '');
      await a.store.setPermissions(base, [
        { domain: a.id, access: 'n' },
        { domain: b.id, access: 'b' },
      ]);
    });

    afterEach(() => a.store.remove(base));

    /** The paths that a watch reported; can wait for the next one. */
    async function watch(domain: Domain, path: string) {
      const signal = new Signal();
      const paths: string[] = [];
      const handle = await domain.store.watch(path, (changed) => {
        paths.push(changed);
        signal.fire();
      });
      const heard = (what: string, count: number) =>
        patience.until(what, () => paths.length >= count, { on: [signal] });
      return { paths, heard, close: () => handle.close() };
    }

    it('reads what was written, and undefined for a missing node', async () => {
      expect(await a.store.read(`${base}/key`)).to.equal(undefined);
      expect(await a.store.list(`${base}/key`)).to.equal(undefined);
      expect(await a.store.permissions(`${base}/key`)).to.equal(undefined);
      await a.store.write(`${base}/key`, 'one');
      expect(await b.store.read(`${base}/key`)).to.equal('one');
      await b.store.write(`${base}/key`, '');
      expect(await a.store.read(`${base}/key`)).to.equal('');
      await a.store.write(`${base}/key`, 'Zürich');
      expect(await b.store.read(`${base}/key`)).to.equal('Zürich');
    });

    it('creates missing parents and lists children', async () => {
      await a.store.write(`${base}/queue-0/tx-ring-ref`, '8');
      await a.store.write(`${base}/queue-1/tx-ring-ref`, '9');
      expect(await a.store.read(`${base}/queue-0`)).to.equal('');
      expect(await a.store.list(base)).to.have.members(['queue-0', 'queue-1']);
      expect(await a.store.list(`${base}/queue-0/tx-ring-ref`)).to.deep.equal([]);
    });

    it('starts relative paths at the domain’s home', async () => {
      await a.store.write(`${relative}/key`, 'value');
      expect(await a.store.read(`${base}/key`)).to.equal('value');
      expect(await a.store.read(`${relative}/key`)).to.equal('value');
    });

    it('refuses paths that are too long for xenstored', async () => {
      for (const path of [`${base}/`, `${base}//key`, `${base}/a b`]) {
        const error: unknown = await a.store.write(path, '').catch((reason: unknown) => reason);
        expect(error, path).to.be.instanceOf(XenError).with.property('code', 'EINVAL');
      }
    });

    it('removes a node with its subtree; removing a missing node is no error', async () => {
      await a.store.write(`${base}/dir/key`, '1');
      await a.store.remove(`${base}/dir`);
      expect(await a.store.read(`${base}/dir`)).to.equal(undefined);
      expect(await a.store.read(`${base}/dir/key`)).to.equal(undefined);
      expect(await a.store.list(base)).to.deep.equal([]);
      await a.store.remove(`${base}/dir`);
      await a.store.remove(`${base}/never/was/here`);
    });

    it('gives new children the permissions of their parent, and sets permissions', async () => {
      await a.store.write(`${base}/dir/key`, '1');
      const inherited = await a.store.permissions(base);
      expect(inherited).to.deep.equal([
        { domain: a.id, access: 'n' },
        { domain: b.id, access: 'b' },
      ]);
      expect(await a.store.permissions(`${base}/dir/key`)).to.deep.equal(inherited);
      const own = [
        { domain: a.id, access: 'r' },
        { domain: b.id, access: 'w' },
      ] as const;
      await a.store.setPermissions(`${base}/dir/key`, own);
      expect(await a.store.permissions(`${base}/dir/key`)).to.deep.equal(own);
      expect(await a.store.permissions(`${base}/dir`)).to.deep.equal(inherited);
    });

    it('shows a transaction to others only after its commit', async () => {
      const answer = await a.store.transaction(async (transaction) => {
        await transaction.write(`${base}/one`, '1');
        await transaction.write(`${base}/two`, '2');
        expect(await transaction.read(`${base}/one`)).to.equal('1');
        expect(await b.store.read(`${base}/one`)).to.equal(undefined);
        return 'done';
      });
      expect(answer).to.equal('done');
      expect(await b.store.read(`${base}/one`)).to.equal('1');
      expect(await b.store.read(`${base}/two`)).to.equal('2');
    });

    it('repeats a transaction if the nodes that it read were changed in the meantime', async () => {
      await a.store.write(`${base}/count`, '1');
      let runs = 0;
      await a.store.transaction(async (transaction) => {
        const count = Number(await transaction.read(`${base}/count`));
        if (++runs === 1) await b.store.write(`${base}/count`, '10');
        await transaction.write(`${base}/count`, `${count + 1}`);
      });
      expect(runs).to.equal(2);
      expect(await a.store.read(`${base}/count`)).to.equal('11');
    });

    it('undoes a transaction whose body throws', async () => {
      const broken = a.store.transaction(async (transaction) => {
        await transaction.write(`${base}/key`, '1');
        throw new Error('on purpose');
      });
      expect(await broken.catch((reason: unknown) => String(reason))).to.equal('Error: on purpose');
      expect(await a.store.read(`${base}/key`)).to.equal(undefined);
    });

    it('calls a watch once at first, and then for changes at and below its path', async () => {
      const watched = await watch(b, `${base}/dir`);
      await watched.heard('first call', 1);
      expect(watched.paths).to.deep.equal([`${base}/dir`]);
      await a.store.write(`${base}/dir`, '1');
      await watched.heard('change of the node', 2);
      await a.store.write(`${base}/dir/key`, '2');
      await watched.heard('change below', 3);
      await a.store.write(`${base}/other`, '3');
      await a.store.write(`${base}/dir2`, '3');
      await a.store.remove(`${base}/dir/key`);
      await watched.heard('removal below', 4);
      expect(watched.paths.slice(1)).to.deep.equal([`${base}/dir`, `${base}/dir/key`, `${base}/dir/key`]);
      await watched.close();
    });

    it('calls a watch of a relative path', async () => {
      const watched = await watch(a, `${relative}/key`);
      await watched.heard('first call', 1);
      await a.store.write(`${base}/key`, '1');
      await watched.heard('change', 2);
      for (const path of watched.paths) expect(`/local/domain/${a.id}/${path}`.endsWith(`${base}/key`)).to.equal(true);
      await watched.close();
    });

    it('calls a watch when its node or an ancestor is removed', async () => {
      await a.store.write(`${base}/dir/key`, '1');
      const watched = await watch(b, `${base}/dir/key`);
      await watched.heard('first call', 1);
      await a.store.remove(`${base}/dir`);
      await watched.heard('removal of the parent', 2);
      expect(await b.store.read(`${base}/dir/key`)).to.equal(undefined);
      await watched.close();
    });

    it('calls a watch for a transaction only after its commit', async () => {
      const watched = await watch(b, base);
      await watched.heard('first call', 1);
      await a.store.transaction(async (transaction) => {
        await transaction.write(`${base}/inside`, '1');
        await b.store.read(base);
        expect(watched.paths).to.have.length(1);
      });
      await a.store.write(`${base}/after`, '1');
      await watched.heard('the commit and the write after it', 3);
      expect(watched.paths).to.deep.equal([base, `${base}/inside`, `${base}/after`]);
      await watched.close();
    });

    it('does not call a closed watch', async () => {
      const closed = await watch(b, base);
      const open = await watch(b, base);
      await closed.heard('first call', 1);
      await open.heard('first call', 1);
      await closed.close();
      await a.store.write(`${base}/key`, '1');
      await open.heard('change', 2);
      expect(closed.paths).to.deep.equal([base]);
      await open.close();
    });
  });
}
