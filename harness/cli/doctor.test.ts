import { expect } from 'chai';
import { diagnose, type Host } from './doctor.js';

const GOOD: Host = { addon: undefined, onXen: true, problems: [], disturbingSettings: [], packages: [] };
const said = (host: Partial<Host>): string[] =>
  diagnose({ ...GOOD, ...host }).map(({ state, text }) => `${state} ${text}`);

describe('the doctor', () => {
  it('reports no problem on a Xen host', () => {
    for (const line of said({})) expect(line).to.match(/^ok /);
    expect(said({})).to.include('ok host settings: none disturbs a run');
  });

  it('reports each problem with its own state', () => {
    const found = said({
      addon: 'The addon is not built.',
      problems: ['/dev/xen/gntdev is missing.'],
      disturbingSettings: ['NetworkManager runs.'],
      packages: ['cpio', 'zstd'],
    });
    expect(found.slice(1)).to.deep.equal([
      'no native addon: not available',
      'no real Xen: drivers on this host cannot be tested',
      'note host settings: some may disturb a run',
      'no lab: Debian packages are missing',
    ]);
  });

  it('does not report the settings of a host without Xen', () => {
    const found = said({
      onXen: false,
      problems: ['This host does not run Xen.'],
      disturbingSettings: ['NetworkManager runs.'],
    });
    expect(found).to.include('no real Xen: drivers on this host cannot be tested');
    expect(found.join('\n')).not.to.contain('host settings');
  });

  it('names the command that installs the missing packages of the lab', () => {
    const [lab] = diagnose({ ...GOOD, packages: ['cpio', 'zstd'] }).slice(-1);
    expect(lab?.details).to.deep.equal(['Run "netifspec lab up --install", or: apt-get install cpio zstd']);
  });
});
