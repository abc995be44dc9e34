import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { assignPosix } from './arguments.js';
import { linux } from './linux.js';
import { whole } from './whole.fixture.js';
import { windows } from './windows.js';
import { type Commands, COMMANDS, replaced } from './replaced.js';

describe('replaced commands', () => {
  const vif = { frontend: 3, handle: 7 };
  const run = (script: string): string => execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
  const of = (commands: Commands) => whole(replaced(linux, commands));

  it('get their arguments as shell variables', () => {
    const config = { ipv4: '198.18.1.2', prefix: 24 };
    const configure = of({ configure: 'echo "$mac$device $ipv4/$prefix"' });
    expect(run(configure.configureInterface({ mac: '00:16:3e:00:00:01', ...config }))).to.equal(
      '00:16:3e:00:00:01 198.18.1.2/24\n',
    );
    expect(run(configure.configureVif({ device: "it's", ...config }))).to.equal("it's 198.18.1.2/24\n");
    const bridge = of({ bridge: 'for port in $ports; do echo "$port"; done', unbridge: 'echo gone' });
    expect(run(bridge.bridge([{ mac: 'a' }, { device: 'b' }]))).to.equal('a\nb\n');
    expect(run(bridge.unbridge())).to.equal('gone\n');
    expect(run(of({ carrier: 'echo "$device"' }).carrier({ device: 'vif3.7' }))).to.equal('vif3.7\n');
    const rebind = of({ unbind: 'echo off $frontend.$handle', bind: 'echo on $frontend.$handle' });
    expect(run(rebind.unbind('frontend', vif) + '\n' + rebind.bind('frontend', vif))).to.equal('off 3.7\non 3.7\n');
    expect(run(of({ facts: 'echo "driver.name=$driver"' }).kernelFacts('if_xn'))).to.equal('driver.name=if_xn\n');
  });

  it('do not change other commands', () => {
    const none = of({});
    expect(none.unbridge()).to.equal(linux.unbridge());
    expect(none.bind('backend', vif)).to.equal(linux.bind('backend', vif));
    expect(none.kernelFacts('xen-netback')).to.equal(linux.kernelFacts('xen-netback'));
    expect(Object.keys(COMMANDS)).to.have.length(7);
  });

  it('are the only ones of a system that has none of its own', () => {
    expect(replaced(windows, {})).to.have.property('bridge', undefined);
    expect(whole(replaced(windows, { bridge: 'Join $ports' })).bridge([{ mac: "it's" }])).to.equal(
      "$ports = 'it''s'\nJoin $ports",
    );
    expect(replaced(windows, { facts: 'a' }, assignPosix).kernelFacts("it's")).to.equal("driver='it'\\''s'\na");
  });
});
