import { expect } from 'chai';
import type { Verdict } from '../run/record.js';
import type { Evidence, Outcome, Run } from './evidence.js';
import { proofOf } from './proof.js';
import { holes } from './rules.js';

/** A test with this verdict and a check of each requirement. */
function outcome(id: string, verdict: Verdict, requirements: readonly string[], message = 'why'): Outcome {
  const checks = verdict === 'skip' || verdict === 'error' ? [] : [{ requirements, verdict }];
  return { id, verdict, ...(verdict === 'pass' ? {} : { message }), checks, cost: 1 };
}

const defect = { id: 'backend.a.broken', role: 'backend', breaks: 'A', fault: 'breaks A' } as const;

/**
 * Five tests with one requirement each, all passing on the correct driver; the driver with the defect has `outcomes`.
 */
function evidence(outcomes: readonly Outcome[], more: Partial<Evidence> & { readonly fault?: string } = {}): Evidence {
  const ids = ['A', 'B', 'C', 'D', 'E', 'F'];
  const { fault, ...rest } = more;
  const run: Run = { outcomes, ...(fault === undefined ? {} : { fault }) };
  return {
    role: 'backend',
    bound: ['A'],
    unprovable: [],
    tests: ['backend.a.A'],
    anchored: new Set(),
    correct: { outcomes: ids.map((id) => outcome(`backend.a.${id}`, 'pass', [id])) },
    defects: [{ defect, run }],
    legal: [],
    ...rest,
  };
}

const passing = ['B', 'C', 'D', 'E'].map((id) => outcome(`backend.a.${id}`, 'pass', [id]));
const caught = outcome('backend.a.A', 'fail', ['A']);
const holesOf = (given: Evidence): string[] => holes(given).map(({ rule, subject }) => `${rule} ${subject}`);

describe('rules of the proof', () => {
  it('are kept by a defect that fails its own test and passes four of five others', () => {
    expect(holes(evidence([caught, ...passing]))).to.deep.equal([]);
  });

  it('are broken by a legal driver that fails a test, or warns of a requirement that it does not list', () => {
    const driver = { id: 'backend.odd', role: 'backend', persona: false, choice: 'is odd', warns: ['B'] } as const;
    const against = (...outcomes: Outcome[]): string[] =>
      holesOf(evidence([caught, ...passing], { legal: [{ driver, run: { outcomes } }] }));
    expect(against(...passing, outcome('backend.a.B', 'warn', ['B']))).to.deep.equal([]);
    expect(against(outcome('backend.a.C', 'warn', ['C']))).to.deep.equal(['acquits backend.odd']);
    expect(against(outcome('backend.a.B', 'fail', ['B']))).to.deep.equal(['acquits backend.odd']);
    expect(against(outcome('backend.a.B', 'error', []))).to.deep.equal(['acquits backend.odd']);
  });

  it('are broken by a requirement without a caught defect, unless it is listed, and by a wrong list', () => {
    const reason = 'it is not seen';
    const listed = ['A', 'B'].map((id) => ({ id, role: 'backend' as const, reason }));
    const bound = ['A', 'B'];
    expect(holesOf(evidence([caught, ...passing], { bound }))).to.deep.equal(['proved B']);
    expect(holesOf(evidence([caught, ...passing], { bound, unprovable: listed }))).to.deep.equal(['proved A']);
    expect(holesOf(evidence([caught, ...passing], { bound, unprovable: listed.slice(1) }))).to.deep.equal([]);
  });

  it('count a warning as a failure', () => {
    expect(holesOf(evidence([outcome('backend.a.A', 'warn', ['A']), ...passing]))).to.deep.equal([]);
  });

  it('report a test that does not pass on the correct driver, and one that was not run', () => {
    const correct = { outcomes: [outcome('backend.a.A', 'skip', [], 'not offered')] };
    const found = holes(evidence([caught, ...passing], { correct, tests: ['backend.a.A', 'backend.a.lost'] }));
    expect(found.filter(({ rule }) => rule === 'passes-correct')).to.deep.equal([
      { rule: 'passes-correct', subject: 'backend.a.A', message: 'skip: not offered' },
      { rule: 'passes-correct', subject: 'backend.a.lost', message: 'it was not run' },
    ]);
  });

  it('report a test that no defect fails, and do not count a failed set-up', () => {
    const setup = { ...outcome('backend.a.A', 'fail', []), checks: [] };
    expect(holesOf(evidence([setup, ...passing]))).to.include('can-fail backend.a.A');
  });

  it('report a defect that only checks of other requirements catch, with their messages', () => {
    const found = holes(evidence([outcome('backend.a.B', 'fail', ['B'], 'lost'), ...passing.slice(1)]));
    expect(found.find(({ rule }) => rule === 'caught')?.message).to.equal('no check of A fails (backend.a.B: lost)');
  });

  it('report a defect that keeps too few other requirements, with those that it breaks', () => {
    const found = holes(evidence([caught, ...passing, outcome('backend.a.B', 'fail', ['B'])]));
    expect(found).to.deep.equal([
      { rule: 'narrow', subject: defect.id, message: '3 of 5 other requirements are kept; broken: B' },
    ]);
  });

  it('let a defect of the connection itself break everything', () => {
    expect(holesOf(evidence([caught], { anchored: new Set(['A']) }))).to.deep.equal([]);
  });

  it('report an error, and a driver that does not end', () => {
    const error = outcome('backend.a.F', 'error', [], 'XenError: ENOSPC');
    const found = holes(evidence([caught, ...passing, error], { fault: 'spins in backend.a.F' }));
    expect(found.map(({ rule, message }) => `${rule} ${message}`)).to.deep.equal([
      'no-error backend.a.F: XenError: ENOSPC',
      'no-error spins in backend.a.F',
    ]);
  });

  it('are counted in the proof', () => {
    const { matrix, ...counts } = proofOf([evidence([caught, ...passing])]);
    expect(counts).to.deep.equal({
      tests: 1,
      defects: 1,
      killed: 1,
      seen: 0,
      holes: [],
      bound: 1,
      unprovable: [],
      legal: [],
    });
    expect(matrix.tests).to.deep.equal([{ id: 'backend.a.A', verdict: 'pass', failedBy: [defect.id] }]);
    expect(matrix.defects).to.deep.equal([{ ...defect, caughtBy: ['backend.a.A'] }]);
  });
});
