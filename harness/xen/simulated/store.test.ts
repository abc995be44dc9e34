import { expect } from 'chai';

import { XenError, type Domain } from '../domain.js';
import { Hypervisor } from './index.js';

/** The name of the errno with which an operation failed, or 'worked'. */
async function outcome(operation: Promise<unknown>): Promise<string> {
  return operation.then(
    () => 'worked',
    (error: unknown) => {
      if (error instanceof XenError) return error.code;
      throw error;
    },
  );
}

function elapse(domain: Domain, ms: number): Promise<void> {
  return new Promise((resolve) => domain.clock.after(ms, resolve));
}

describe('simulated/store', () => {
  let dom0: Domain;
  let guest: Domain;
  let other: Domain;

  beforeEach(() => {
    const hypervisor = new Hypervisor({ seed: 1 });
    [dom0, guest, other] = [hypervisor.domain(0), hypervisor.domain(1), hypervisor.domain(2)];
  });

  it('gives each domain a home of its own', async () => {
    expect(await guest.store.read('domid')).to.equal('1');
    expect(await guest.store.read('name')).to.equal('domain-1');
    expect(await dom0.store.read('name')).to.equal('Domain-0');
    expect(await guest.store.permissions('/local/domain/1')).to.deep.equal([{ domain: 1, access: 'n' }]);
  });

  it('denies domains access to each other’s nodes, except for dom0', async () => {
    await guest.store.write('data/key', 'mine');
    const path = '/local/domain/1/data/key';
    expect(await outcome(other.store.read(path))).to.equal('EACCES');
    expect(await outcome(other.store.list(path))).to.equal('EACCES');
    expect(await outcome(other.store.permissions(path))).to.equal('EACCES');
    expect(await outcome(other.store.write(path, 'theirs'))).to.equal('EACCES');
    expect(await outcome(other.store.remove(path))).to.equal('EACCES');
    expect(await outcome(other.store.write('/local/domain/1/data/new', ''))).to.equal('EACCES');
    expect(await dom0.store.read(path)).to.equal('mine');
    await dom0.store.write(path, 'ours');
    expect(await guest.store.read('data/key')).to.equal('ours');
  });

  it('does not reveal that a node is missing to a domain without access', async () => {
    expect(await outcome(other.store.read('/local/domain/1/missing'))).to.equal('EACCES');
    expect(await outcome(other.store.remove('/local/domain/1/missing'))).to.equal('EACCES');
    expect(await guest.store.read('missing')).to.equal(undefined);
  });

  it('distinguishes read from write permission', async () => {
    const path = '/local/domain/1/data/key';
    await guest.store.write(path, '1');
    const grant = (access: 'r' | 'w') =>
      guest.store.setPermissions(path, [
        { domain: 1, access: 'n' },
        { domain: 2, access },
      ]);
    await grant('r');
    expect(await other.store.read(path)).to.equal('1');
    expect(await outcome(other.store.write(path, '2'))).to.equal('EACCES');
    await grant('w');
    expect(await outcome(other.store.read(path))).to.equal('EACCES');
    expect(await outcome(other.store.write(path, '2'))).to.equal('worked');
  });

  it('applies the first entry’s letter to all domains that are not listed', async () => {
    await guest.store.write('data/key', '1');
    await guest.store.setPermissions('data/key', [
      { domain: 1, access: 'r' },
      { domain: 2, access: 'n' },
    ]);
    expect(await outcome(other.store.read('/local/domain/1/data/key'))).to.equal('EACCES');
    await guest.store.setPermissions('data/key', [{ domain: 1, access: 'r' }]);
    expect(await other.store.read('/local/domain/1/data/key')).to.equal('1');
  });

  it('lets only the owner set permissions, and only dom0 give a node away', async () => {
    const path = '/local/domain/1/data/key';
    await guest.store.write(path, '');
    await guest.store.setPermissions(path, [{ domain: 1, access: 'b' }]);
    expect(await outcome(other.store.setPermissions(path, [{ domain: 2, access: 'b' }]))).to.equal('EACCES');
    expect(await outcome(guest.store.setPermissions(path, [{ domain: 2, access: 'b' }]))).to.equal('EPERM');
    expect(await outcome(guest.store.setPermissions(path, []))).to.equal('EINVAL');
    expect(await outcome(guest.store.setPermissions('data/missing', [{ domain: 1, access: 'b' }]))).to.equal('ENOENT');
    expect(await outcome(dom0.store.setPermissions(path, [{ domain: 2, access: 'n' }]))).to.equal('worked');
    expect(await outcome(guest.store.read(path))).to.equal('EACCES');
  });

  it('makes a domain the owner of the nodes that it creates, and dom0 of none', async () => {
    await guest.store.write('data/shared', '');
    await guest.store.setPermissions('data/shared', [{ domain: 1, access: 'b' }]);
    await other.store.write('/local/domain/1/data/shared/theirs', '');
    await dom0.store.write('/local/domain/1/data/shared/inherited', '');
    expect(await dom0.store.permissions('/local/domain/1/data/shared/theirs')).to.deep.equal([
      { domain: 2, access: 'b' },
    ]);
    expect(await dom0.store.permissions('/local/domain/1/data/shared/inherited')).to.deep.equal([
      { domain: 1, access: 'b' },
    ]);
  });

  it('refuses paths and values that are too long', async () => {
    expect(await outcome(guest.store.write('data/key', 'x'.repeat(4096)))).to.equal('E2BIG');
    expect(await outcome(guest.store.write(`data/${'x'.repeat(3072)}`, ''))).to.equal('EINVAL');
  });

  it('does not remove the root', async () => {
    expect(await outcome(dom0.store.remove('/'))).to.equal('EINVAL');
  });

  it('calls watches only for nodes that the domain may read, or could read until now', async () => {
    const paths: string[] = [];
    await other.store.watch('/local/domain/1', (path) => paths.push(path));
    await guest.store.write('data/hidden', '');
    await guest.store.write('data/shown', '');
    await guest.store.setPermissions('data/shown', [{ domain: 1, access: 'r' }]);
    await guest.store.write('data/shown', 'x');
    await guest.store.setPermissions('data/shown', [{ domain: 1, access: 'n' }]);
    await guest.store.write('data/shown', 'y');
    await elapse(guest, 1);
    const shown = '/local/domain/1/data/shown';
    expect(paths).to.deep.equal(['/local/domain/1', shown, shown, shown]);
  });

  it('calls a relative watch with relative paths', async () => {
    const paths: string[] = [];
    await guest.store.watch('data', (path) => paths.push(path));
    await dom0.store.write('/local/domain/1/data/key', '');
    await elapse(guest, 1);
    expect(paths).to.deep.equal(['data', 'data/key']);
  });

  it('calls a watch below a removed node with its own path, and not if the node was missing', async () => {
    await guest.store.write('data/dir/key', '');
    const paths: string[] = [];
    for (const path of ['data/dir', 'data/dir/key', 'data/dir/missing'])
      await guest.store.watch(path, (changed) => paths.push(`${path}: ${changed}`));
    await elapse(guest, 1);
    paths.length = 0;
    await guest.store.remove('data');
    await elapse(guest, 1);
    expect(paths).to.deep.equal(['data/dir/key: data/dir/key', 'data/dir: data/dir']);
  });

  it('returns the watch before its first call', async () => {
    for (let i = 0; i < 50; i++) {
      let known = false;
      const called = new Promise((resolve) => {
        void guest.store.watch('data', () => resolve(known)).then(() => (known = true));
      });
      expect(await called).to.equal(true);
    }
  });

  it('calls no watch after its close was requested', async () => {
    let closed = false;
    for (let i = 0; i < 50; i++) {
      closed = false;
      const watch = await guest.store.watch('data', () => expect(closed).to.equal(false));
      await guest.store.write('data', '');
      closed = true;
      await watch.close();
    }
  });

  it('gives up a transaction that always conflicts', async () => {
    let runs = 0;
    const hopeless = guest.store.transaction(async (transaction) => {
      await transaction.read('data/count');
      await dom0.store.write('/local/domain/1/data/count', `${++runs}`);
      await transaction.write('data/count', 'never');
    });
    expect(await outcome(hopeless)).to.equal('EAGAIN');
    expect(runs).to.equal(100);
    expect(await guest.store.read('data/count')).to.equal('100');
  });

  it('detects the creation and the removal of nodes that a transaction read', async () => {
    for (const change of [
      (): Promise<void> => dom0.store.write('/local/domain/1/data/key', ''),
      (): Promise<void> => dom0.store.remove('/local/domain/1/data/key'),
    ]) {
      let runs = 0;
      await guest.store.transaction(async (transaction) => {
        await transaction.read('data/key');
        if (++runs === 1) await change();
        await transaction.write('data/other', '');
      });
      expect(runs).to.equal(2);
    }
  });

  it('is not disturbed by changes to other nodes', async () => {
    await guest.store.write('data/key', '1');
    let runs = 0;
    await guest.store.transaction(async (transaction) => {
      runs++;
      await transaction.write('data/key', '2');
      await dom0.store.write('/local/domain/1/control/shutdown', '');
    });
    expect(runs).to.equal(1);
  });

  it('refuses the use of a transaction that has ended', async () => {
    const ended = await guest.store.transaction((transaction) => Promise.resolve(transaction));
    expect(await outcome(ended.read('name'))).to.equal('ENOENT');
  });

  it('completes requests that were sent before the close', async () => {
    const asked = guest.store.read('name');
    const closed = guest.close();
    expect(await asked).to.equal('domain-1');
    await closed;
    expect(await outcome(guest.store.read('name'))).to.equal('EBADF');
  });
});
