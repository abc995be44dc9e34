/** Checks host keys against OpenSSH's known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ServerHostKeyAlgorithm } from 'ssh2';

/** One valid line of the file. */
export interface KnownHost {
  /** Number of the line, from 1. */
  readonly line: number;
  readonly revoked: boolean;
  /** The patterns before the key: plain, `[host]:port`, with wildcards, negated, or one hashed name. */
  readonly patterns: readonly string[];
  readonly type: string;
  /** The public key in wire format. */
  readonly key: Buffer;
}

/**
 * Parses the content of the file. Ignores comments, invalid lines and certificate authorities, which ssh2 does not
 * support.
 */
export function parseKnownHosts(text: string): KnownHost[] {
  return text.split('\n').flatMap((raw, index): KnownHost[] => {
    const fields = raw.trim().split(/\s+/);
    const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
    const [patterns, type, key] = fields;
    if (!patterns || patterns.startsWith('#') || !type || !key || (marker && marker !== '@revoked')) return [];
    const bytes = Buffer.from(key, 'base64');
    if (keyType(bytes) !== type) return [];
    return [{ line: index + 1, revoked: marker !== undefined, patterns: patterns.split(','), type, key: bytes }];
  });
}

/** The type in the first field of a public key; undefined if it is missing. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  return length > 0 && length <= key.length - 4 ? key.toString('latin1', 4, 4 + length) : undefined;
}

/** The name under which OpenSSH stores a host: it includes the port unless that is 22. */
export function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** The lines that match the host. */
export function linesOf(hosts: readonly KnownHost[], host: string, port: number): KnownHost[] {
  const name = knownHostName(host, port);
  return hosts.filter(({ patterns }) => {
    const matched = patterns.filter((pattern) => matches(pattern.replace(/^!/, ''), name));
    return matched.length > 0 && !matched.some((pattern) => pattern.startsWith('!'));
  });
}

function matches(pattern: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|([^|]+)$/.exec(pattern);
  if (hashed) {
    const expected = Buffer.from(hashed[2] ?? '', 'base64');
    const actual = createHmac('sha1', Buffer.from(hashed[1] ?? '', 'base64'))
      .update(name)
      .digest();
    return expected.length === actual.length && timingSafeEqual(expected, actual);
  }
  const wildcard = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\*?]/g, (c) => (c === '*' ? '.*' : c === '?' ? '.' : `\\${c}`));
  return new RegExp(`^${wildcard}$`).test(name);
}

export type HostKeyVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'revoked' | 'different'; readonly line: number };

/** Judges a key by the lines from {@link linesOf}. */
export function judgeHostKey(lines: readonly KnownHost[], key: Buffer): HostKeyVerdict {
  const same = lines.filter((line) => line.key.equals(key));
  const revoked = same.find((line) => line.revoked);
  if (revoked) return { kind: 'revoked', line: revoked.line };
  if (same.length > 0) return { kind: 'known' };
  const other = lines.find((line) => !line.revoked);
  return other ? { kind: 'different', line: other.line } : { kind: 'unknown' };
}

/**
 * The algorithms to request from the server, so that it offers a key type in the file. Otherwise a host that is known
 * by its RSA key would offer its Ed25519 key and look like a different host. Undefined if the host is unknown.
 */
export function hostKeyAlgorithms(lines: readonly KnownHost[]): ServerHostKeyAlgorithm[] | undefined {
  const types = new Set(lines.filter((line) => !line.revoked).map((line) => line.type));
  const known = (['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'] as const).filter(
    (type) => types.has(type),
  );
  const rsa = types.has('ssh-rsa') ? (['rsa-sha2-512', 'rsa-sha2-256'] as const) : [];
  const all = [...known, ...rsa];
  return all.length > 0 ? all : undefined;
}

/** A key's fingerprint in the format of ssh-keygen -l. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}
