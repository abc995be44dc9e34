import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseFacts, quotePosix } from '../ssh/posix.js';
import { linux } from './linux.js';
import { NO_INTERFACE } from './os-profile.js';
import { PROFILES, profileNamed } from './profile.js';

const sh = (script: string): { status: number | null; stdout: string; stderr: string } =>
  spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' });

describe('OS profiles', function () {
  // A hundred shells, on a machine that may be busy.
  this.timeout(20_000);

  it('list the known names for an unknown one', () => {
    expect(() => profileNamed('plan9')).to.throw(RangeError, 'unknown OS profile "plan9"; known: linux');
    expect(() => profileNamed('toString')).to.throw(RangeError);
    expect(Object.keys(PROFILES)).to.include('linux');
  });

  it('quote any word so that the shell returns it unchanged', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (raw) => {
        const words = raw.map((word) => word.replaceAll('\0', ''));
        const { stdout } = sh(`printf '%s\\0' ${words.map(quotePosix).join(' ')}`);
        expect(stdout).to.equal(words.map((word) => `${word}\0`).join(''));
      }),
    );
    expect(() => quotePosix('a\0b')).to.throw(RangeError);
  });

  it('reject invalid addresses, devices and modules', () => {
    const good = { mac: '00:16:3e:00:00:01', ipv4: '10.0.0.2', prefix: 24 };
    for (const bad of [{ mac: '$(reboot)' }, { ipv4: '10.0.0.2; reboot' }, { prefix: 33 }, { prefix: 1.5 }]) {
      expect(() => linux.configureInterface({ ...good, ...bad }), JSON.stringify(bad)).to.throw(RangeError);
    }
    expect(() => linux.configureVif({ ...good, device: '../lo' })).to.throw(RangeError);
    expect(() => linux.bridge([{ mac: good.mac }, { device: '../lo' }])).to.throw(RangeError);
    expect(() => linux.kernelFacts("x'; reboot")).to.throw(RangeError);
  });

  it('report a missing interface by the exit status', () => {
    const place = { ipv4: '10.0.0.2', prefix: 24 };
    expect(sh(linux.configureInterface({ mac: '02:00:5e:ff:ff:fe', ...place }))).to.include({
      status: NO_INTERFACE,
      stderr: '',
    });
    expect(sh(linux.configureVif({ device: 'vif9999.99', ...place }))).to.include({ status: NO_INTERFACE, stderr: '' });
    const ports = [{ device: 'lo' }, { mac: '02:00:5e:ff:ff:fe' }];
    expect(sh(linux.bridge(ports))).to.include({ status: NO_INTERFACE, stderr: '' });
  });

  it('print facts that can be parsed', () => {
    const { status, stdout, stderr } = sh(linux.kernelFacts('no-such-driver'));
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const release = spawnSync('uname', ['-r'], { encoding: 'utf8' }).stdout.trim();
    expect(parseFacts(stdout)).to.include({ kernel: release, driver: 'no_such_driver' });
  });

  it('parse facts from any text', () => {
    expect(parseFacts('kernel=6.1\u001b[31m\nnonsense\n=x\nmachine=AMD64\r\ndriver.max_queues= 4 ')).to.deep.equal({
      kernel: '6.1',
      machine: 'AMD64',
      'driver.max_queues': '4',
    });
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof parseFacts(text) === 'object'));
  });
});
