import { expect } from 'chai';
import { CATALOGUE } from '../suites/catalogue.js';
import type { ResultRecord } from '../harness/run/record.js';
import { runSession } from '../harness/run/session.js';
import { simulatedSession } from '../harness/run/simulated-session.js';
import type { TraceStep } from '../harness/xen/traced.js';
import { rungs } from './steps.js';

const posted = (slot: number): TraceStep => ({
  at: slot / 10,
  from: 'harness',
  to: 'driver',
  what: `wrote slot ${slot}: rx request id ${slot} gref ${slot + 90} (ref 8)`,
});
const notified: TraceStep = { at: 9, from: 'harness', to: 'driver', what: 'notify port 3' };

describe('the steps of a trace', () => {
  it('are told apart, with what happened first', () => {
    const of = (what: string, from: TraceStep['from'] = 'harness'): string[] => {
      const [rung] = rungs([{ at: 0, from, to: from === 'driver' ? 'harness' : 'driver', what }]);
      return rung ? [rung.kind, rung.text.what, rung.text.details, rung.text.where] : [];
    };
    expect(of('wrote slot 5: tx request id 1 gref 2 (ref 8)')).to.deep.equal([
      ...['slot', 'tx request', 'id 1 gref 2', 'slot 5 (ref 8)'],
    ]);
    expect(of('wrote slot 5: gso type TCPv4 (ref 8)')).to.deep.equal(['slot', '', 'gso type TCPv4', 'slot 5 (ref 8)']);
    expect(of('ref 8 of domain 1: req_event = 7')).to.deep.equal(['index', 'req_event = 7', '', 'ref 8 of domain 1']);
    expect(of('event on port 3', 'driver')).to.deep.equal(['event', '', 'on port 3', '']);
    expect(of('something else')).to.deep.equal(['other', '', 'something else', '']);
  });

  it('are cut if they are longer than any of a run', () => {
    const what = `wrote slot 1: ${' (ref '.repeat(200_000)}`;
    const [rung] = rungs([{ at: 0, from: 'harness', to: 'driver', what }]);
    expect(rung?.text.details.length).to.equal(2000);
  });

  it('each have a kind in the traces of a run', async function () {
    this.timeout(60_000);
    const records: ResultRecord[] = [];
    const wanted = ['xenbus.connect', 'xenbus.closing', 'receive.full-ring', 'frames.ipv4', 'xenbus.carrier'];
    for (const role of ['backend', 'frontend'] as const) {
      const tests = CATALOGUE.testsOf(role).filter(({ id }) => wanted.some((end) => id.endsWith(end)));
      const onRecord = (record: ResultRecord): void => void records.push(record);
      await runSession(simulatedSession(role, CATALOGUE, { tests, traceAll: true, onRecord }));
    }
    const steps = records.flatMap((record) => (record.type === 'test' ? rungs(record.trace ?? []) : []));
    expect(new Set(steps.map(({ kind }) => kind))).to.deep.equal(
      new Set(['slot', 'index', 'event', 'frame', 'grant', 'xenstore', 'guest']),
    );
  });

  it('are joined if they differ in numbers only, with the range of each number', () => {
    const [run, after, ...others] = rungs([posted(1), posted(2), posted(3), notified]);
    expect(run?.text).to.deep.equal({ what: 'rx request', details: 'id 1..3 gref 91..93', where: 'slot 1..3 (ref 8)' });
    expect([run?.times, run?.steps.length, after?.text.what, others]).to.deep.equal([3, 3, 'notify', []]);
    expect(rungs([posted(1), posted(2), notified])).to.have.length(3);
  });

  it('are joined if a pair of them is repeated, and none is lost', () => {
    const poll = [1, 2, 3].flatMap((n) => [posted(n), notified]);
    const all = rungs([...poll, posted(9)]);
    expect(all.map(({ times, steps }) => [times, steps.length])).to.deep.equal([
      [3, 6],
      [1, 1],
    ]);
    expect(all.flatMap(({ steps }) => steps)).to.deep.equal([...poll, posted(9)]);
  });
});
