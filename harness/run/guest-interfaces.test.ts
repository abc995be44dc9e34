import { expect } from 'chai';
import { NO_INTERFACE } from '../guest/os-profile.js';
import { profileNamed } from '../guest/profile.js';
import { linkOf } from '../peer/link.js';
import { vifOf } from '../peer/vif.js';
import { Hypervisor } from '../xen/simulated/hypervisor.js';
import { Patience } from '../xen/wait.js';
import { EnvironmentError } from './environment.js';
import { GuestInterfaces } from './guest-interfaces.js';
import type { Role } from './record.js';

const VIF = vifOf('frontend', 5, 0, 20);
const LINKED = { vif: VIF, link: linkOf(20) };

/** Interfaces of a guest whose shell returns these statuses (the last one repeatedly), and the commands that it ran. */
function interfaces(...codes: number[]) {
  const { clock } = new Hypervisor({ seed: 1 });
  const ran: string[] = [];
  const run = (script: string) => {
    ran.push(script);
    const code = codes[Math.min(ran.length, codes.length) - 1] ?? 0;
    return Promise.resolve({ code, stdout: '1\n', stderr: 'why' });
  };
  return { ran, of: new GuestInterfaces({ role: 'frontend' }, profileNamed('linux'), run, new Patience(clock)) };
}

describe('interfaces in a guest', () => {
  it('are configured as soon as they exist', async () => {
    const { of, ran } = interfaces(NO_INTERFACE, NO_INTERFACE, 0);
    await of.configure(VIF, LINKED.link);
    expect(ran).to.have.length(3);
    expect(ran[0]).to.contain('198.18.20.2/24').and.to.contain("mac='00:16:3e:6e:94:02'");
  });

  it('of a backend have the name that the target gives them', async () => {
    for (const [name, device] of [
      [undefined, 'vif5.20'],
      ['xvif$frontend.$handle', 'xvif5.20'],
      ['tap0', 'tap0'],
    ] as const) {
      const { clock } = new Hypervisor({ seed: 1 });
      const ran: string[] = [];
      const run = (script: string) => Promise.resolve({ code: ran.push(script) - ran.length, stdout: '', stderr: '' });
      const target = { role: 'backend', ...(name === undefined ? {} : { interface: name }) } as const;
      const backend = new GuestInterfaces(target, profileNamed('linux'), run, new Patience(clock));
      await backend.configure(vifOf('backend', 0, 5, 20), LINKED.link);
      expect(ran[0]).to.contain(`'${device}'`);
    }
  });

  it('that do not appear in time are reported', async () => {
    const error: unknown = await interfaces(NO_INTERFACE)
      .of.configure(VIF, LINKED.link)
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(EnvironmentError).with.property('message').that.contains('no network interface');
  });

  it('that cannot be configured are an error of the environment', async () => {
    for (const work of [
      interfaces(1).of.configure(VIF, LINKED.link),
      interfaces(1).of.carrier(LINKED),
      interfaces(1).of.bind(VIF),
    ]) {
      const error: unknown = await work.catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(EnvironmentError).with.property('message').that.contains('why');
    }
  });

  it('report whether they have a carrier and a driver', async () => {
    expect(await interfaces(0).of.carrier(LINKED)).to.equal(true);
    expect(await interfaces(NO_INTERFACE).of.carrier(LINKED)).to.equal(false);
    expect(await interfaces(0).of.unbind(VIF)).to.equal(true);
    expect(await interfaces(1).of.unbind(VIF)).to.equal(false);
  });

  it('are removed from their bridge at the end, if there was one', async () => {
    const { of, ran } = interfaces(0);
    await of.unbridge();
    expect(ran).to.have.length(0);
    await of.bridge([LINKED, LINKED]);
    await of.unbridge();
    expect(ran).to.have.length(2);
  });

  it('can do what the OS can do, in the role of the driver', () => {
    const { clock } = new Hypervisor({ seed: 1 });
    const abilities = (os: string, role: Role): string[] => {
      const run = () => Promise.reject(new Error('runs nothing'));
      const guest = new GuestInterfaces({ role }, profileNamed(os), run, new Patience(clock));
      return (['configure', 'bridge', 'carrier', 'unbind', 'bind'] as const).filter((name) => guest.can(name));
    };
    expect(abilities('linux', 'backend')).to.deep.equal(['configure', 'bridge', 'carrier', 'unbind', 'bind']);
    expect(abilities('netbsd', 'backend')).to.deep.equal(['configure', 'bridge']);
    expect(abilities('windows', 'frontend')).to.deep.equal(['configure', 'carrier']);
    expect(abilities('windows', 'backend')).to.deep.equal(['carrier']);
  });
});
