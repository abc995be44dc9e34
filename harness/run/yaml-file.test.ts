import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadExpectations } from './expectations.js';
import { loadTarget } from './target.js';
import { YamlFileError } from './yaml-file-error.js';

describe('error messages for a YAML file', () => {
  let file: string;
  before(() => (file = join(mkdtempSync(join(tmpdir(), 'netifspec-yaml-')), 'bad.yaml')));
  after(() => rmSync(join(file, '..'), { recursive: true }));

  /** The problems by line and key, without the file name. */
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

  it('describe aliases that multiply', () => {
    const levels = Array.from(
      { length: 10 },
      (_, n) => `a${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`,
    );
    expect(() => complaints(loadTarget, 'a0: &a0 [x]', ...levels)).not.to.throw();
    expect(complaints(loadTarget, 'a0: &a0 [x]', ...levels).join()).to.match(
      /alias.*; write the values without aliases$/,
    );
  });

  it('describe each missing required key', () => {
    const [only, ...more] = complaints(loadTarget, 'name: x', 'role: backend');
    expect(only).to.match(/^1: domain: required\. Domain in which the driver runs, .*, for example "my-guest"$/);
    expect(more).to.deep.equal([]);
  });

  it('describe the valid values of a key', () => {
    const [role, domain, port, hosts] = complaints(
      loadTarget,
      ...['name: x', 'role: side', 'domain: [1]', 'ssh:', '  host: a', '  port: x'],
    );
    expect(role).to.match(/^2: role: expected frontend or backend\. End of the vif/);
    expect(domain).to.match(/^3: domain: .*by name or number/);
    expect(port).to.match(/^6: ssh\.port: expected a number\. Port of its sshd/);
    expect(hosts).to.match(/^5: ssh\.knownHosts: required\. OpenSSH known_hosts/);
  });

  it('describe which other keys a key requires', () => {
    const target = ['name: x', 'role: backend', 'domain: 1'];
    for (const [line, needs] of [
      ['connection: restart', '4: connection: restart needs "config"'],
      ['deviceType: a/b', 'deviceType: must be a part of a xenstore path'],
      ['connection: rebind', '4: connection: rebind needs "ssh", "local: true" or "hostCommands"'],
      ['connection: rebind\nlocal: true\nos: netbsd', '4: connection: rebind needs "bind" and "unbind" in "commands"'],
      ['reference: true', '4: reference: needs "ssh"'],
      ['limits: { vifs: 2 }\nconnection: once', '4: limits: vifs needs "connection: hotplug"'],
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

  it('describe the valid values in an expectations file', () => {
    const [reason, message] = complaints(
      loadExpectations,
      ...['- test: a', '  verdict: fail', '  message: 1', '  source: x'],
    ).sort();
    expect(reason).to.match(/^1: 0\.reason: required\. Why the driver deviates/);
    expect(message).to.match(/^3: 0\.message: expected a string\. Part of its message/);
  });

  it('reject a second document', () => {
    expect(complaints(loadTarget, 'name: x', '---', 'name: y')).to.deep.equal([
      '2: a second document begins here; a file holds one',
    ]);
  });

  it('describe a file that is missing, empty, a folder or not YAML', () => {
    expect(() => loadTarget('none.yaml')).to.throw(
      YamlFileError,
      /^none\.yaml: no such file; run "netifspec init none\.yaml --role ROLE" to create one$/,
    );
    expect(() => loadTarget(tmpdir())).to.throw(YamlFileError, /: is a folder; give a file$/);
    expect(complaints(loadTarget, '# nothing yet')[0]).to.match(/ the file is empty$/);
    const [syntax = '', , excerpt] = complaints(loadTarget, 'name: x', 'role: backend: x');
    expect(syntax).to.match(/^2: Nested mappings are not allowed/);
    expect(excerpt).to.equal('role: backend: x');
    expect(complaints(loadTarget, 'name: x', 'role: backend', 'domain: 1', 'expectations: gone.yaml')[0]).to.match(
      /^4: expectations: .*\/gone\.yaml: no such file/,
    );
  });

  it('name each unknown key, and the known ones', () => {
    const all = complaints(loadTarget, 'name: x', 'role: backend', 'domain: 1', 'conection: once', 'foo: 1');
    expect(all.map((each) => each.split(';')[0])).to.deep.equal(['4: conection: unknown key', '5: foo: unknown key']);
    expect(all[0]).to.include(' connection, ');
    expect(complaints(loadExpectations, '- test: a', '  messag: b')).to.include(
      '2: 0.messag: unknown key; expected one of test, verdict, message, reason, source, intermittent, expires, link',
    );
  });
});
