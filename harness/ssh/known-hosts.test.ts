import { createHmac, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import ssh2 from 'ssh2';
import { newKey } from './fake-sshd.fixture.js';
import { fingerprint, hostKeyAlgorithms, judgeHostKey, keyType, linesOf, parseKnownHosts } from './known-hosts.js';

const [one, two] = [newKey().public, newKey().public];
const bytes = (key: string): Buffer => Buffer.from(key.split(' ')[1] ?? '', 'base64');
const judge = (text: string, host: string, port: number, key: string): string =>
  judgeHostKey(linesOf(parseKnownHosts(text), host, port), bytes(key)).kind;

function hashed(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

describe('known_hosts', () => {
  it('knows a host by its plain name at port 22 only', () => {
    expect(judge(`guest ${one}`, 'guest', 22, one)).to.equal('known');
    expect(judge(`guest ${one}`, 'Guest', 22, one)).to.equal('known');
    expect(judge(`guest ${one}`, 'guest', 2222, one)).to.equal('unknown');
    expect(judge(`guest ${one}`, 'guest2', 22, one)).to.equal('unknown');
  });

  it('knows a host by [name]:port at another port', () => {
    expect(judge(`other,[guest]:2222 ${one} comment`, 'guest', 2222, one)).to.equal('known');
    expect(judge(`[guest]:2222 ${one}`, 'guest', 22, one)).to.equal('unknown');
  });

  it('knows hashed names', () => {
    expect(judge(`${hashed('guest')} ${one}`, 'guest', 22, one)).to.equal('known');
    expect(judge(`${hashed('[guest]:2222')} ${one}`, 'guest', 2222, one)).to.equal('known');
    expect(judge(`${hashed('other')} ${one}`, 'guest', 22, one)).to.equal('unknown');
  });

  it('supports wildcards and negation', () => {
    expect(judge(`10.0.?.* ${one}`, '10.0.1.25', 22, one)).to.equal('known');
    expect(judge(`10.0.?.* ${one}`, '10x0.1.25', 22, one)).to.equal('unknown');
    expect(judge(`10.*,!10.1.* ${one}`, '10.1.0.1', 22, one)).to.equal('unknown');
  });

  it('reports a different and a revoked key, with the line', () => {
    const text = `# hosts\nguest ${one}\n@revoked * ${two}\n`;
    expect(judgeHostKey(linesOf(parseKnownHosts(text), 'guest', 22), bytes(two))).to.deep.equal({
      kind: 'revoked',
      line: 3,
    });
    expect(judgeHostKey(linesOf(parseKnownHosts(`\nguest ${one}`), 'guest', 22), bytes(two))).to.deep.equal({
      kind: 'different',
      line: 2,
    });
  });

  it('accepts a second key of the same host', () => {
    expect(judge(`guest ${one}\nguest ${two}`, 'guest', 22, two)).to.equal('known');
  });

  it('ignores certificate authorities and invalid lines', () => {
    expect(judge(`@cert-authority guest ${one}\nguest\nguest ssh-rsa ${one.split(' ')[1]}`, 'guest', 22, one)).to.equal(
      'unknown',
    );
  });

  it('requests the key types in the file', () => {
    const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 1024 }).public;
    const algorithms = (text: string) => hostKeyAlgorithms(linesOf(parseKnownHosts(text), 'guest', 22));
    expect(algorithms(`guest ${rsa}`)).to.deep.equal(['rsa-sha2-512', 'rsa-sha2-256']);
    expect(algorithms(`guest ${one}`)).to.deep.equal(['ssh-ed25519']);
    expect(algorithms(`other ${one}`)).to.equal(undefined);
  });

  it('survives any text and any key', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), (text, key) => {
        judgeHostKey(linesOf(parseKnownHosts(`${text}\nguest ${text}`), 'guest', 22), Buffer.from(key));
        keyType(Buffer.from(key));
      }),
    );
  });

  it('formats fingerprints as ssh-keygen does', () => {
    const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
    expect(fingerprint(Buffer.from(key, 'base64'))).to.equal('SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
  });
});
