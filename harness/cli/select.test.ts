import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRecord } from '../../reports/records.js';
import { failure, saying, session, test } from '../../reports/records.fixture.js';
import { UsageError } from '../base/errors.js';
import { selectTests } from './select.js';

const ids = (selection: Parameters<typeof selectTests>[0]): string[] => selectTests(selection).map(({ id }) => id);

describe('selected tests', () => {
  it('match an id or pattern, and include the connection test that they need', () => {
    expect(ids({ test: ['backend.gso.cut'] })).to.deep.equal(['backend.xenbus.connect', 'backend.gso.cut']);
    expect(new Set(ids({ test: ['*.gso.*'], role: 'frontend' }).map((id) => id.replace(/\.[^.]*$/, '')))).to.deep.equal(
      new Set(['frontend.xenbus', 'frontend.gso']),
    );
  });

  it('exclude the matches of a pattern with a leading !', () => {
    const all = ids({ role: 'backend' });
    const [robust, others] = [
      ids({ test: ['backend.robustness.*'] }),
      ids({ role: 'backend', test: ['!*.robustness.*'] }),
    ];
    expect(others).to.have.length(all.length - robust.length + 1);
    expect(ids({ test: ['backend.gso.*', '!backend.gso.c*'] })).not.to.include('backend.gso.cut');
    expect(() => ids({ test: ['*', '!*'] })).to.throw(UsageError, /no test is selected/);
    expect(() => ids({ test: ['!backend.robustnes.*'] })).to.throw(UsageError, /did you mean backend\.robustness\.\*/);
  });

  it('have destructive tests last', () => {
    const destructive = selectTests({}).map(({ options }) => options.destructive ?? false);
    expect(destructive.indexOf(true)).to.be.greaterThan(destructive.lastIndexOf(false));
  });

  it('are the last failed tests, if requested', () => {
    const out = mkdtempSync(join(tmpdir(), 'netifspec-select-'));
    try {
      const results = [
        test({ id: 'frontend.rings.wrap' }),
        failure({ id: 'frontend.gso.send' }),
        test({ id: 'frontend.xenbus.mac', ...saying('warn', 'slow') }),
        test({ id: 'frontend.receive.offset-1', ...saying('error', 'lab') }),
      ];
      writeFileSync(join(out, 'results.jsonl'), [session(), ...results].map(encodeRecord).join(''));
      const last = (more: object = {}): string[] => ids({ lastFailed: true, out, ...more });
      expect(last()).to.include('frontend.receive.offset-1').and.not.include('frontend.xenbus.mac');
      expect(last({ strict: true })).to.include('frontend.xenbus.mac');
      expect(() => last({ role: 'backend' })).to.throw(UsageError, /no test is selected/);
      const whole = failure({ id: 'frontend.monitor.ring-01', chapter: 'monitor' });
      writeFileSync(join(out, 'results.jsonl'), [session(), whole].map(encodeRecord).join(''));
      expect(() => last()).to.throw(UsageError, /frontend\.monitor\.ring-01 is about a whole run/);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});
