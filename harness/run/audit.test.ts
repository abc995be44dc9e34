import { expect } from 'chai';
import { leaked } from './audit.js';

const before = { grants: 4, mappings: 1, eventChannels: 2, watches: 3 };

describe('leaked resources', () => {
  it('are undefined if nothing more is held than before', () => {
    expect(leaked(before, before)).to.equal(undefined);
    expect(leaked(before, { ...before, grants: 0 })).to.equal(undefined);
  });

  it('are named by kind and number', () => {
    expect(leaked(before, { ...before, grants: 6, watches: 4 })).to.equal('2 grants, 1 watch');
    expect(leaked(before, { grants: 0, mappings: 2, eventChannels: 5, watches: 3 })).to.equal(
      '1 mapping, 3 event channels',
    );
  });
});
