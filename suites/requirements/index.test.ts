import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { LEGAL } from '../../harness/reference/legal/index.js';
import { packageRoot } from '../../harness/base/root.js';
import { type Requirement, TEXT_VERSIONS } from '../../harness/run/requirement.js';
import { CATALOGUE } from '../catalogue.js';
import { REQUIREMENTS } from './index.js';

/** Ids are permanent, so a chapter only grows, without gaps. */
const ENTRIES: Readonly<Record<string, number>> = {
  RING: 21,
  NOTIFY: 14,
  SEC: 12,
  MQ: 20,
  CSUM: 16,
  GSO: 15,
  MCAST: 22,
  TRUST: 2,
  LINK: 3,
  MTU: 3,
  XDP: 5,
  CTRL: 24,
  HASH: 45,
  TOEP: 13,
  GREF: 39,
  STAG: 19,
  TXW: 40,
  RXW: 37,
  EXTRA: 11,
  SLOT: 8,
  XB: 38,
  GNT: 13,
  ROB: 2,
};

/** Independent drivers whose source is known. */
const DRIVERS = ['Linux', 'FreeBSD', 'NetBSD', 'OpenBSD', 'Windows', 'QEMU', 'mini-os', 'mirage', 'iPXE', 'Unikraft'];

const FEATURES = [
  'feature-rx-notify',
  'feature-split-event-channels',
  'multi-queue-max-queues',
  'feature-sg',
  'feature-no-csum-offload',
  'feature-ipv6-csum-offload',
  'feature-gso-tcpv4',
  'feature-multicast-control',
  'feature-dynamic-multicast-control',
  'feature-xdp-headroom',
  'feature-ctrl-ring',
  'feature-staging-grants',
];

/** Ids of the entries for which `keeps` is false, so that a failure names them. */
function breaking(keeps: (entry: Requirement) => boolean): string[] {
  return REQUIREMENTS.filter((entry) => !keeps(entry)).map((entry) => entry.id);
}

/** The sources of the tests. */
function suiteSources(): string[] {
  return ['backend', 'frontend'].flatMap((role) => {
    const folder = join(packageRoot, 'suites', role);
    return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  });
}

describe('requirement catalogue', () => {
  it('has unique ids of chapter and number', () => {
    const ids = REQUIREMENTS.map((entry) => entry.id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).to.deep.equal([]);
    expect(breaking((entry) => /^[A-Z]+-\d\d$/.test(entry.id))).to.deep.equal([]);
  });

  it('numbers every chapter from 01 without gaps', () => {
    const expected = Object.entries(ENTRIES).flatMap(([chapter, count]) =>
      Array.from({ length: count }, (_, index) => `${chapter}-${String(index + 1).padStart(2, '0')}`),
    );
    expect(REQUIREMENTS.map((entry) => entry.id)).to.deep.equal(expected);
  });

  it('leaves no field empty', () => {
    expect(breaking((entry) => Object.values(entry).every((value: string) => value.trim() !== ''))).to.deep.equal([]);
  });

  it('states each requirement in one unique sentence of 20 to 240 characters', () => {
    expect(breaking(({ statement }) => /^[A-Z].*\.$/.test(statement) && !/\. [A-Z]/.test(statement))).to.deep.equal([]);
    expect(breaking(({ statement }) => statement.length >= 20 && statement.length <= 240)).to.deep.equal([]);
    const statements = REQUIREMENTS.map((entry) => entry.statement);
    expect(statements.filter((text, index) => statements.indexOf(text) !== index)).to.deep.equal([]);
  });

  it('uses known versions of the header and known feature keys', () => {
    expect(breaking((entry) => entry.since in TEXT_VERSIONS)).to.deep.equal([]);
    expect(breaking((entry) => entry.gate === undefined || FEATURES.includes(entry.gate))).to.deep.equal([]);
  });

  it('marks what drivers do and what is our own advice as not from a header', () => {
    expect(breaking(({ level, source }) => (level === 'de-facto') === source.startsWith('drivers: '))).to.deep.equal(
      [],
    );
    expect(breaking(({ level, source }) => level === 'should' || !source.startsWith('good practice: '))).to.deep.equal(
      [],
    );
  });

  it('names three drivers or more for each requirement that is de-facto', () => {
    const named = ({ source }: Requirement): string[] => source.replace('drivers: ', '').split(/, |; /);
    expect(
      breaking(
        (entry) => entry.level !== 'de-facto' || named(entry).filter((name) => DRIVERS.includes(name)).length > 2,
      ),
    ).to.deep.equal([]);
  });

  it('has no de-facto requirement that a real driver is known to break by design', () => {
    const known = new Set(LEGAL.filter(({ persona }) => persona === true).flatMap(({ warns = [] }) => warns));
    expect(breaking(({ id, level }) => level !== 'de-facto' || !known.has(id))).to.deep.equal([]);
  });

  it('names a header for every other requirement', () => {
    const header = /(netif|ring|xenbus|grant_table)\.h|\.pandoc/;
    expect(
      breaking(
        ({ level, source }) => level === 'de-facto' || source.startsWith('good practice: ') || header.test(source),
      ),
    ).to.deep.equal([]);
  });

  it('cites lines of the header for each must', () => {
    const file = '(?:(?:netif|ring|xenbus|grant_table)\\.h|xenstore-paths\\.pandoc)';
    const numbers = '\\d+(?:-\\d+)?';
    const numbered = `${file}:${numbers}(?:, ${numbers})*`;
    const citation = new RegExp(`^(?:${numbered}(?:; ${numbered})*|UEK4 netif\\.h: "[^"]+"(?:, "[^"]+")*)$`);
    expect(breaking(({ level, lines = '' }) => level !== 'must' || citation.test(lines))).to.deep.equal([]);
  });

  it('cites line numbers in ascending order, and no more than 17 lines', () => {
    const ranges = ({ lines = '' }: Requirement): number[][][] =>
      [...lines.matchAll(/:(\d[^;]*)/g)].map(([, list = '']) =>
        list.split(', ').map((range) => range.split('-').map(Number)),
      );
    const ascends = (list: readonly number[]): boolean =>
      list.every((line, index) => index === 0 || line > (list[index - 1] ?? 0));
    expect(breaking((entry) => ranges(entry).every((list) => ascends(list.flat())))).to.deep.equal([]);
    const count = ([from = 0, to = from]: readonly number[]): number => to - from + 1;
    const total = (entry: Requirement): number =>
      ranges(entry)
        .flat()
        .reduce((sum, range) => sum + count(range), 0);
    expect(breaking((entry) => total(entry) <= 17)).to.deep.equal([]);
  });

  it('has one level in each check of several requirements', () => {
    const lists = suiteSources().flatMap((source) => source.match(/\[(?:'[A-Z]+-\d+'(?:, )?){2,}\]/g) ?? []);
    const levels = (list: string): Set<string> =>
      new Set((list.match(/[A-Z]+-\d+/g) ?? []).map((id) => CATALOGUE.requirement(id).level));
    expect(lists.length).to.be.above(20);
    expect(lists.filter((list) => levels(list).size > 1)).to.deep.equal([]);
  });

  it('finds a requirement by its id and refuses an unknown one', () => {
    expect(CATALOGUE.requirement('RING-09')).to.include({ id: 'RING-09', side: 'backend', level: 'must' });
    expect(() => CATALOGUE.requirement('RING-99')).to.throw('RING-99');
  });
});
