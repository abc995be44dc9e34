import { expect } from 'chai';
import { BACKEND_STEPS, type BackendSteps } from '../reference/backend-steps.js';
import { type EndRecord, type SessionRecord, testMessage, type TestRecord } from './record.js';
import { type BackendTest, backendChapter, type TestOptions } from './suite.js';
import type { Target } from './target.js';

import { checking, outcome, passing, records, runTests } from './session.fixture.js';

describe('session', () => {
  it('emits a session record, the tests and an end record', async () => {
    const all = await records({}, passing, passing);
    expect(all.map((record) => record.type)).to.deep.equal(['session', 'test', 'test', 'end']);
    const session = all[0] as SessionRecord;
    expect(session.planned).to.equal(2);
    expect(session.features).to.include({ 'feature-sg': '1' });
    expect((all[3] as EndRecord).complete).to.equal(true);
  });

  it('applies the requirements of the claimed version of the header only', async () => {
    const newer = async (t: BackendTest): Promise<void> => {
      await t.check('CTRL-09', () => expect.fail('no control ring'));
    };
    const both = async (t: BackendTest): Promise<void> => {
      await t.check(['TXW-10', 'CTRL-09'], () => {});
      await t.check('CTRL-09', () => expect.fail('no control ring'));
    };
    const skipped = await outcome(newer, { spec: '3f20b8def0', ...checking('CTRL-09') });
    expect(skipped.skip).to.deep.equal({
      class: 'spec',
      reason: 'newer than the claimed version of the header: 3f20b8def0',
    });
    const { verdict, checks, infos } = await outcome(both, { spec: '3f20b8def0' });
    expect(verdict).to.equal('pass');
    expect(checks).to.deep.equal([{ requirements: ['TXW-10'], verdict: 'pass' }]);
    expect(infos).to.deep.equal(['CTRL-09: newer than the claimed version of the header: no control ring']);
    expect((await outcome(newer, { spec: '162a81abb1' })).verdict).to.equal('fail');
  });

  it('passes a test without failures, with its checks', async () => {
    const { verdict, checks } = await outcome(passing);
    expect(verdict).to.equal('pass');
    expect(checks).to.deep.equal([{ requirements: ['TXW-10'], verdict: 'pass' }]);
  });

  for (const [id, verdict, kind] of [
    ['TXW-10', 'fail', 'text'],
    ['XB-10', 'fail', 'interop'],
    ['TXW-25', 'warn', undefined],
  ] as const) {
    it(`reports a violation of ${id} as ${verdict}${kind ? ` of class ${kind}` : ''}`, async () => {
      const record = await outcome((t) => t.check(id, () => expect(1, 'number').to.equal(2)));
      expect(record.verdict).to.equal(verdict);
      expect(record.class).to.equal(kind);
      expect(record.message).to.equal('number: expected 1 to equal 2');
    });
  }

  it('continues after a violation of a SHOULD', async () => {
    const { checks } = await outcome(async (t) => {
      await t.check('TXW-25', () => expect.fail('short'));
      await t.check('TXW-10', () => {});
    });
    expect(checks.map((check) => check.verdict)).to.deep.equal(['warn', 'pass']);
  });

  it('reports an exception of the harness as an error, inside and outside of a check', async () => {
    const bug = (): never => {
      throw new TypeError('not a function');
    };
    expect((await outcome((t) => t.check('TXW-10', bug))).verdict).to.equal('error');
    expect((await outcome(() => Promise.resolve().then(bug))).verdict).to.equal('error');
  });

  it('compares what the target declares with what the driver advertises', async () => {
    const [one, features] = (await records({ target: { features: ['feature-sg', 'feature-nobody'] } }, passing)).slice(
      1,
    );
    expect(features).to.include({ id: 'backend.session.features', verdict: 'fail', class: 'declared' });
    expect(testMessage(features as TestRecord)).to.include('declared but not advertised: feature-nobody');
    expect(one).to.include({ verdict: 'pass' });
  });

  it('keeps the state of a failed test until it is interrupted, if requested', async () => {
    const stop = new AbortController();
    const said: string[] = [];
    const log = (line: string): void => {
      said.push(line);
      if (line.includes('Ctrl-C')) setImmediate(() => stop.abort());
    };
    const failing = async (t: BackendTest): Promise<void> => {
      await t.fresh();
      await t.check('TXW-10', () => expect.fail('no answer'));
    };
    const all = await records({ keep: true, log, signal: stop.signal }, failing, passing);
    expect(said).to.include('backend.sample.test-0: no answer');
    expect(said.filter((line) => line.includes('xenstore-ls')).length).to.be.at.least(2);
    expect(all.map((record) => record.type)).to.deep.equal(['session', 'test', 'end']);
    expect(all.at(-1)).to.include({ complete: false, reason: 'interrupted' });
  });

  it('aborts a test that does not end, as an error', async () => {
    const record = await outcome(() => new Promise<void>(() => {}));
    expect(record).to.include({
      verdict: 'error',
      message: 'Error: the test did not end within 180000 ms and was aborted',
    });
  });

  it('reports the requirements that a test did not reach because its set-up failed', async () => {
    const record = await outcome(
      async (t) => {
        await t.check('TXW-10', async () => (await t.connect()).ping());
        await (await t.connect()).receive('a miracle', () => false);
        await t.check('RXW-05', () => undefined);
      },
      checking('TXW-10', 'RXW-05'),
    );
    expect(record).to.include({ verdict: 'fail', class: 'setup' });
    expect(record.unreached).to.deep.equal(['RXW-05']);
  });

  it('skips tests of features that are not advertised, and tests that are not allowed', async () => {
    const reason = async (options: TestOptions, target: Partial<Target> = {}): Promise<string | undefined> =>
      (await outcome(passing, { options, target })).skip?.reason;
    expect(await reason({ gate: 'feature-of-tomorrow' })).to.equal('feature-of-tomorrow is not advertised');
    expect(await reason({ gate: 'feature-sg' })).to.equal(undefined);
    expect(await reason({ destructive: true }, { destructive: false })).to.contain('destructive');
  });

  it('never assigns the handle of the shared vif to another one', async () => {
    const { verdict } = await outcome(async (t) => {
      const shared = await t.connect();
      for (let n = 0; n < 120; n++) await t.unplug(await t.plug());
      await t.check('TXW-10', () => shared.ping());
    });
    expect(verdict).to.equal('pass');
  });

  describe('whose guest cannot be configured', () => {
    const iut = { configure: undefined, promised: new Set<never>() };
    const ping = async (t: BackendTest): Promise<void> => t.check('TXW-10', async () => (await t.connect()).ping());
    const options = { reflector: 'icmp' } as const;

    it('sends the requests all the same', async () => {
      const [session, test] = await records({ iut, options }, ping);
      expect((session as SessionRecord).facts).to.include({ reflectors: 'arp icmp icmp-full tcp' });
      expect((test as TestRecord).verdict).to.equal('pass');
    });

    it('repeats the requests while the guest may still boot', async () => {
      const accept: BackendSteps['accept'] = (vif, queue, packet) => {
        if (vif.domain.clock.now() > 40_000) BACKEND_STEPS.accept(vif, queue, packet);
      };
      const setting = { iut, options, planted: { backend: { accept } } };
      const [session, test] = await records({ ...setting, target: { connection: 'restart' } }, ping);
      expect((session as SessionRecord).facts).to.include({ reflectors: 'arp icmp icmp-full tcp' });
      expect((test as TestRecord).verdict).to.equal('pass');
      const [, skipped] = await records(setting, ping);
      expect((skipped as TestRecord).skip?.reason).to.equal(
        'the guest does not reply to icmp (arp asked 3 times in 3 s)',
      );
    });

    it('asks again later for a reply that did not come', async () => {
      const accept: BackendSteps['accept'] = (vif, queue, packet) => {
        if (vif.domain.clock.now() > 20_000) BACKEND_STEPS.accept(vif, queue, packet);
      };
      const { test, tests } = backendChapter('sample');
      test('slow', 'needs a minute', (t) => new Promise((resolve) => void t.domain.clock.after(60_000, resolve)));
      test('ping', 'replies to a ping', options, ping);
      const all = await runTests(tests, {}, { iut, planted: { backend: { accept } } });
      expect(all[0]).to.have.nested.property('facts.reflectors', 'none');
      expect(all[2]).to.include({ id: 'backend.sample.ping', verdict: 'pass' });
    });

    it('repeats a request whose reply was lost', async () => {
      let frames = 0;
      const accept: BackendSteps['accept'] = (vif, queue, packet) => {
        if (++frames > 2) BACKEND_STEPS.accept(vif, queue, packet);
      };
      const [session] = await records({ iut, planted: { backend: { accept } } }, ping);
      expect((session as SessionRecord).facts).to.include({ reflectors: 'arp icmp icmp-full tcp' });
    });

    it('fails if the target file declares a reply', async () => {
      const target = { reflectors: ['arp', 'icmp'] } as const;
      const planted = { backend: { accept: () => {} } };
      const all = await records({ iut, target: { ...target, reflectors: [...target.reflectors] }, planted }, passing);
      expect(all[2]).to.include({ id: 'backend.session.features', verdict: 'fail', class: 'declared' });
      expect(testMessage(all[2] as TestRecord)).to.equal('declared but no reply: reflector arp, reflector icmp');
    });

    it('skips tests without a reply, and names the request', async () => {
      const [session, test] = await records({ iut, options, planted: { backend: { accept: () => {} } } }, ping);
      expect((session as SessionRecord).facts).to.include({ reflectors: 'none' });
      expect((test as TestRecord).skip?.reason).to.contain('does not reply to icmp');
    });
  });

  it('holds a missing reply of a configured guest against the driver', async () => {
    const planted = { backend: { accept: () => {} } };
    const { verdict } = await outcome(passing, { planted, options: { reflector: 'icmp' } });
    expect(verdict).to.equal('pass');
    const arp = async (t: BackendTest): Promise<void> => t.check('TXW-10', async () => void (await t.connect()));
    expect((await outcome(arp, { planted, options: { reflector: 'arp' } })).verdict).to.equal('fail');
  });

  it('skips a test that calls skip', async () => {
    const { verdict, skip } = await outcome(async (t) => t.check('XB-10', () => t.skip('nothing to see')));
    expect({ verdict, skip }).to.deep.equal({
      verdict: 'skip',
      skip: { class: 'not-observed', reason: 'nothing to see' },
    });
  });

  describe('on a target with one vif at a time', () => {
    const own = async (t: BackendTest): Promise<void> => t.check('XB-10', async () => void (await t.fresh()).ping());
    const shared = async (t: BackendTest): Promise<void> =>
      t.check('XB-10', async () => void (await t.connect()).ping());
    const both = async (t: BackendTest): Promise<void> => {
      await shared(t);
      await own(t);
    };
    const verdicts = async (target: Partial<Target>, options: TestOptions = {}): Promise<unknown[]> => {
      const seen = await records({ target, options }, own, shared, own, both);
      return seen.filter((each) => each.type === 'test').map(({ verdict, skip }) => skip?.reason ?? verdict);
    };
    const second =
      'needs a second vif at the same time, which "connection" and "limits" in the target file do not allow';

    for (const connection of ['rebind', 'restart'] as const) {
      it(`makes each connection by ${connection}`, async () => {
        expect(await verdicts({ connection })).to.deep.equal(['pass', 'pass', 'pass', second]);
      });
    }

    it('respects the limit of vifs with hotplug', async () => {
      const two = async (t: BackendTest): Promise<void> => {
        await own(t);
        await own(t);
      };
      expect(await verdicts({ limits: { vifs: 1 } })).to.deep.equal(['pass', 'pass', 'pass', second]);
      expect(await outcome(two, { target: { limits: { vifs: 2 } } })).to.include({ verdict: 'pass' });
      const three = await outcome(
        async (t) => {
          await both(t);
          await own(t);
        },
        { target: { limits: { vifs: 2 } } },
      );
      expect(three.skip?.reason).to.equal(second.replace('a second vif', 'more than 2 vifs'));
    });

    it('runs the tests that need a single connection', async () => {
      const only = 'the target allows only one connection ("connection: once")';
      expect(await verdicts({ connection: 'once' })).to.deep.equal([only, 'pass', only, only]);
    });

    it('runs the tests first that need no connection of their own', async () => {
      const { test, tests } = backendChapter('sample');
      const ran: string[] = [];
      const body = (name: string) => () => Promise.resolve(void ran.push(name));
      test('own', 'x', { fresh: true }, body('own'));
      test('shared', 'x', body('shared'));
      await runTests(tests, { connection: 'once' });
      expect(ran).to.deep.equal(['shared', 'own']);
    });
  });

  it('is not complete if it was interrupted', async () => {
    const all = await records({ signal: AbortSignal.abort() }, passing);
    expect(all.at(-1)).to.include({ type: 'end', complete: false, reason: 'interrupted' });
  });
});
