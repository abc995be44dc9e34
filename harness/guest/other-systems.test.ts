/** The profiles of systems that cannot run here: their scripts on recorded output, with commands that only report. */
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { freebsd } from './freebsd.js';
import { illumos } from './illumos.js';
import { netbsd } from './netbsd.js';
import { openbsd } from './openbsd.js';
import { NO_INTERFACE, type OsProfile } from './os-profile.js';
import { whole } from './whole.fixture.js';
import { windows } from './windows.js';

const MAC = '00:16:3e:6e:05:02';
const CONFIG = { mac: MAC, ipv4: '198.18.5.2', prefix: 24 };
const VIF = { frontend: 5, handle: 20 };

const FREEBSD = `\
lo0: flags=1008049<UP,LOOPBACK,RUNNING,MULTICAST,LOWER_UP> metric 0 mtu 16384
	options=680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>
	inet 127.0.0.1 netmask 0xff000000
xn0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
	ether 00:16:3e:00:00:01
	media: Ethernet manual
	status: active
xn1: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
	ether ${MAC}
	media: Ethernet manual
	status: active
xn1.7: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
	ether ${MAC}
	status: active
`;
const NETBSD = `\
xennet0: flags=0x8863<UP,BROADCAST,NOTRAILERS,RUNNING,SIMPLEX,MULTICAST> mtu 1500
	address: 00:16:3e:00:00:01
xennet1: flags=0x8822<BROADCAST,NOTRAILERS,SIMPLEX,MULTICAST> mtu 1500
	ec_capabilities=0x5<VLAN_MTU,JUMBO_MTU>
	address: ${MAC}
`;
const OPENBSD = `\
xnf0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500
	lladdr 00:16:3e:00:00:01
	media: Ethernet manual
	status: active
xnf1: flags=8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1500
	lladdr ${MAC}
	media: Ethernet manual
	status: active
`;
const DLADM = `\
LINK                ADDRESS
xnf0                0:16:3e:0:0:1
xnf1                0:16:3e:6e:5:2
`;

/** Runs a script; each command named prints its text if its arguments contain the key, or else reports itself. */
function run(script: string, commands: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const functions = Object.entries(commands).map(([name, outputs]) => {
    const cases = Object.entries(outputs).map(([words, text]) => `"${words}") cat << 'END'\n${text}END\n;;`);
    return `${name}() { case "$*" in\n${cases.join('\n')}\n*) echo "${name} $*" >> "$log" ;;\nesac; }`;
  });
  // The log is a file: the scripts send some of the output of a command to /dev/null.
  const whole = `log=$(mktemp); trap 'cat "$log" >&2; rm "$log"' EXIT\n${functions.join('\n')}\n${script}`;
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', whole], { encoding: 'utf8' });
  return { status, stdout, ran: stderr.trim().split('\n') };
}

const BSDS = [
  { os: freebsd, list: FREEBSD, dev: 'xn1', vif: 'xnb5.20' },
  { os: netbsd, list: NETBSD, dev: 'xennet1', vif: 'xvif5i20' },
  { os: openbsd, list: OPENBSD, dev: 'xnf1', vif: undefined },
];
const POSIX = [freebsd, netbsd, openbsd, illumos];

