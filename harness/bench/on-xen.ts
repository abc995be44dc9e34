/**
 * The measurements that need the control domain of a real Xen and a guest for each driver: prints the figures as JSON
 * on stdout. Its argument is the C program; the guests and the vifs between kernels are those of the lab.
 */
import { stderr, stdout } from '../base/terminal.js';
import { openNativeDomain } from '../xen/native/index.js';
import { Ssh } from '../ssh/ssh.js';
import { findDomain } from '../run/find-domain.js';
import type { Domain } from '../xen/domain.js';
import { addonAgainstC } from './addon.js';
import { freshVifs, manyVifs } from './connections.js';
import { contextOf, type Driver, type Guest } from './live.js';
import { peerAgainstKernel } from './peers.js';
import { bulkAgainstKernel } from './tap.js';
import { Shell } from './shell.js';
import { localYardstick, guestYardstick } from './yardstick.js';

const CONNECT_MS = 30_000;
const KEYS = { identity: '/root/.ssh/id_ed25519', knownHosts: '/root/.ssh/known_hosts' };
const ADDRESSES = { netfront: '10.99.0.2', netback: '10.99.0.3' } as const;
/** The bridge that the vif of the guest netfront is attached to. */
const HERE = { device: 'xenbr0', mac: 'fe:ff:ff:ff:ff:ff', address: '10.99.0.1' };
const THERE = { device: 'eth0', mac: '00:16:3e:99:00:02', address: ADDRESSES.netfront };

const [program = ''] = process.argv.slice(2);
const say = (what: string): void => stderr.line(`measuring ${what}`);

async function guestOf(domain: Domain, driver: Driver): Promise<Guest> {
  const ssh = await Ssh.open({ host: ADDRESSES[driver], ...KEYS }, CONNECT_MS);
  return { driver, domain: await findDomain(domain, driver), ssh, yardstick: await guestYardstick(ssh, program) };
}

// Started first, while this process has little memory to copy on fork.
const shell = new Shell();
const domain = await openNativeDomain();
const [netfront, netback] = [await guestOf(domain, 'netfront'), await guestOf(domain, 'netback')];
const here = localYardstick(shell, program);
try {
  say('the addon');
  const figures = await addonAgainstC(domain, here, netback.yardstick, netback.domain);
  const context = contextOf(domain);
  const pair = { here: { ...HERE, yardstick: here }, there: { ...THERE, yardstick: netfront.yardstick } };
  for (const guest of [netfront, netback]) {
    say(`the peer of ${guest.driver}`);
    figures.push(...(await peerAgainstKernel(context, guest, pair, shell)));
    figures.push(...(await bulkAgainstKernel(context, guest, pair, { shell, program })));
    say(`fresh vifs of ${guest.driver}`);
    figures.push(...(await freshVifs(context, guest)));
  }
  // Linux's netfront leaks the rx buffers of a removed vif, 1 MiB per queue: its guest would run out of memory.
  say('many vifs of netback');
  figures.push(await manyVifs(context, netback));
  stdout.data(JSON.stringify(figures));
} finally {
  for (const { ssh } of [netfront, netback]) ssh.close();
  await domain.close();
  shell.close();
}
