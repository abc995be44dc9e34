import { expect } from 'chai';
import fc from 'fast-check';
import { Printer } from './terminal.js';

describe('what is printed', () => {
  const printed = (print: (printer: Printer) => void): string => {
    let text = '';
    print(new Printer({ write: (part) => (text += part) }));
    return text;
  };

  it('has only the styles that were asked for', () => {
    const title = '\x1b]0;title\x07\x1b[31mred\u009b2J\u202e';
    expect(printed((printer) => printer.line(title, { style: 32, text: `ok${title}` }, '\n'))).to.equal(
      'red\\x9b2J\\u202e\x1b[32mokred\\x9b2J\\u202e\x1b[0m\n\n',
    );
    expect(printed((printer) => printer.rewrite('50 %\r'))).to.equal('\r\x1b[K50 %\n');
  });

  it('never has a control character of a text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printed((printer) => printer.line(text))).not.to.match(/[^\P{Cc}\n\t]|\p{Cf}/u);
      }),
    );
  });
});
