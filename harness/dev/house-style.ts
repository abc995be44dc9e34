/** Words that the house style replaces, each with the word to write; CONTRIBUTING.md has the same table for people. */

/**
 * A text is one of the catalogue (the title of a suite's test, a requirement), of `--help` or of a page; or it is a
 * comment or a message of a source file, or the title of a unit test.
 */
export type Kind = 'catalogue' | 'help' | 'page' | 'comment' | 'message' | 'title';

interface ReplacedWord {
  /** Matches the word only in the sense that is replaced. In lower case; a blank matches any white space. */
  readonly pattern: string;
  readonly advice: string;
  /** The kinds of text in which the word has no other sense. Default: all. */
  readonly only?: readonly Kind[];
}

export interface Finding {
  /** Line in the checked text, from 1. */
  readonly line: number;
  readonly word: string;
  readonly advice: string;
}

const AMOUNT =
  'about|around|up to|less|more|longer|long|\\d[\\d.,]*|(?:an?|one|two|some|several|a few)( \\w+)? (?:ms|s|min|hours?|minutes?|seconds?|while|times?|quarter)';
const OTHER_TAKES = `place|effect|part|care|precedence|over|time|down|seconds|minutes|(?:as|too|so) long|${AMOUNT}`;
const NOT_NOUN = ['the', 'its', 'their', 'these', 'those', 'of', 'no', 'and', 'or', 'two', 'all']
  .map((word) => `(?<!\\b${word} )`)
  .join('');

const WORDS: readonly ReplacedWord[] = [
  {
    pattern: `\\btakes\\b(?! (?:${OTHER_TAKES})\\b|[.,:;)])`,
    advice: 'accepts (input), treats X as Y, supports (a size), uses, reads',
  },
  {
    pattern: '\\btell(?:s|ing)?\\b(?! apart\\b)|\\b(?:has|have|had) told\\b',
    advice: 'reports, advertises (a key), notifies (an event)',
  },
  { pattern: '\\b(?:is|are|was|were|be|been) told\\b(?! apart\\b)', advice: 'is given' },
  {
    pattern: `${NOT_NOUN}\\banswers\\b(?! (?:to|from)\\b)`,
    advice: 'returns (a function); responds to or with (a driver)',
  },
  { pattern: '\\boutlives?\\b', advice: 'survives' },
  {
    pattern: '\\bwhom\\b|\\b(?:to|for|from|of|by|with|at|that|than|as) who\\b',
    advice: 'a peer that …, somebody who …',
  },
  { pattern: '\\banew\\b', advice: 'again, re-created' },
  { pattern: '\\bunless told\\b', advice: 'default: X' },
  { pattern: '(?<!\\bthere )\\b(?:is|are) none\\b(?! of\\b)', advice: 'is not a valid X, is missing' },
  { pattern: '\\bnone at all\\b', advice: 'no X, X is missing' },
  { pattern: '\\b(?:zeros?|bytes?|words?|slots?|keys?|entries) behind\\b', advice: 'after' },
  { pattern: '\\bgo(?:es|ing)? on\\b(?! (?:the|a|an|to)\\b)', advice: 'continues, keeps working' },
  { pattern: '\\bworks? on\\b(?=[,.;:)]|$| and\\b)', advice: 'keeps working' },
  {
    pattern:
      '(?<!\\b(?:starts?|begins?|starting|index|indices|offset|byte|bytes|id|slot) )\\bat [01]\\b(?![.:]?\\d| ?[%a-z]*s\\b)',
    advice: '= 0, set to 1',
  },
  { pattern: '\\bbesides?\\b', advice: 'also, in addition to, outside, next to' },
  { pattern: '\\bmend(?:s|ed|ing)?\\b', advice: 'fix' },
  { pattern: '\\bbefalls?\\b|\\bbefell\\b', advice: 'happens to' },
  { pattern: '\\blook(?:s|ed|ing)? over\\b', advice: 'inspect' },
  { pattern: '\\bcom(?:e|es|ing) by\\b', advice: 'get' },
  {
    pattern: '\\bthe text\\b(?! of\\b)',
    advice: 'the header, the specification',
    only: ['catalogue', 'help', 'page'],
  },
  { pattern: '\\bhost of (?:the|this) run\\b', advice: 'the test host' },
  { pattern: '\\bstatements?\\b', advice: 'requirement' },
  { pattern: '\\b(?:the|this|that|a) (?:rule|sentence)s?\\b', advice: 'requirement', only: ['catalogue', 'help'] },
  {
    pattern: '\\bthe other end\\b|\\bIUT\\b|\\bimplementation under test\\b',
    advice: 'the driver under test, or the peer',
  },
  { pattern: '\\bsays? no\\b(?! more\\b)', advice: 'fail, can fail' },
  { pattern: '\\bindexes\\b', advice: 'indices' },
];

const COMPILED = WORDS.map((word) => ({ ...word, pattern: new RegExp(word.pattern.replaceAll(' ', '\\s+'), 'g') }));

/** `text` without capitals at the start of words; a word in all capitals is a name. */
const plain = (text: string): string => text.replace(/\b[A-Z](?=[a-z ])/g, (letter) => letter.toLowerCase());

/** Every replaced word in `text`, ordered by line. */
export function findings(text: string, kind: Kind): Finding[] {
  return COMPILED.filter(({ only }) => only?.includes(kind) ?? true)
    .flatMap(({ pattern, advice }) =>
      [...plain(text).matchAll(pattern)].map(({ 0: word, index }) => ({
        line: text.slice(0, index).split('\n').length,
        word: word.replace(/\s+/g, ' '),
        advice,
      })),
    )
    .sort((a, b) => a.line - b.line);
}

/** A page in Markdown without fenced blocks, code spans and link targets. Keeps the line numbers. */
export function proseOf(markdown: string): string {
  return markdown
    .replace(/^```[^]*?^```$/gm, (block) => block.replace(/[^\n]/g, ''))
    .replace(/`[^`\n]*`/g, '``')
    .replace(/\]\([^)]*\)/g, ']');
}
