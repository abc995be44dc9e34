import { expect } from 'chai';
import { useInDump } from './observer.js';

const START = '(XEN) gnttab_usage_print_all [ key g pressed';
const END = '(XEN) gnttab_usage_print_all ] done';
const table = (domain: number, ...entries: string[]): string[] => [
  '(XEN)       -------- active --------       -------- shared --------',
  '(XEN) [ref] localdom mfn      pin          localdom gmfn     flags',
  `(XEN) grant-table for remote d${domain} (v1)`,
  '(XEN)   1 frames (64 max), 2 maptrack frames (1024 max)',
  ...(entries.length > 0 ? entries : ['(XEN) no active grant table entries']),
];
const log = (...lines: string[]): string => lines.join('\n');

describe("Xen's dump of grant tables", () => {
  const dump = log(
    START,
    ...table(1, '(XEN) [0x009]      0 0x104fd4 0x00000002          0 0x104fd4 0x19'),
    ...table(
      0,
      '(XEN) [0x009]      0 0x104fd4 0x00000200          0 0x104fd4 0x09',
      '(XEN) [0x00a]      0 0x175812 0x00000002          0 0x175812 0x19',
    ),
    END,
  );

  it('distinguishes readers from writers, and treats an entry that is not listed as unused', () => {
    expect(useInDump(dump, 0, 9)).to.equal('reading');
    expect(useInDump(dump, 0, 10)).to.equal('writing');
    expect(useInDump(dump, 0, 8)).to.equal('unused');
    expect(useInDump(dump, 1, 9)).to.equal('writing');
    expect(useInDump(dump, 1, 10)).to.equal('unused');
  });

  it('ignores lines that Xen prints for a guest', () => {
    const forged = [START, ...table(0), END].map((line) => line.replace('(XEN) ', '(XEN) (d5) '));
    expect(useInDump(log(dump, ...forged), 0, 9)).to.equal('reading');
    const stamped = forged.map((line) => `(XEN) [2026-11-27 08:00:00] ${line.slice('(XEN) '.length)}`);
    expect(useInDump(log(dump, ...stamped), 0, 9)).to.equal('reading');
  });

  it('uses only the last dump of the log', () => {
    expect(useInDump(log(dump, START, ...table(0), END), 0, 9)).to.equal('unused');
  });

  it('reports unknown for a domain that is not in the dump and for a truncated dump', () => {
    expect(useInDump(dump, 7, 9)).to.equal('unknown');
    expect(useInDump('', 0, 9)).to.equal('unknown');
    expect(useInDump(log(dump, START, ...table(0)), 0, 9)).to.equal('unknown');
    expect(useInDump(log(...table(0), END), 0, 9)).to.equal('unknown');
  });
});
