import { expect } from 'chai';
import { CATALOGUE, requirement, TEXT_VERSIONS } from './index.js';
import type { Requirement } from './index.js';

/** Ids are permanent, so a chapter only ever grows, without gaps. */
const ENTRIES: Readonly<Record<string, number>> = {
  RING: 20,
  NOTIFY: 14,
  SEC: 12,
  MQ: 20,
  CSUM: 14,
  GSO: 14,
  MCAST: 20,
  TRUST: 2,
  LINK: 3,
  MTU: 3,
  XDP: 4,
  CTRL: 20,
  HASH: 42,
  TOEP: 13,
  GREF: 36,
  STAG: 18,
  TXW: 35,
  RXW: 28,
  EXTRA: 10,
  SLOT: 8,
  XB: 30,
  GNT: 12,
  ROB: 2,
};

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

/** Ids of the entries that break a rule, so that a failure names them. */
function breaking(keeps: (entry: Requirement) => boolean): string[] {
  return CATALOGUE.filter((entry) => !keeps(entry)).map((entry) => entry.id);
}

describe('requirement catalogue', () => {
  it('has unique ids of chapter and number', () => {
    const ids = CATALOGUE.map((entry) => entry.id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).to.deep.equal([]);
    expect(breaking((entry) => /^[A-Z]+-\d\d$/.test(entry.id))).to.deep.equal([]);
  });

  it('numbers every chapter from 01 without gaps', () => {
    const expected = Object.entries(ENTRIES).flatMap(([chapter, count]) =>
      Array.from({ length: count }, (_, index) => `${chapter}-${String(index + 1).padStart(2, '0')}`),
    );
    expect(CATALOGUE.map((entry) => entry.id)).to.deep.equal(expected);
  });

  it('leaves no field empty', () => {
    expect(breaking((entry) => Object.values(entry).every((value: string) => value.trim() !== ''))).to.deep.equal([]);
  });

  it('states each requirement in one sentence of its own, neither curt nor long', () => {
    expect(breaking(({ statement }) => /^[A-Z].*\.$/.test(statement) && !/\. [A-Z]/.test(statement))).to.deep.equal([]);
    expect(breaking(({ statement }) => statement.length >= 20 && statement.length <= 240)).to.deep.equal([]);
    const statements = CATALOGUE.map((entry) => entry.statement);
    expect(statements.filter((text, index) => statements.indexOf(text) !== index)).to.deep.equal([]);
  });

  it('uses known versions of the text and known feature keys', () => {
    expect(breaking((entry) => entry.since in TEXT_VERSIONS)).to.deep.equal([]);
    expect(breaking((entry) => entry.gate === undefined || FEATURES.includes(entry.gate))).to.deep.equal([]);
  });

  it('never passes off as text what drivers do or what is our own advice', () => {
    expect(
      breaking(({ level, source }) => (level === 'de-facto') === source.startsWith('every driver: ')),
    ).to.deep.equal([]);
    expect(breaking(({ level, source }) => level === 'should' || !source.startsWith('good practice: '))).to.deep.equal(
      [],
    );
  });

  it('names a header for everything that is text', () => {
    const header = /(netif|ring|xenbus|grant_table)\.h|\.pandoc/;
    expect(
      breaking(
        ({ level, source }) => level === 'de-facto' || source.startsWith('good practice: ') || header.test(source),
      ),
    ).to.deep.equal([]);
  });

  it('finds a requirement by its id and refuses an unknown one', () => {
    expect(requirement('RING-09')).to.include({ id: 'RING-09', side: 'backend', level: 'must' });
    expect(() => requirement('RING-99')).to.throw('RING-99');
  });
});
