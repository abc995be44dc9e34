import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { disturbingSettings } from './disturbing-settings.js';

describe('settings of a host that may disturb a run', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'netifspec-host-'))));
  afterEach(() => rmSync(root, { recursive: true }));

  it('include a disk that is nearly full', () => {
    expect(disturbingSettings(root, Number.MAX_SAFE_INTEGER)[0]).to.match(/ has \d+ MiB free: /);
  });

  const has = (files: Record<string, string>): string[] => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return disturbingSettings(root);
  };
  const limit = 'sys/module/xen_gntalloc/parameters/limit';
  const rules = { 'lib/udev/rules.d/xen.rules': '# "vif*"\nSUBSYSTEM=="xen-backend", RUN+="/etc/xen/scripts/vif"\n' };
  const network = { 'etc/systemd/network/all.network': '[Match]\nName=en* v*\n' };
  const manager = { 'run/NetworkManager/x': '' };

  it('are empty if nothing disturbs a run', () => {
    expect(disturbingSettings(root)).to.deep.equal([]);
  });

  it('include too few grants', () => {
    expect(has({ [limit]: '8192\n' })).to.deep.equal([]);
    expect(has({ [limit]: '1024\n' })[0]).to.match(/^xen_gntalloc offers at most 1024 pages.*: echo 8192 > \/sys/);
  });

  it('include rules of a running udev', () => {
    expect(has(rules)).to.deep.equal([]);
    expect(has({ 'run/udev/control': '' })[0]).to.match(
      /\/lib\/udev\/rules.d\/xen.rules:2 acts on .* create an empty \/etc\/udev\/rules.d\/xen.rules /,
    );
    expect(has({ 'etc/udev/rules.d/xen.rules': 'SUBSYSTEM=="xen-backend", KERNEL=="vbd*", RUN+="x"\n' })).to.deep.equal(
      [],
    );
  });

  it('include networks of a running systemd-networkd', () => {
    expect(has({ ...network, 'run/systemd/netif/links/1': '' })).to.deep.equal([]);
    expect(has({ 'run/systemd/netif/state': '' })[0]).to.match(
      /claims vif1\.0 by \/etc\/systemd\/network\/all.network:2: /,
    );
    expect(has({ 'etc/systemd/network/all.network': '[Match]\nName=en*\n' })).to.deep.equal([]);
  });

  it('include a NetworkManager that is not configured to ignore the interfaces', () => {
    expect(has(manager)[0]).to.match(/^NetworkManager runs/);
    const unmanaged = { 'etc/NetworkManager/conf.d/vif.conf': '[keyfile]\nunmanaged-devices=interface-name:vif*\n' };
    expect(has(unmanaged)).to.deep.equal([]);
  });
});
