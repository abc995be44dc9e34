import { expect } from 'chai';
import type { KernelLog } from '../guest/kernel-log.js';
import { Expired } from '../xen/wait.js';
import { EnvironmentError, GuestGone } from './environment.js';
import type { Iut } from './iut.js';
import type { EndRecord, ResultRecord, SessionRecord, TestRecord } from './record.js';
import { openSimulatedIut, referenceDriver, type PlantedSteps } from './simulated-iut.js';
import { recordsOfSession } from './simulated-session.js';
import { type BackendTest, backendChapter, type TestOptions, type Tests } from './suite.js';
import { referenceTarget, type Target } from './target.js';

interface Setting {
  readonly options?: TestOptions;
  readonly iut?: Partial<Iut>;
  readonly planted?: PlantedSteps;
  readonly target?: Partial<Target>;
  readonly signal?: AbortSignal;
  readonly spec?: string;
  readonly keep?: boolean;
  readonly log?: (line: string) => void;
}

async function records(setting: Setting, ...bodies: ((t: BackendTest) => Promise<void>)[]): Promise<ResultRecord[]> {
  const { test, tests } = backendChapter('sample');
  bodies.forEach((body, n) => test(`test-${n}`, 'does something', setting.options ?? {}, body));
  return runTests(tests, setting.target, setting);
}

function runTests(tests: Tests, target: Partial<Target> = {}, setting: Setting = {}): Promise<ResultRecord[]> {
  const { iut, planted } = setting;
  return recordsOfSession('backend', tests, {
    ...setting,
    target: { ...referenceTarget('backend'), ...target },
    open: async () => ({ ...(await openSimulatedIut('backend', 1, referenceDriver(planted))), ...iut }),
  });
}

async function outcome(body: (t: BackendTest) => Promise<void>, setting: Setting = {}): Promise<TestRecord> {
  const test = (await records(setting, body)).find((record) => record.type === 'test');
  if (!test) throw new Error('no test record');
  return test;
}

const passing = async (t: BackendTest): Promise<void> => {
  await t.check('TXW-10', () => {});
};

