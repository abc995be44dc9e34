/** Attribution of failures: to the driver, or to harness, host, xenstored or lab. */
import { expect } from 'chai';
import type { KernelLog } from '../guest/kernel-log.js';
import { exitCode, groupSessions } from '../../reports/records.js';
import { Violation } from '../peer/violation.js';
import type { BackendVif } from '../reference/backend.js';
import { BACKEND_STEPS, type BackendSteps } from '../reference/backend-steps.js';
import { encodeRxResponse } from '../protocol/rx.js';
import { PAGE_SIZE, XenError } from '../xen/domain.js';
import { demanded, Expired } from '../xen/wait.js';
import { EnvironmentError, GuestCrashed, GuestGone } from './environment.js';
import type { Iut } from './iut.js';
import { type ResultRecord, type SessionRecord, testMessage, type TestRecord } from './record.js';
import type { BackendTest } from './suite.js';

import { checking, outcome, passing, records } from './session.fixture.js';

describe('a session', () => {
  it('holds a timeout against the driver, unless the harness did not run', async () => {
    const missed =
      (lagMs: number, lateMs = 0) =>
      (t: BackendTest) =>
        t.check('TXW-10', () => Promise.reject(new Expired('answer', 1000, lagMs, lateMs)));
    expect(await outcome(missed(0))).to.include({ verdict: 'fail', message: 'no answer within 1000 ms' });
    expect((await outcome(missed(900))).verdict).to.equal('error');
    expect((await outcome(missed(20, 700))).verdict).to.equal('error');
  });

  describe('whose driver misses an event that a requirement demands', () => {
    const wait = (by: string): Promise<void> => demanded([by], Promise.reject(new Expired('answer', 1000, 0)));
    const broken = ({ checks }: TestRecord): readonly string[] => checks.flatMap(({ requirements }) => requirements);

    it('counts it against the requirement outside of a check, where the rest of the test is not reached', async () => {
      const record = await outcome(async (t) => {
        await wait('RING-09');
        await t.check('RXW-05', () => undefined);
      }, checking('RXW-05'));
      expect(record).to.include({ verdict: 'fail', class: 'text', message: 'no answer within 1000 ms' });
      expect(broken(record)).to.deep.equal(['RING-09']);
      expect(record.unreached).to.deep.equal(['RXW-05']);
      expect(await outcome(() => wait('XB-14'))).to.include({ verdict: 'warn' });
    });

    it('counts it against the requirements of a check too, which becomes no stricter', async () => {
      const during = (id: string): Promise<TestRecord> => outcome((t) => t.check(id, () => wait('RING-09')));
      expect(broken(await during('TXW-10'))).to.deep.equal(['TXW-10', 'RING-09']);
      const good = await during('XB-14');
      expect(good).to.include({ verdict: 'warn' });
      expect(broken(good)).to.deep.equal(['XB-14']);
    });

    it('fails the set-up if the requirement is newer than the claimed version of the header', async () => {
      const record = await outcome(() => wait('CTRL-07'), { spec: '3f20b8def0' });
      expect(record).to.include({ verdict: 'fail', class: 'setup' });
    });
  });

  it('ends the run without blaming the driver if the guest cannot be reached', async () => {
    const iut = { alive: () => Promise.reject(new EnvironmentError('domain 1 is gone')) };
    const failing = (t: BackendTest): Promise<void> => t.check('TXW-10', () => expect.fail('no answer'));
    const [, first, second, end] = await records({ iut }, failing, passing);
    expect((first as TestRecord).verdict).to.equal('error');
    expect((first as TestRecord).checks.map((check) => check.verdict)).to.deep.equal(['error']);
    expect((second as TestRecord).skip).to.deep.equal({
      class: 'blocked',
      reason: 'the environment failed: domain 1 is gone',
    });
    expect(end).to.include({ complete: false, reason: 'domain 1 is gone' });
  });

  describe('whose guest becomes unreachable', () => {
    const gone = { alive: () => Promise.reject(new GuestGone('domain 1 is gone')) };
    const failing = (t: BackendTest): Promise<void> => t.check('TXW-10', () => expect.fail('no answer'));
    const verdicts = (all: readonly ResultRecord[]): string[] =>
      all.flatMap((record) => (record.type === 'test' ? [record.verdict] : []));

    it('re-creates the guest and continues', async () => {
      const all = await records({ iut: gone }, passing, failing, passing);
      expect(verdicts(all)).to.deep.equal(['pass', 'error', 'pass']);
      expect(all.at(-1)).to.include({ complete: true });
    });

    it('ends if the guest cannot be re-created', async () => {
      const recreate = (): Promise<void> => Promise.reject(new EnvironmentError('xl create failed'));
      const all = await records({ iut: { ...gone, recreate } }, failing, passing);
      expect(verdicts(all)).to.deep.equal(['error', 'skip']);
      expect(all.at(-1)).to.include({ complete: false, reason: 'xl create failed' });
    });

    it('ends if re-created guests are unreachable too', async () => {
      const all = await records({ iut: gone }, failing, failing, failing, failing, passing);
      expect(verdicts(all)).to.deep.equal(['error', 'error', 'error', 'error', 'skip']);
      expect(all.at(-1)).to.include({
        complete: false,
        reason:
          'the guest was lost 3 times in a row; check its console and its network, then run again with --last-failed',
      });
    });

    it('reports an error if the kernel log cannot be read any more', async () => {
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.reject(new Error('no SSH')),
      };
      const all = await records({ iut: { ...gone, kernelLog } }, passing, failing);
      expect(verdicts(all)).to.deep.equal(['error', 'error']);
      expect(all.at(-1)).to.include({ complete: true });
    });

    it('holds a crash against the driver if the guest cannot be re-created', async () => {
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.resolve(['[   12.3] BUG: unable to handle page fault']),
      };
      const iut = { ...gone, kernelLog, recreate: undefined as never };
      const all = await records({ iut }, failing, passing);
      expect(verdicts(all)).to.deep.equal(['fail', 'skip']);
    });

    it('holds a crash of its kernel against the driver too', async () => {
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.resolve(['[   12.3] BUG: unable to handle page fault']),
      };
      const record = await outcome(failing, { iut: { ...gone, kernelLog } });
      expect(record).to.include({ verdict: 'fail', class: 'guest-crash' });
    });
  });

  describe('whose guest crashes', () => {
    const crash = { alive: () => Promise.reject(new GuestCrashed('domain 1 has crashed')) };
    const failing = (t: BackendTest): Promise<void> => t.check('TXW-10', () => expect.fail('no answer'));
    const seen = (all: readonly ResultRecord[]): string[] =>
      all.flatMap((record) => (record.type === 'test' ? [record.class ?? record.skip?.reason ?? record.verdict] : []));
    const exit = (all: readonly ResultRecord[]): number => exitCode(groupSessions(all), { strict: false });

    it('fails the running test, and continues with another guest', async () => {
      const all = await records({ iut: crash }, passing, failing, passing);
      expect(seen(all)).to.deep.equal(['pass', 'guest-crash', 'pass']);
      expect(testMessage(all[2] as TestRecord)).to.equal(
        'domain 1 has crashed; possible consequence, seen before: no answer',
      );
      expect(exit(all)).to.equal(1);
    });

    it('continues after any number of crashes', async () => {
      const all = await records({ iut: crash }, ...Array.from({ length: 6 }, () => failing), passing);
      expect(seen(all).slice(4)).to.deep.equal(['guest-crash', 'guest-crash', 'pass']);
    });

    it('skips the remaining tests if the guest cannot be re-created', async () => {
      const since = 'blocked since backend.sample.test-0, the last test that passed: the guest was lost: ';
      const none = await records({ iut: { ...crash, recreate: undefined as never } }, passing, failing, passing);
      expect(seen(none).slice(1)).to.deep.equal([
        'guest-crash',
        `${since}no way to re-create the guest; set "config" in the target file to its xl configuration`,
      ]);
      expect(none.at(-1)).to.include({ complete: true });
      expect(exit(none)).to.equal(1);
      const recreate = (): Promise<void> => Promise.reject(new EnvironmentError('xl create failed'));
      const all = await records({ iut: { ...crash, recreate } }, passing, failing, passing);
      expect(seen(all).slice(1)).to.deep.equal(['guest-crash', `${since}xl create failed`]);
      expect(exit(all)).to.equal(1);
    });

    it('continues with a guest that still responds after a fault of its kernel', async () => {
      const lines = [['[   12.3] Oops: 0002 [#1] PREEMPT SMP NOPTI']];
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.resolve(lines.shift() ?? []),
      };
      let guests = 0;
      const recreate = (): Promise<void> => Promise.resolve(void guests++);
      expect(seen(await records({ iut: { kernelLog, recreate } }, passing, passing))).to.deep.equal([
        'guest-crash',
        'pass',
      ]);
      expect(guests).to.equal(1);
      lines.push(['[   12.3] Oops: 0002 [#1] PREEMPT SMP NOPTI']);
      const kept = await records({ iut: { kernelLog, recreate: undefined as never } }, passing, passing);
      expect(seen(kept)).to.deep.equal(['guest-crash', 'pass']);
    });

    it('fails a test if the guest dies at its end', async () => {
      const deaths = ['domain 1 is gone'];
      const all = await records({ iut: { died: () => Promise.resolve(deaths.shift()) } }, passing, passing);
      expect(seen(all)).to.deep.equal(['guest-crash', 'pass']);
      expect(testMessage(all[1] as TestRecord)).to.equal('domain 1 is gone');
    });

    it('fails a test that violated only a SHOULD', async () => {
      const warns = (t: BackendTest): Promise<void> => t.check('TXW-25', () => expect.fail('short'));
      expect(await outcome(warns, { iut: crash })).to.include({ verdict: 'fail', class: 'guest-crash' });
    });

    it('treats an exception of a driver module as a crash', async () => {
      let tries = 0;
      const planted = {
        backend: {
          tryConnect: (vif: BackendVif) =>
            ++tries === 2 ? Promise.reject(new XenError('ENOSPC', 'no page')) : BACKEND_STEPS.tryConnect(vif),
        },
      };
      const all = await records(
        { planted },
        async (t) => t.check('XB-10', async () => void (await t.fresh())),
        passing,
      );
      expect(seen(all)).to.deep.equal(['guest-crash', 'pass']);
      expect(testMessage(all[1] as TestRecord)).to.contain('the driver threw: XenError: no page');
    });

    for (const [answerMs, verdict] of [
      [10, 'fail'],
      [5000, 'error'],
    ] as const) {
      it(`reports ${verdict} if the kernel stalled and the guest responds after ${answerMs} ms`, async () => {
        const kernelLog: KernelLog = {
          mark: () => Promise.resolve(),
          since: () => Promise.resolve(['[   12.3] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:1]']),
        };
        const iut = { kernelLog, alive: () => Promise.resolve(answerMs) };
        expect((await outcome(passing, { iut })).verdict).to.equal(verdict);
      });
    }

    it('detects a crash by a pattern of the target file', async () => {
      const kernelLog: KernelLog = {
        mark: () => Promise.resolve(),
        since: () => Promise.resolve(['app: ABORT 7']),
      };
      expect((await outcome(passing, { iut: { kernelLog } })).verdict).to.equal('pass');
      const target = { crash: ['/ABORT \\d/'] };
      expect(await outcome(passing, { iut: { kernelLog }, target })).to.include({ class: 'guest-crash' });
    });
  });

  it('gives no warning while the environment is broken', async () => {
    const iut = { alive: () => Promise.reject(new EnvironmentError('xenstored does not respond')) };
    const record = await outcome((t) => t.check('TXW-25', () => expect.fail('short')), { iut });
    expect(record.verdict).to.equal('error');
    expect(record.checks.map(({ verdict }) => verdict)).to.deep.equal(['error']);
  });

  it('does not hold a timeout against a driver whose guest is too busy', async () => {
    const missed = (t: BackendTest) => t.check('TXW-10', () => Promise.reject(new Expired('answer', 1000, 0)));
    expect((await outcome(missed, { iut: { alive: () => Promise.resolve(200) } })).verdict).to.equal('fail');
    const busy = await outcome(missed, { iut: { alive: () => Promise.resolve(300) } });
    expect(busy.verdict).to.equal('error');
    expect(busy.message).to.contain('the guest needs 300 ms for any reply');
  });

  it('measures the load of a guest without commands by ARP', async () => {
    let late = false;
    const planted = {
      backend: {
        accept: ((vif, queue, packet) =>
          void vif.domain.clock.after(late ? 600 : 0, () => {
            if (vif.queues.includes(queue)) BACKEND_STEPS.accept(vif, queue, packet);
          })) satisfies BackendSteps['accept'],
      },
    };
    const missed = async (t: BackendTest): Promise<void> => {
      await t.connect();
      late = true;
      await t.check('TXW-10', () => Promise.reject(new Expired('answer', 1000, 0)));
    };
    const record = await outcome(missed, { planted, iut: { adapter: 'native' } });
    expect(record.message).to.match(/the guest needs 6\d\d ms for any reply/);
  });

  it('holds a violation in the very first packets against the driver, in each test that connects', async () => {
    const planted = {
      backend: {
        fill: ((_, { rx }, { id }, piece, flags) =>
          rx.put(
            encodeRxResponse({ id, offset: PAGE_SIZE - 1, flags, status: piece.length }),
          )) satisfies BackendSteps['fill'],
      },
    };
    const connects = async (t: BackendTest): Promise<void> => void (await t.connect());
    const all = await records({ planted, options: { reflector: 'arp' } }, connects, connects);
    const tests = all.filter((record) => record.type === 'test');
    expect(tests.map(({ verdict }) => verdict)).to.deep.equal(['fail', 'fail']);
    for (const { checks } of tests) expect(checks.map(({ requirements }) => requirements)).to.deep.equal([['RXW-07']]);
  });

  it('charges a violation that a peer detects in passing to its own requirements, not to those being checked', async () => {
    const record = await outcome((t) =>
      t.check(['XB-10', 'TXW-11'], () => {
        throw Object.assign(new Violation(['TXW-10'], 'a bad id'), { inPassing: true });
      }),
    );
    expect(record.checks).to.deep.equal([
      { requirements: ['TXW-10'], verdict: 'fail', failure: { observed: 'a bad id' } },
    ]);
    expect(record.unreached).to.deep.equal(['XB-10', 'TXW-11']);
  });

  it('charges a violation that a check runs into to the checked requirements as well', async () => {
    const record = await outcome((t) =>
      t.check('XB-10', () => Promise.reject(new Violation(['MQ-11'], 'tx-ring-ref: no such node'))),
    );
    expect(record.checks.map(({ requirements }) => requirements)).to.deep.equal([['XB-10', 'MQ-11']]);
    expect(record.unreached).to.equal(undefined);
  });

  it('charges a violation on the shared vif to the test in which it happens', async () => {
    const breaks = async (t: BackendTest): Promise<void> => {
      const vif = await t.connect();
      await t.check('XB-10', () => vif.ping());
      // As an event handler does while no caller waits.
      const { guard } = vif as unknown as { guard: (work: () => void) => void };
      guard(() => {
        throw new Violation(['TXW-10'], 'a bad id');
      });
    };
    const pings = async (t: BackendTest): Promise<void> => t.check('XB-10', async () => (await t.connect()).ping());
    const [, first, second] = await records({}, breaks, pings);
    expect(first).to.include({ verdict: 'fail', class: 'text' });
    expect((first as TestRecord).checks.map(({ requirements }) => requirements)).to.deep.equal([['XB-10'], ['TXW-10']]);
    expect(second).to.include({ verdict: 'pass' });
  });

  for (const [when, moment] of [
    ['before it is removed', 'now'],
    ['when it is removed', 'removal'],
  ] as const) {
    it(`charges a violation on a vif of the test, ${when}, to that test`, async () => {
      const breaks = async (t: BackendTest): Promise<void> => {
        const vif = await t.fresh();
        await t.check('XB-10', () => vif.ping());
        const { guard } = vif as unknown as { guard: (work: () => void) => void };
        const violate = (): void =>
          guard(() => {
            throw new Violation(['TXW-10'], 'a bad id');
          });
        if (moment === 'now') return violate();
        const rest = vif.rest.bind(vif);
        vif.rest = () => (violate(), rest());
      };
      const { verdict, checks } = await outcome(breaks);
      expect(verdict).to.equal('fail');
      expect(checks.map(({ requirements }) => requirements)).to.deep.equal([['XB-10'], ['TXW-10']]);
    });
  }

  describe('whose driver makes no plain connection after some test', () => {
    let dead = false;
    const planted = {
      backend: {
        tryConnect: (vif: BackendVif) => (dead ? Promise.resolve() : BACKEND_STEPS.tryConnect(vif)),
      },
    };
    const kills = async (t: BackendTest): Promise<void> => {
      dead = true;
      await t.fresh();
    };
    const verdicts = async (recreate: Iut['recreate'] | undefined): Promise<string[]> => {
      dead = false;
      const iut = { recreate: recreate as never };
      const all = await records({ planted, iut }, passing, kills, passing, passing);
      return all.flatMap((record) => (record.type === 'test' ? [record.skip?.reason ?? record.verdict] : []));
    };

    it('continues with another guest', async () => {
      const recreate = (): Promise<void> => Promise.resolve(void (dead = false));
      expect(await verdicts(recreate)).to.deep.equal(['pass', 'fail', 'pass', 'pass']);
    });

    it('continues with another guest if a test failed in a check', async () => {
      const recreate = (): Promise<void> => Promise.resolve(void (dead = false));
      const iut = { recreate: recreate as never };
      dead = false;
      const inCheck = (t: BackendTest): Promise<void> => t.check('ROB-01', () => kills(t));
      const connecting = (t: BackendTest): Promise<void> => t.check('XB-10', async () => void (await t.fresh()));
      const all = await records({ planted, iut }, passing, inCheck, connecting);
      expect(all.flatMap((record) => (record.type === 'test' ? [record.verdict] : []))).to.deep.equal([
        'pass',
        'fail',
        'pass',
      ]);
    });

    it('skips the remaining tests if that does not help', async () => {
      for (const recreate of [undefined, () => Promise.resolve()]) {
        const [first, second, third, fourth] = await verdicts(recreate);
        expect([first, second]).to.deep.equal(['pass', 'fail']);
        expect(third).to.match(
          /^blocked since backend\.sample\.test-0, the last test that passed: no plain connection: /,
        );
        expect(fourth).to.equal(third);
      }
    });
  });

  it('tries a plain connection again before it blocks tests', async () => {
    let first: BackendVif | undefined;
    const planted = {
      backend: {
        tryConnect: (vif: BackendVif) => (vif === (first ??= vif) ? Promise.resolve() : BACKEND_STEPS.tryConnect(vif)),
      },
    };
    const [session, test] = await records({ planted, iut: { recreate: undefined as never } }, passing);
    expect((session as SessionRecord).facts).to.include({ reflectors: 'not asked' });
    expect(test).to.include({ verdict: 'pass' });
  });

  it('fails the test that a driver prevents which makes no plain connection, if no test failed because of it', async () => {
    const planted = { backend: { tryConnect: () => Promise.resolve() } };
    const [, first, second] = await records({ planted, iut: { recreate: undefined as never } }, passing, passing);
    expect(first).to.include({ verdict: 'fail' });
    expect((first as TestRecord).checks.map(({ requirements }) => requirements)).to.deep.equal([['XB-10']]);
    expect(testMessage(first as TestRecord)).to.match(/^no plain connection: no state Connected of /);
    expect((second as TestRecord).skip).to.include({ class: 'blocked' });
  });

  it('stops an aborted test from doing anything more', async () => {
    const said: string[] = [];
    const zombie = async (t: BackendTest): Promise<void> => {
      const vif = await t.connect();
      await vif.context.patience.pass(270_000);
      for (const act of [
        async () => t.plug(),
        async () => t.connect(),
        () => t.check('TXW-10', () => undefined),
        async () => t.domain.store.write('/local', ''),
        () => vif.writeKeys({ state: '4' }),
      ]) {
        await act().catch((error: unknown) => said.push(String(error)));
      }
    };
    const waits = async (t: BackendTest): Promise<void> => {
      const vif = await t.connect();
      await t.check('TXW-10', () => vif.context.patience.pass(150_000));
    };
    const [, first, second] = await records({}, zombie, waits);
    expect(first).to.include({ verdict: 'error' });
    expect((first as TestRecord).checks).to.have.length(1);
    expect(second).to.include({ verdict: 'pass' });
    const over = 'Error: the test is over';
    expect(said).to.deep.equal([over, over, over, over, 'Error: the vif is closed']);
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

  it('fails the test at whose end the guest crashed', async () => {
    const lines = [[], ['[   12.3] WARNING: CPU: 0 at net/core/dev.c:1']];
    const kernelLog: KernelLog = {
      mark: () => Promise.resolve(),
      since: () => Promise.resolve(lines.shift() ?? []),
    };
    expect(await outcome(passing, { iut: { kernelLog } })).to.include({ verdict: 'fail', class: 'guest-crash' });
  });
});
