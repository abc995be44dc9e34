import { expect } from 'chai';
import { type Inventory, leakBreaks, leaked } from './audit.js';

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

describe('a leak', () => {
  const inventory = (more: Partial<Inventory>): Inventory => ({
    connection: undefined,
    driver: before,
    harness: before,
    removals: { frontend: 1, backend: 1 },
    ...more,
  });
  const idle = inventory({});
  const driver = { ...before, mappings: 2 };

  it('breaks what obliges the driver to release a connection that ended in this way', () => {
    const of = (removals: Inventory['removals']): string =>
      leakBreaks('backend', idle, idle, inventory({ driver, removals }));
    expect(of({ frontend: 1, backend: 1 })).to.equal('XB-12');
    expect(of({ frontend: 2, backend: 1 })).to.equal('XB-37');
    expect(of({ frontend: 1, backend: 2 })).to.equal('XB-38');
    expect(leakBreaks('frontend', idle, idle, inventory({ driver }))).to.equal('XB-15');
  });

  it('of watches alone breaks the requirement about watches', () => {
    const watches = inventory({ driver: { ...before, watches: 4 } });
    expect(leakBreaks('backend', idle, idle, watches)).to.equal('XB-23');
  });
});
