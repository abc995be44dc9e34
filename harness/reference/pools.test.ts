import { expect } from 'chai';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import { type Domain, XenError } from '../xen/domain.js';
import { BufferPool } from './buffer-pool.js';
import { MappedGrants } from './mapped-grants.js';

function domains(): { backend: Domain; frontend: Domain } {
  const hypervisor = new Hypervisor({ seed: 1 });
  return { backend: hypervisor.domain(0), frontend: hypervisor.domain(1) };
}

describe('BufferPool', () => {
  it('provides kept pages first and ends the grants of other pages when they are returned', () => {
    const { frontend } = domains();
    const pool = new BufferPool(frontend.grants, 0, 'read-only');
    pool.fill(1);
    const [kept, other] = [pool.take(), pool.take()];
    expect(pool.refs).to.deep.equal([kept.ref]);
    pool.give(other);
    expect(() => other.page.copyOut(0, 1)).to.throw();
    pool.give(kept);
    expect(pool.take().ref).to.equal(kept.ref);
    pool.clear();
    expect(pool.refs).to.deep.equal([]);
  });
});

describe('MappedGrants', () => {
  it('maps all entries of a list or none', () => {
    const { backend, frontend } = domains();
    const offers = [frontend.grants.offer(0, 'read-write'), frontend.grants.offer(0, 'read-write')];
    const [first = 0, second = 0] = offers.map(({ ref }) => ref);
    const mapped = new MappedGrants(backend.grants, 1);
    for (const bad of [0xfffffff0, first]) {
      const list = [first, bad].map((ref) => ({ ref, readonly: false }));
      expect(() => mapped.add(list), `with ${bad}`).to.throw(XenError);
      expect(mapped.size).to.equal(0);
    }
    mapped.add([
      { ref: first, readonly: true },
      { ref: second, readonly: false },
    ]);
    expect([first, second].map((ref) => mapped.page(ref)?.writable)).to.deep.equal([false, true]);
    expect([mapped.delete(first), mapped.delete(first)]).to.deep.equal([true, false]);
    mapped.clear();
    expect(mapped.has(second)).to.equal(false);
  });
});
