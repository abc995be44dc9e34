import { expect } from 'chai';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import { Patience } from '../xen/wait.js';
import { GuestPower } from './guest-power.js';

const LIST =
  'Name                 ID   Mem VCPUs\tState\tTime(s)\nguest                 5   256     1     STATE       5.1\n';

/** A {@link GuestPower} for domain 5, called guest, on a host whose `xl list` prints `state`. */
async function guest(state = '-b----', options: { readonly start?: () => Promise<void> } = {}) {
  const hypervisor = new Hypervisor({ seed: 1 });
  const harness = hypervisor.domain(0);
  const create = async (id: number): Promise<void> => {
    hypervisor.domain(id);
    await harness.store.write(`/local/domain/${id}/name`, 'guest');
  };
  await create(5);
  const called: string[] = [];
  const xl = async (...args: string[]): Promise<string> => {
    called.push(args.join(' '));
    const [command, id] = args;
    if (command === 'destroy') hypervisor.destroy(Number(id));
    if (command === 'create') await create(6);
    return command === 'list' ? LIST.replace('STATE', state) : '';
  };
  const patience = new Patience(harness.clock);
  const target = { domain: 'guest', config: '/etc/xen/guest.cfg' };
  const power = await GuestPower.open(5, { harness, target, patience, xl, ...options });
  return { power, called, hypervisor, harness, create };
}

describe('a guest', () => {
  for (const [state, death] of [
    ['-b----', undefined],
    ['r-----', undefined],
    ['---sc-', 'domain 5 has crashed'],
    ['---s--', 'domain 5 has shut down'],
  ] as const) {
    it(`that xl shows as ${state} ${death === undefined ? 'is alive' : 'is dead'}`, async () => {
      const { power } = await guest(state);
      expect(await power.causeOfDeath()).to.equal(death);
    });
  }

  it('whose domain no longer exists is dead; this is checked only after the end of a domain', async () => {
    const { power, hypervisor, harness, called } = await guest();
    // The watch fires once when it is registered.
    await new Promise<void>((resolve) => harness.clock.after(10, resolve));
    await power.died();
    called.length = 0;
    expect(await power.died()).to.equal(undefined);
    expect(called).to.deep.equal([]);
    hypervisor.destroy(5);
    await new Promise<void>((resolve) => harness.clock.after(10, resolve));
    expect(await power.died()).to.equal('domain 5 no longer exists');
    expect(await power.died()).to.equal(undefined);
  });

  it('is re-created from its configuration, with a new domain number', async () => {
    const { power, called } = await guest();
    let prepared = 0;
    await power.recreate(() => Promise.resolve(void (prepared = power.domain)));
    expect(called).to.deep.equal(['destroy 5', 'create -q -p /etc/xen/guest.cfg', 'unpause 6']);
    expect([prepared, power.domain]).to.deep.equal([6, 6]);
    expect(await power.died()).to.equal(undefined);
  });

  it('is started by its own command, if it has one', async () => {
    const order: string[] = [];
    const start = (): Promise<void> => Promise.resolve(void order.push('start'));
    const { power, called } = await guest('-b----', { start });
    await power.recreate(() => Promise.resolve(void order.push('prepare')));
    expect(order).to.deep.equal(['start', 'prepare']);
    expect(called).to.deep.equal([]);
  });

  it('is saved and continues as the same domain', async () => {
    const { power, called } = await guest();
    await power.checkpoint();
    expect(called).to.have.length(1);
    expect(called[0]).to.match(/^save -c 5 /);
    expect(power.domain).to.equal(5);
  });

  it('is re-created after the toolstack has restarted it', async () => {
    const { power, called, hypervisor, create } = await guest();
    hypervisor.destroy(5);
    await create(7);
    await power.recreate();
    expect(called[0]).to.equal('destroy 7');
  });
});
