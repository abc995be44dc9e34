import { expect } from 'chai';

import { XenError, type Domain } from '../domain.js';
import { Hypervisor, type PageAccess } from './index.js';

/** The name of the errno with which an operation failed, or 'worked'. */
async function outcome(operation: () => unknown): Promise<string> {
  try {
    await operation();
    return 'worked';
  } catch (error) {
    if (error instanceof XenError) return error.code;
    throw error;
  }
}

function elapse(domain: Domain, ms: number): Promise<void> {
  return new Promise((resolve) => domain.clock.after(ms, resolve));
}

/** The events and store changes that two domains see of each other, as one log. */
async function scenario(seed: number): Promise<string> {
  const hypervisor = new Hypervisor({ seed });
  const dom0 = hypervisor.domain(0);
  const guest = hypervisor.domain(1);
  const log: string[] = [];
  guest.events.onPending(() => log.push(`ports ${guest.events.take().join()}`));
  await guest.store.watch('data', (path) => log.push(path));
  for (let i = 0; i < 4; i++) guest.events.bindInterdomain(0, dom0.events.bindUnbound(1));
  void dom0.store.write('/local/domain/1/data/x', '').then(() => log.push('x written'));
  void dom0.store.write('/local/domain/1/data/y', '').then(() => log.push('y written'));
  log.push(`ref ${guest.grants.offer(0, 'read-only').ref}`);
  await elapse(guest, 1);
  return log.join('\n');
}

