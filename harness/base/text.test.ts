import { expect } from 'chai';
import fc from 'fast-check';
import { LineSplitter } from './lines.js';
import { printableLine } from './text.js';

describe('printableLine', () => {
  it('removes terminal sequences and escapes control characters', () => {
    expect(printableLine('\u001b[31mred\u001b[0m\tand\u0007 \u001b]0;title\u0007plain\r')).to.equal(
      'red and\\x07 plain',
    );
    expect(printableLine('a\u202eb\u009bc\u0000')).to.equal('a\\u202eb\\x9bc\\x00');
  });

  it('is cut at its maximum length', () => {
    expect(printableLine('x'.repeat(50), 10)).to.equal(`${'x'.repeat(10)}…`);
  });

  it('never keeps a control character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (text) => !/\p{Cc}/u.test(printableLine(text)) && printableLine(text).length <= 1001,
      ),
    );
  });
});

describe('LineSplitter', () => {
  const split = (chunks: readonly Buffer[], limit = 1000): { lines: string[]; long: number } => {
    const seen = { lines: [] as string[], long: 0 };
    const splitter = new LineSplitter(
      limit,
      (line) => seen.lines.push(line),
      () => seen.long++,
    );
    for (const chunk of chunks) splitter.push(chunk);
    splitter.end();
    return seen;
  };

  it('emits the same lines for any chunking of the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.integer({ min: 1, max: 7 }), (parts, size) => {
        const lines = parts.map((part) => part.replaceAll('\n', ''));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        expect(split(chunks).lines).to.deep.equal(lines);
      }),
    );
  });

  it('emits a last line without newline', () => {
    expect(split([Buffer.from('a\nb')]).lines).to.deep.equal(['a', 'b']);
  });

  it('drops a line that is too long, and reports it once', () => {
    const chunks = ['ok\n', 'x'.repeat(6), 'x'.repeat(6), 'x\nafter\n'].map((text) => Buffer.from(text));
    expect(split(chunks, 10)).to.deep.equal({ lines: ['ok', 'after'], long: 1 });
  });
});
