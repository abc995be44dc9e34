import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadExpectations } from './expectations.js';
import { loadTarget } from './target.js';
import { YamlFileError } from './yaml-file-error.js';

describe('complaints about a file', () => {
  let file: string;
  before(() => (file = join(mkdtempSync(join(tmpdir(), 'netifspec-yaml-')), 'bad.yaml')));
  after(() => rmSync(join(file, '..'), { recursive: true }));

  /** The complaints, by line and key, without the file's name. */
  const complaints = (load: (path: string) => unknown, ...lines: string[]): string[] => {
    writeFileSync(file, lines.join('\n'));
    try {
      load(file);
    } catch (error) {
      if (error instanceof YamlFileError) return error.message.split('\n').map((line) => line.replace(`${file}:`, ''));
      throw error;
    }
    return [];
  };

  it('tell what must be there, and what it is', () => {
    const [only, ...more] = complaints(loadTarget, 'name: x', 'role: backend');
    expect(only).to.match(/^1: domain: must be there\. Domain that the driver runs in, .*, as in "my-guest"$/);
    expect(more).to.deep.equal([]);
  });

  it('tell what would be right of what is wrong', () => {
    const [role, domain, port, hosts] = complaints(
      loadTarget,
      ...['name: x', 'role: side', 'domain: [1]', 'ssh:', '  host: a', '  port: x'],
    );
    expect(role).to.match(/^2: role: .*"frontend"\|"backend". Which end/);
    expect(domain).to.match(/^3: domain: .*by name or number/);
    expect(port).to.match(/^6: ssh\.port: .*expected number, received string\. Where its sshd listens/);
    expect(hosts).to.match(/^5: ssh\.knownHosts: must be there\. OpenSSH known_hosts/);
  });

  it('tell what one key needs of others', () => {
    const target = ['name: x', 'role: backend', 'domain: 1'];
    for (const [line, needs] of [
      ['connection: restart', '4: connection: restart needs "config"'],
      ['connection: rebind', '4: connection: rebind needs "ssh", or "local: true"'],
      ['reference: true', '4: reference: needs "ssh"'],
      ['limits: { vifs: 2 }\nconnection: once', '4: limits: vifs is for "connection: hotplug"'],
    ] as const) {
      const [only = '', ...more] = complaints(loadTarget, ...target, line);
      expect(only).to.include(needs);
      expect(more).to.deep.equal([]);
    }
    expect(complaints(loadTarget, ...target, 'connection: rebind', 'local: true')).to.deep.equal([]);
    const reference = [...target, 'reference: true', 'ssh: { host: a, knownHosts: b }'];
    expect(complaints(loadTarget, ...reference, 'connection: restart')).to.deep.equal([]);
    expect(complaints(loadTarget, ...reference, 'connection: rebind')).to.have.length(1);
    const simulated = ['name: x', 'role: backend', 'domain: simulator', 'connection: restart'];
    expect(complaints(loadTarget, ...simulated)).to.deep.equal([]);
  });

  it('say of an entry of expectations what would be right', () => {
    const [reason, message] = complaints(
      loadExpectations,
      ...['- test: a', '  verdict: fail', '  message: 1', '  source: x'],
    ).sort();
    expect(reason).to.match(/^1: 0\.reason: must be there\. Why the driver does that/);
    expect(message).to.match(/^3: 0\.message: .*expected string, received number\. Part of its message/);
  });

  it('say that a file is one document', () => {
    expect(complaints(loadTarget, 'name: x', '---', 'name: y')).to.deep.equal([
      '2: a second document begins here: a file is one',
    ]);
  });

  it('name each key that there is not, and those that there are', () => {
    const all = complaints(loadTarget, 'name: x', 'role: backend', 'domain: 1', 'conection: once', 'foo: 1');
    expect(all.map((each) => each.split(';')[0])).to.deep.equal([
      '4: conection: there is no such key',
      '5: foo: there is no such key',
    ]);
    expect(all[0]).to.include(' connection, ');
    expect(complaints(loadExpectations, '- test: a', '  messag: b')).to.include(
      '2: 0.messag: there is no such key; there are test, verdict, message, reason, source, intermittent, expires, link',
    );
  });
});
