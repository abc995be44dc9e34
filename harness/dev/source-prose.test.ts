import { expect } from 'chai';
import { commentsOf, messagesOf, shellCommentsOf, titlesOf } from './source-prose.js';

describe('the prose of a source file', () => {
  const SOURCE = [
    '/** One `span` of',
    ' * two lines. */',
    "const link = 'https://none'; // After code.",
    'const other = `/* none ${[/* in a template */ 1].length} //`;',
    "it('has a title', () => {",
    '  it.skip(`has ${1} more`, () => {}); /* last */',
    '});',
  ].join('\n');
  const linesOf = (prose: string): string[] => prose.split('\n').map((line) => line.trim().replace(/\s+/g, ' '));

  it('includes comments without their markers, code spans and code', () => {
    expect(linesOf(commentsOf(SOURCE)).map((line) => line.replace(/^\/\/ |^\/\* | ?\*\/$/g, ''))).to.deep.equal([
      'One of',
      'two lines.',
      'After code.',
      'in a template',
      '',
      'last',
    ]);
  });

  it('includes the comments of a script', () => {
    expect(linesOf(shellCommentsOf('#!/bin/sh\n# One.\necho ${#a} # Two.'))).to.deep.equal(['', 'One.', 'Two.']);
  });

  it('includes the strings of more than one word', () => {
    const source = "throw new Oops('no such key', `${name} is gone ${why} for good`, 'key'); // Why.";
    expect(linesOf(messagesOf(source))).to.deep.equal(["'no such key' } is gone ${ } for good`"]);
  });

  it('includes the titles of tests', () => {
    expect(linesOf(titlesOf(SOURCE))).to.deep.equal(['', '', '', '', 'has a title', 'has ${1} more']);
  });
});