describe('simulated/hypervisor', () => {
  it('repeats the order of a seed; other seeds give other orders', async () => {
    const first = await scenario(1);
    expect(first.split('\n')).to.have.length(10);
    expect(await scenario(1)).to.equal(first);
    const ways = new Set<string>();
    for (let seed = 0; seed < 20; seed++) ways.add(await scenario(seed));
    expect(ways.size).to.be.above(15);
  });

  it('allocates references with gaps, none of them reserved, and some of more than 16 bits', () => {
    const domain = new Hypervisor({ seed: 1 }).domain(1);
    const refs = [...Array(100).keys()].map(() => domain.grants.offer(0, 'read-only').ref);
    expect(refs[0]).to.be.at.least(8);
    expect(new Set(refs).size).to.equal(100);
    const low = refs.map((ref) => ref & 0xffff);
    const steps = new Set(low.slice(1).map((ref, index) => ref - low[index]!));
    expect(steps).to.deep.equal(new Set([1, 2, 3]));
    expect(refs.filter((ref) => ref > 0xffff).length, 'references of more than 16 bits').to.equal(6);
  });

  it('refuses an offer beyond the limit of a domain, whatever the handle, until one has ended', async () => {
    const hypervisor = new Hypervisor({ seed: 1, offerLimit: 2 });
    const [one, two] = [hypervisor.domain(1), hypervisor.domain(1)];
    const offer = one.grants.offer(0, 'read-only');
    two.grants.offer(0, 'read-only');
    expect(await outcome(() => one.grants.offer(0, 'read-only'))).to.equal('ENOSPC');
    offer.end();
    offer.end();
    expect(await outcome(() => one.grants.offer(0, 'read-only'))).to.equal('worked');
    expect(await outcome(() => two.grants.offer(0, 'read-only'))).to.equal('ENOSPC');
    expect(await outcome(() => hypervisor.domain(2).grants.offer(0, 'read-only'))).to.equal('worked');
  });

  it('lets 1024 pages be offered by default', async () => {
    const domain = new Hypervisor({ seed: 1 }).domain(1);
    for (let i = 0; i < 1024; i++) domain.grants.offer(0, 'read-only');
    expect(await outcome(() => domain.grants.offer(0, 'read-only'))).to.equal('ENOSPC');
  });

  it('lets only the domain of a grant use it', async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const { ref } = hypervisor.domain(1).grants.offer(2, 'read-write');
    const stranger = hypervisor.domain(3);
    expect(await outcome(() => stranger.grants.map(1, [ref], 'read-only'))).to.equal('EINVAL');
    expect(await outcome(() => stranger.grants.map(9, [ref], 'read-only'))).to.equal('EINVAL');
    const segment = { ref, offset: 0, length: 4 };
    const copies = stranger.grants.copyFrom([
      { ...segment, domain: 1 },
      { ...segment, domain: 9 },
    ]);
    expect(copies.map((copy) => copy.status)).to.deep.equal([-1, -2]);
    const crossing = { ...segment, domain: 1, offset: 4093 };
    expect(await outcome(() => hypervisor.domain(2).grants.copyFrom([crossing]))).to.equal('EINVAL');
  });

  it('lets only the domain that a port waits for bind to the port', async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const port = hypervisor.domain(1).events.bindUnbound(2);
    expect(await outcome(() => hypervisor.domain(3).events.bindInterdomain(1, port))).to.equal('EINVAL');
    expect(await outcome(() => hypervisor.domain(3).events.bindInterdomain(9, port))).to.equal('ESRCH');
    expect(await outcome(() => hypervisor.domain(1).events.notify(port))).to.equal('ENOTCONN');
    expect(await outcome(() => hypervisor.domain(2).events.bindInterdomain(1, port))).to.equal('worked');
  });

  it('calls a listener that is set late for earlier events', async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const [one, two] = [hypervisor.domain(1), hypervisor.domain(2)];
    const port = two.events.bindInterdomain(1, one.events.bindUnbound(2));
    await elapse(one, 1);
    const taken = new Promise((resolve) => two.events.onPending(() => resolve(two.events.take())));
    expect(await taken).to.deep.equal([port]);
  });

  it('reports each access to a page to a listener', () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const guest = hypervisor.domain(1);
    const dom0 = hypervisor.domain(0);
    const { ref, page } = guest.grants.offer(0, 'read-write');
    const mapped = dom0.grants.map(1, [ref], 'read-write').pages[0]!;
    const seen: PageAccess[] = [];
    hypervisor.hooks.onPageAccess = (access) => seen.push(access);
    page.store32(4, 1);
    mapped.load32(4);
    mapped.copyOut(8, 12);
    dom0.grants.copyTo([{ domain: 1, ref, offset: 16, bytes: new Uint8Array(2) }]);
    delete hypervisor.hooks.onPageAccess;
    page.load32(0);
    const place = { granter: 1, ref };
    expect(seen).to.deep.equal([
      { ...place, domain: 1, kind: 'store', offset: 4, length: 4 },
      { ...place, domain: 0, kind: 'load', offset: 4, length: 4 },
      { ...place, domain: 0, kind: 'load', offset: 8, length: 12 },
      { ...place, domain: 0, kind: 'store', offset: 16, length: 2 },
    ]);
  });

  it('reports each store of another domain to a word of a page, until the page is closed', () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const [granter, mapper] = [hypervisor.domain(0), hypervisor.domain(1)];
    const offer = granter.grants.offer(1, 'read-write');
    const { page } = offer;
    const mapping = mapper.grants.map(0, [offer.ref], 'read-write');
    const [mapped] = mapping.pages;
    const seen: number[] = [];
    page.onStore?.(4, (now) => seen.push(now.load32(4)));
    mapped?.store32(4, 1);
    mapped?.store32(8, 2);
    mapped?.copyIn(0, Uint8Array.of(0, 0, 0, 0, 3, 0, 0, 0));
    page.store32(4, 4);
    expect(seen).to.deep.equal([1, 3]);
    offer.end();
    mapped?.store32(4, 5);
    expect(seen).to.deep.equal([1, 3]);
    mapping.unmap();
  });

  it('counts the resources of each domain', async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const dom0 = hypervisor.domain(0);
    const guest = hypervisor.domain(1);
    const { ref } = guest.grants.offer(0, 'read-write');
    dom0.grants.map(1, [ref], 'read-only');
    guest.events.bindUnbound(0);
    await guest.store.watch('data', () => {});
    const nothing = { grants: 0, mappings: 0, eventChannels: 0, watches: 0 };
    expect(hypervisor.holdings(0)).to.deep.equal({ ...nothing, mappings: 1 });
    expect(hypervisor.holdings(1)).to.deep.equal({ ...nothing, grants: 1, eventChannels: 1, watches: 1 });
    await dom0.close();
    await guest.close();
    for (const domain of [0, 1, 2]) expect(hypervisor.holdings(domain)).to.deep.equal(nothing);
  });

  it('destroys a domain at once; its pages stay mapped in other domains', async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const dom0 = hypervisor.domain(0);
    const guest = hypervisor.domain(1);
    const { ref, page } = guest.grants.offer(0, 'read-write');
    page.store32(0, 5);
    const mapping = dom0.grants.map(1, [ref], 'read-write');
    const port = dom0.events.bindInterdomain(1, guest.events.bindUnbound(0));
    const released = new Promise((resolve) => {
      let calls = 0;
      void dom0.store.watch('@releaseDomain', () => ++calls === 2 && resolve('released'));
    });
    await dom0.store.read('name');
    const unanswered = outcome(() => guest.store.write('data/x', ''));
    hypervisor.destroy(1);
    expect(await unanswered).to.equal('EBADF');
    expect(await released).to.equal('released');
    expect(await outcome(() => guest.events.take())).to.equal('EBADF');
    expect(mapping.pages[0]!.load32(0)).to.equal(5);
    expect(await outcome(() => dom0.grants.map(1, [ref], 'read-only'))).to.equal('EINVAL');
    expect(await outcome(() => dom0.events.notify(port))).to.equal('worked');
    expect(await dom0.store.list('/local/domain')).to.deep.equal(['0']);
    expect(hypervisor.holdings(1)).to.deep.equal({ grants: 0, mappings: 0, eventChannels: 0, watches: 0 });
    mapping.unmap();
  });

  it('handles twenty thousand deliveries in less than a second', async () => {
    const hypervisor = new Hypervisor({ seed: 1 });
    const [one, two] = [hypervisor.domain(1), hypervisor.domain(2)];
    const portOne = one.events.bindUnbound(2);
    const portTwo = two.events.bindInterdomain(1, portOne);
    let rounds = 0;
    const done = new Promise<void>((resolve) => {
      const answer = (domain: Domain, port: number) => () => {
        domain.events.take();
        domain.events.unmask(port);
        if (++rounds < 20_000) domain.events.notify(port);
        else resolve();
      };
      one.events.onPending(answer(one, portOne));
      two.events.onPending(answer(two, portTwo));
    });
    const began = performance.now();
    await done;
    expect(performance.now() - began).to.be.below(1000);
  });
});