describe('profiles of systems other than Linux', function () {
  this.timeout(20_000);

  it('have scripts that a shell can parse', () => {
    const all = ({ configureVif, bridge, unbridge, carrier, unbind, bind, ...os }: OsProfile): string[] =>
      [
        os.configureInterface(CONFIG),
        configureVif?.({ ...CONFIG, device: 'xnb5.20' }),
        bridge?.([{ mac: MAC }, { device: 'xnb5.20' }]),
        unbridge?.(),
        carrier?.({ mac: MAC }),
        unbind?.('frontend', VIF),
        bind?.('backend', VIF),
        os.kernelFacts('xn'),
      ].filter((script) => script !== undefined);
    for (const os of POSIX) {
      for (const script of all(os)) {
        const { status, stderr } = spawnSync('/bin/sh', ['-n', '-c', script], { encoding: 'utf8' });
        expect({ status, stderr }, `${os.name}: ${script}`).to.deep.equal({ status: 0, stderr: '' });
      }
    }
  });

  it('reject invalid arguments', () => {
    for (const os of [...POSIX, windows]) {
      for (const bad of [{ mac: '$(reboot)' }, { ipv4: '1.2.3.4; reboot' }, { prefix: 33 }])
        expect(() => os.configureInterface({ ...CONFIG, ...bad }), os.name).to.throw(RangeError);
      expect(() => os.carrier?.({ device: '../lo' }) ?? os.bridge?.([{ device: '../lo' }])).to.throw(RangeError);
      expect(() => os.kernelFacts("x'; reboot")).to.throw(RangeError);
    }
  });

  for (const { os, list, dev, vif } of BSDS) {
    const ifconfig = { '-a': list };

    it(`find an interface by its MAC: ${os.name}`, () => {
      const tools = { ifconfig, sysctl: {}, ndp: {} };
      const { status, stdout, ran } = run(os.configureInterface(CONFIG), tools);
      expect({ status, stdout }).to.deep.equal({ status: 0, stdout: `${dev}\n` });
      expect(ran.at(-1)).to.equal(`ifconfig ${dev} inet 198.18.5.2/24 up`);
      const other = { ...CONFIG, mac: '00:16:3e:6e:ff:ff' };
      expect(run(os.configureInterface(other), tools)).to.include({ status: NO_INTERFACE, stdout: '' });
    });

    it(`name the interface of a backend: ${os.name}`, () => {
      expect(os.vif?.replace('$frontend', '5').replace('$handle', '20')).to.equal(vif);
      expect(os.configureVif === undefined).to.equal(vif === undefined);
    });
  }

  it('configure an interface on FreeBSD', () => {
    expect(run(freebsd.configureInterface(CONFIG), { ifconfig: { '-a': FREEBSD }, sysctl: {} }).ran).to.deep.equal([
      'sysctl net.inet.icmp.icmplim=0',
      'sysctl net.inet6.icmp6.errppslimit=1000000',
      'ifconfig xn1 inet6 -ifdisabled -accept_rtadv auto_linklocal no_dad',
      'ifconfig xn1 inet 198.18.5.2/24 up',
    ]);
  });

  it('bridge interfaces on NetBSD, once', () => {
    const tools = { ifconfig: { '-a': NETBSD }, ndp: {}, brconfig: { bridge99: '\txennet1 flags=3<LEARNING>\n' } };
    expect(run(whole(netbsd).bridge([{ mac: MAC }, { device: 'xvif5i20' }]), tools).ran).to.deep.equal([
      'ifconfig xvif5i20',
      'ifconfig bridge99',
      'ndp -i xvif5i20 -- -auto_linklocal',
      'brconfig bridge99 add xvif5i20',
      'ifconfig xvif5i20 up',
      'ifconfig bridge99 up',
    ]);
  });

  it('read a carrier', () => {
    for (const [list, carrier] of [
      [FREEBSD, '1\n'],
      [FREEBSD.replaceAll('status: active', 'status: no carrier'), '0\n'],
      [FREEBSD.replaceAll('UP,', ''), '0\n'],
    ] as const) {
      const shown = /^xn1: [^]*?(?=^xn1\.7)/m.exec(list)?.[0] ?? '';
      const tools = { ifconfig: { '-a': list, xn1: shown } };
      expect(run(whole(freebsd).carrier({ mac: MAC }), tools).stdout, list).to.equal(carrier);
    }
    const down = { ifconfig: { '-a': OPENBSD, xnf1: OPENBSD.slice(OPENBSD.indexOf('xnf1')) } };
    expect(run(whole(openbsd).carrier({ mac: MAC }), down).stdout).to.equal('0\n');
  });

  it('unbind a driver on FreeBSD by the path of its device', () => {
    const sysctl = {
      'dev.xn':
        'dev.xn.0.xenstore_path: device/vif/0\ndev.xn.1.%parent: xenbusb_front0\ndev.xn.1.xenstore_path: device/vif/20\n',
    };
    const here = (script: string): string => script.replaceAll('/var/run/', '/tmp/');
    const { status, ran } = run(here(whole(freebsd).unbind('frontend', VIF)), { sysctl, devctl: {} });
    expect({ status, ran }).to.deep.equal({ status: 0, ran: ['devctl disable -f xn1'] });
    const bind = `${here(whole(freebsd).bind('frontend', VIF))}; rm /tmp/netifspec-vif-5-20`;
    expect(run(bind, { devctl: {} }).ran).to.deep.equal(['devctl enable xn1']);
    expect(run(whole(freebsd).unbind('frontend', { ...VIF, handle: 2 }), { sysctl }).status).to.equal(1);
  });

  it('configure and bridge interfaces on illumos', () => {
    const dladm = {
      'show-phys -m -o link,address': DLADM,
      'show-phys -p -o state xnf1': 'up\n',
      'show-bridge -l -o link,state netifspec': 'LINK STATE\nxnf1 forwarding\nxnf0 discarding\n',
    };
    const { stdout, ran } = run(illumos.configureInterface(CONFIG), { dladm, ipadm: {} });
    expect(stdout).to.equal('xnf1\n');
    expect(ran.at(-1)).to.equal('ipadm show-addr xnf1/spec4');
    const { bridge, carrier } = whole(illumos);
    expect(run(carrier({ mac: MAC }), { dladm }).stdout).to.equal('1\n');
    expect(run(bridge([{ mac: MAC }]), { dladm }).status).to.equal(0);
    expect(run(bridge([{ mac: MAC }, { device: 'xnf0' }]), { dladm }).status).to.equal(NO_INTERFACE);
  });

  it('pass scripts to PowerShell, within the limit of cmd.exe', () => {
    const { command, configureInterface, carrier } = whole(windows);
    const decoded = (line: string): string => Buffer.from(line.replace(/^.* /, ''), 'base64').toString('utf16le');
    expect(command(configureInterface(CONFIG)).length).to.be.below(8191);
    expect(decoded(command('exit 0'))).to.match(/^\$ErrorActionPreference = 'Stop'; .*\nexit 0$/);
    expect(carrier({ mac: MAC })).to.equal(`
$nic = Get-NetAdapter | Where-Object MacAddress -eq '00-16-3E-6E-05-02' | Select-Object -First 1
if (!$nic) { exit 3 }

[int]($nic.Status -eq 'Up')
`);
    expect(configureInterface(CONFIG)).to.contain("New-NetIPAddress @at -IPAddress 'fe80::216:3eff:fe6e:502'");
  });
});
