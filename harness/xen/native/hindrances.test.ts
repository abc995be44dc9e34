import { expect } from 'chai';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { hindrances } from './hindrances.js';

describe('hindrances of a host', () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'netifspec-host-'))));
  afterEach(() => rmSync(root, { recursive: true }));

  it('is a disk that is nearly full', () => {
    expect(hindrances(root, Number.MAX_SAFE_INTEGER)[0]).to.match(/^\d+ MiB are free on the disk of /);
  });

  const has = (files: Record<string, string>): string[] => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    return hindrances(root);
  };
  const limit = 'sys/module/xen_gntalloc/parameters/limit';
  const rules = { 'lib/udev/rules.d/xen.rules': '# "vif*"\nSUBSYSTEM=="xen-backend", RUN+="/etc/xen/scripts/vif"\n' };
  const network = { 'etc/systemd/network/all.network': '[Match]\nName=en* v*\n' };
  const manager = { 'run/NetworkManager/x': '' };

  it('are none where nothing is', () => {
    expect(hindrances(root)).to.deep.equal([]);
  });

  it('are few grants', () => {
    expect(has({ [limit]: '8192\n' })).to.deep.equal([]);
    expect(has({ [limit]: '1024\n' })[0]).to.match(/^xen_gntalloc offers 1024 pages .*: echo 8192 > \/sys/);
  });

  it('are rules of a udev that runs', () => {
    expect(has(rules)).to.deep.equal([]);
    expect(has({ 'run/udev/control': '' })[0]).to.match(
      /\/lib\/udev\/rules.d\/xen.rules:2 acts on .* an empty \/etc\/udev\/rules.d\/xen.rules /,
    );
    expect(has({ 'etc/udev/rules.d/xen.rules': 'SUBSYSTEM=="xen-backend", KERNEL=="vbd*", RUN+="x"\n' })).to.deep.equal(
      [],
    );
  });

  it('are networks of a systemd-networkd that runs', () => {
    expect(has({ ...network, 'run/systemd/netif/links/1': '' })).to.deep.equal([]);
    expect(has({ 'run/systemd/netif/state': '' })[0]).to.match(/\/etc\/systemd\/network\/all.network:2 claims vif1.0/);
    expect(has({ 'etc/systemd/network/all.network': '[Match]\nName=en*\n' })).to.deep.equal([]);
  });

  it('is a NetworkManager that is not told to leave them alone', () => {
    expect(has(manager)[0]).to.match(/^NetworkManager runs/);
    const told = { 'etc/NetworkManager/conf.d/vif.conf': '[keyfile]\nunmanaged-devices=interface-name:vif*\n' };
    expect(has(told)).to.deep.equal([]);
  });
});