describe('session', () => {
  it('emits a session record, the tests and an end record', async () => {
    const all = await records({}, passing, passing);
    expect(all.map((record) => record.type)).to.deep.equal(['session', 'test', 'test', 'end']);
    const session = all[0] as SessionRecord;
    expect(session.planned).to.equal(2);
    expect(session.features).to.include({ 'feature-sg': '1' });
    expect((all[3] as EndRecord).complete).to.equal(true);
  });

  it('holds a driver to the text that is claimed, and to nothing newer', async () => {
    const newer = async (t: BackendTest): Promise<void> => {
      await t.check('CTRL-09', () => expect.fail('no control ring'));
    };
    const both = async (t: BackendTest): Promise<void> => {
      await t.check(['TXW-10', 'CTRL-09'], () => {});
      await t.check('CTRL-09', () => expect.fail('no control ring'));
    };
    const skipped = await outcome(newer, { spec: '3f20b8def0' });
    expect(skipped.skip).to.deep.equal({ class: 'spec', reason: 'newer than the text that is claimed: 3f20b8def0' });
    const { verdict, checks, infos } = await outcome(both, { spec: '3f20b8def0' });
    expect(verdict).to.equal('pass');
    expect(checks).to.deep.equal([{ requirements: ['TXW-10'], verdict: 'pass' }]);
    expect(infos).to.deep.equal(['CTRL-09: newer than the text that is claimed: no control ring']);
    expect((await outcome(newer, { spec: '162a81abb1' })).verdict).to.equal('fail');
  });

  it('passes what passes, with its checks', async () => {
    const { verdict, checks } = await outcome(passing);
    expect(verdict).to.equal('pass');
    expect(checks).to.deep.equal([{ requirements: ['TXW-10'], verdict: 'pass' }]);
  });

  for (const [id, verdict, kind] of [
    ['TXW-10', 'fail', 'text'],
    ['XB-10', 'fail', 'interop'],
    ['TXW-25', 'warn', undefined],
  ] as const) {
    it(`makes of a broken ${id} a ${verdict}${kind ? ` of class ${kind}` : ''}`, async () => {
      const record = await outcome((t) => t.check(id, () => expect(1, 'number').to.equal(2)));
      expect(record.verdict).to.equal(verdict);
      expect(record.class).to.equal(kind);
      expect(record.message).to.equal('number: expected 1 to equal 2');
    });
  }

  it('goes on after a SHOULD that was not kept', async () => {
    const { checks } = await outcome(async (t) => {
      await t.check('TXW-25', () => expect.fail('short'));
      await t.check('TXW-10', () => {});
    });
    expect(checks.map((check) => check.verdict)).to.deep.equal(['warn', 'pass']);
  });

  it('calls an error of the harness an error, inside a check and outside', async () => {
    const bug = (): never => {
      throw new TypeError('not a function');
    };
    expect((await outcome((t) => t.check('TXW-10', bug))).verdict).to.equal('error');
    expect((await outcome(() => Promise.resolve().then(bug))).verdict).to.equal('error');
  });

  it('holds a missed answer against the driver, but not when the harness itself stood still', async () => {
    const missed =
      (lagMs: number, lateMs = 0) =>
      (t: BackendTest) =>
        t.check('TXW-10', () => Promise.reject(new Expired('answer', 1000, lagMs, lateMs)));
    expect(await outcome(missed(0))).to.include({ verdict: 'fail', message: 'no answer within 1000 ms' });
    expect((await outcome(missed(900))).verdict).to.equal('error');
    expect((await outcome(missed(20, 700))).verdict).to.equal('error');
  });

  it('holds nothing against the driver when the guest is gone, and ends the run', async () => {
    const iut = { alive: () => Promise.reject(new EnvironmentError('domain 1 is gone')) };
    const failing = (t: BackendTest): Promise<void> => t.check('TXW-10', () => expect.fail('no answer'));
    const [, first, second, end] = await records({ iut }, failing, passing);
    expect((first as TestRecord).verdict).to.equal('error');
    expect((first as TestRecord).checks.map((check) => check.verdict)).to.deep.equal(['error']);
    expect((second as TestRecord).skip).to.deep.equal({
      class: 'blocked',
      reason: 'the environment is gone: domain 1 is gone',
    });
    expect(end).to.include({ complete: false, reason: 'domain 1 is gone' });
  });

  describe('whose guest is gone in the middle', () => {
    const gone = { alive: () => Promise.reject(new GuestGone('domain 1 is gone')) };
    const failing = (t: BackendTest): Promise<void> => t.check('TXW-10', () => expect.fail('no answer'));
    const verdicts = (all: readonly ResultRecord[]): string[] =>
      all.flatMap((record) => (record.type === 'test' ? [record.verdict] : []));

    it('makes it anew and goes on', async () => {
      const all = await records({ iut: gone }, passing, failing, passing);
      expect(verdicts(all)).to.deep.equal(['pass', 'error', 'pass']);
      expect(all.at(-1)).to.include({ complete: true });
    });

    it('gives up when that does not work', async () => {
      const recreate = (): Promise<void> => Promise.reject(new EnvironmentError('xl create failed'));
      const all = await records({ iut: { ...gone, recreate } }, failing, passing);
      expect(verdicts(all)).to.deep.equal(['error', 'skip']);
      expect(all.at(-1)).to.include({ complete: false, reason: 'xl create failed' });
    });

    it('gives up when it is of no use', async () => {
      const all = await records({ iut: gone }, failing, failing, failing, failing, passing);
      expect(verdicts(all)).to.deep.equal(['error', 'error', 'error', 'error', 'skip']);
      expect(all.at(-1)).to.include({ complete: false, reason: 'the guest was lost 3 times in a row' });
    });

    it('is an error where its kernel log can not be read any more', async () => {
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.reject(new Error('no SSH')),
      };
      const all = await records({ iut: { ...gone, kernelLog } }, passing, failing);
      expect(verdicts(all)).to.deep.equal(['error', 'error']);
      expect(all.at(-1)).to.include({ complete: true });
    });

    it('holds a crash against the driver where the guest can not be made anew', async () => {
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.resolve(['[   12.3] BUG: unable to handle page fault']),
      };
      const iut = { ...gone, kernelLog, recreate: undefined as never };
      const all = await records({ iut }, failing, passing);
      expect(verdicts(all)).to.deep.equal(['fail', 'skip']);
    });

    it('holds a crash of its kernel against the driver all the same', async () => {
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.resolve(['[   12.3] BUG: unable to handle page fault']),
      };
      const record = await outcome(failing, { iut: { ...gone, kernelLog } });
      expect(record).to.include({ verdict: 'fail', class: 'guest-crash' });
    });
  });

  it('compares what the target declares with what the driver offers', async () => {
    const [one, features] = (await records({ target: { features: ['feature-sg', 'feature-nobody'] } }, passing)).slice(
      1,
    );
    expect(features).to.include({ id: 'backend.session.features', verdict: 'fail', class: 'declared' });
    expect((features as TestRecord).message).to.include('declared but not advertised: feature-nobody');
    expect(one).to.include({ verdict: 'pass' });
  });

  it('leaves what a failed test left, where that is asked for, until it is interrupted', async () => {
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

  it('gives up a test that does not end, as its own fault', async () => {
    const record = await outcome(() => new Promise<void>(() => {}));
    expect(record).to.include({ verdict: 'error', message: 'Error: the test did not end within 60000 ms' });
  });

  it('tells what a test did not come to whose set-up failed', async () => {
    const record = await outcome(async (t) => {
      await t.check('TXW-10', async () => (await t.connect()).ping());
      await (await t.connect()).receive('a miracle', () => false);
      await t.check('RXW-05', () => undefined);
    });
    expect(record).to.include({ verdict: 'fail', class: 'setup' });
    expect(record.unreached).to.deep.equal(['RXW-05']);
  });

  it('fails the test during which the guest crashed', async () => {
    const kernelLog: KernelLog = {
      mark: () => Promise.resolve(),
      since: () => Promise.resolve(['[   12.3] BUG: unable to handle page fault']),
    };
    const record = await outcome(passing, { iut: { kernelLog } });
    expect(record.verdict).to.equal('fail');
    expect(record.class).to.equal('guest-crash');
    expect(record.message).to.contain('BUG: unable to handle page fault');
  });

  it('fails the test whose end the guest did not survive', async () => {
    const lines = [[], ['[   12.3] WARNING: CPU: 0 at net/core/dev.c:1']];
    const kernelLog: KernelLog = {
      mark: () => Promise.resolve(),
      since: () => Promise.resolve(lines.shift() ?? []),
    };
    expect(await outcome(passing, { iut: { kernelLog } })).to.include({ verdict: 'fail', class: 'guest-crash' });
  });

  it('skips what the driver does not advertise and what is not allowed', async () => {
    const reason = async (options: TestOptions, target: Partial<Target> = {}): Promise<string | undefined> =>
      (await outcome(passing, { options, target })).skip?.reason;
    expect(await reason({ gate: 'feature-of-tomorrow' })).to.equal('feature-of-tomorrow is not advertised');
    expect(await reason({ gate: 'feature-sg' })).to.equal(undefined);
    expect(await reason({ destructive: true }, { destructive: false })).to.contain('destructive');
  });

  it('gives no vif the handle of the shared one, however many there were', async () => {
    const { verdict } = await outcome(async (t) => {
      const shared = await t.connect();
      for (let n = 0; n < 120; n++) await t.unplug(await t.plug());
      await t.check('TXW-10', () => shared.ping());
    });
    expect(verdict).to.equal('pass');
  });

  describe('whose guest can not be told its address', () => {
    const iut = { configure: undefined, promised: new Set<never>() };
    const ping = async (t: BackendTest): Promise<void> => t.check('TXW-10', async () => (await t.connect()).ping());
    const options = { reflector: 'icmp' } as const;

    it('asks whoever answers all the same', async () => {
      const [session, test] = await records({ iut, options }, ping);
      expect((session as SessionRecord).facts).to.include({ reflectors: 'arp icmp tcp' });
      expect((test as TestRecord).verdict).to.equal('pass');
    });

    it('skips by name what nobody answers', async () => {
      const [session, test] = await records({ iut, options, planted: { backend: { accept: () => {} } } }, ping);
      expect((session as SessionRecord).facts).to.include({ reflectors: 'none' });
      expect((test as TestRecord).skip?.reason).to.contain('no answer to icmp');
    });
  });

  it('does not excuse a driver with the silence of a guest that was told its address', async () => {
    const planted = { backend: { accept: () => {} } };
    const { verdict } = await outcome(passing, { planted, options: { reflector: 'icmp' } });
    expect(verdict).to.equal('pass');
    const arp = async (t: BackendTest): Promise<void> => t.check('TXW-10', async () => void (await t.connect()));
    expect((await outcome(arp, { planted, options: { reflector: 'arp' } })).verdict).to.equal('fail');
  });

  it('skips what a test finds that it can not see', async () => {
    const { verdict, skip } = await outcome(async (t) => t.check('XB-10', () => t.skip('nothing to see')));
    expect({ verdict, skip }).to.deep.equal({
      verdict: 'skip',
      skip: { class: 'not-observed', reason: 'nothing to see' },
    });
  });

  it('blocks the others when no plain connection can be had', async () => {
    const planted = { backend: { tryConnect: () => Promise.resolve() } };
    const record = await outcome(passing, { planted });
    expect(record.verdict).to.equal('skip');
    expect(record.skip?.reason).to.equal('blocked by backend.xenbus.connect: no plain connection');
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
    const second = 'needs a second vif at the same time, which the target\'s "connection" and "limits" do not give';

    for (const connection of ['rebind', 'restart'] as const) {
      it(`makes each connection anew by ${connection}`, async () => {
        expect(await verdicts({ connection })).to.deep.equal(['pass', 'pass', 'pass', second]);
      });
    }

    it('keeps to the limit of a driver that takes new vifs', async () => {
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

    it('tests what a single connection can show', async () => {
      const only = 'the target has one connection only ("connection: once")';
      expect(await verdicts({ connection: 'once' })).to.deep.equal([only, 'pass', only, only]);
    });

    it('takes the tests first that need no connection of their own', async () => {
      const { test, tests } = backendChapter('sample');
      const ran: string[] = [];
      const body = (name: string) => () => Promise.resolve(void ran.push(name));
      test('own', 'x', { fresh: true }, body('own'));
      test('shared', 'x', body('shared'));
      await runTests(tests, { connection: 'once' });
      expect(ran).to.deep.equal(['shared', 'own']);
    });
  });

  it('is not complete when it was interrupted', async () => {
    const all = await records({ signal: AbortSignal.abort() }, passing);
    expect(all.at(-1)).to.include({ type: 'end', complete: false, reason: 'interrupted' });
  });
});
