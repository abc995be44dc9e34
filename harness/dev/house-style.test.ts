import { expect } from 'chai';
import { findings, type Kind, proseOf } from './house-style.js';

const words = (text: string, kind: Kind = 'page'): string[] => findings(text, kind).map(({ word }) => word);

describe('the prose check', () => {
  for (const [text, word] of [
    ['takes a state written twice for one', 'takes'],
    ['tells of tx by the tx channel', 'tells'],
    ['as it was told', 'was told'],
    ['answers id 256 with id 256', 'answers'],
    ['The backend answers every request.', 'answers'],
    ['outlives ICMP that is flagged blank', 'outlives'],
    ['sends complete checksums to who wants no others', 'to who'],
    ['the page anew', 'anew'],
    ['22 unless told', 'unless told'],
    ['survives a reference that is none', 'is none'],
    ['SSH, or none at all', 'none at all'],
    ['pads with zeros behind', 'zeros behind'],
    ['reports it and goes on', 'goes on'],
    ['the other vifs work on, and', 'work on'],
    ['With trusted at 0 it does not', 'at 0'],
    ['besides those of a plain connection', 'besides'],
    ['mend the environment', 'mend'],
    ['what befalls a host', 'befalls'],
    ['bytes that are looked over', 'looked over'],
    ['hard to come by', 'come by'],
    ['where the text is silent', 'the text'],
    ['on the host\nof the run', 'host of the run'],
    ['the statements that were checked', 'statements'],
    ['the state of the other end', 'the other end'],
    ['Besides that', 'besides'],
    ['the IUT', 'IUT'],
    ['that the suites can say no', 'say no'],
    ['all indexes', 'indexes'],
  ] as const) {
    it(`finds "${word}"`, () => expect(words(text)).to.deep.equal([word]));
  }

  it('accepts the same words in another sense', () => {
    for (const text of [
      'The check takes place at once, takes about 4 min and takes 10 s more.',
      'the answers of a stack, and no answers to a ping',
      'There are none. People who write drivers.',
      'It works on both adapters; the interface behind a vif; it leaves nothing behind.',
      'which goes on to InitWait; numbers that start at 0; 60 frames at 1 s, at 0.5',
      'the text of a message; netifspec --iut FILE; it says no more',
      'the algorithm is NONE; it takes a few seconds, takes a quarter of an hour',
      'rules of udev',
    ]) {
      expect(words(text), text).to.deep.equal([]);
    }
  });

  it('finds words that are wrong in the catalogue only', () => {
    expect(words('keeps the rule', 'catalogue')).to.deep.equal(['the rule']);
  });

  it('reads only the prose of a page, and reports the line', () => {
    const page = 'One `anew` line.\n\n```sh\nnetifspec anew\n```\n\nSee [this](anew.md)\nanew.\n';
    expect(findings(proseOf(page), 'page').map(({ line }) => line)).to.deep.equal([8]);
  });
});
