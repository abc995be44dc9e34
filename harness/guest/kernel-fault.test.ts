import { expect } from 'chai';
import { kernelFault } from './kernel-fault.js';

describe('kernelFault', () => {
  const faults = [
    '[   12.345678] WARNING: CPU: 1 PID: 55 at drivers/net/xen-netfront.c:123 xennet_poll+0x1/0x2 [xen_netfront]',
    '[   12.345678][  T123] BUG: unable to handle page fault for address: ffffc90000a7d000',
    '[   12.345678] kernel BUG at mm/slub.c:305!',
    '[   12.345678] general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1] SMP PTI',
    '[   12.345678] Oops: 0002 [#1] PREEMPT SMP NOPTI',
    '[   12.345678] Internal error: Oops: 0000000096000004 [#1] SMP',
    '[   12.345678] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008',
    '[   12.345678] Kernel panic - not syncing: Fatal exception in interrupt',
    'guest login: [   12.345678] BUG: KASAN: use-after-free in xennet_disconnect_backend+0x1/0x2',
    '<4>[   12.345678] WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2',
    'Kernel panic - not syncing: Attempted to kill init!',
    '[   12.345678] UBSAN: array-index-out-of-bounds in drivers/net/xen-netback/netback.c:1:2',
    '[   12.345678] WARNING: net/core/dev.c:123 at skb_warn+0x1/0x2, CPU#0: ksoftirqd/0/12',
    '[   12.345678] WARNING: possible circular locking dependency detected',
    'panic: kernel diagnostic assertion "m != NULL" failed: file "if_xennet_xenbus.c", line 700',
    'panic: bad backend state 7',
    'Fatal trap 12: page fault while in kernel mode',
    'kernel: page fault trap, code=0',
    'fatal page fault in supervisor mode',
    '[   1.2345678] panic: lock error',
    'Stopped at      db_enter+0x14:  popq    %rbp',
    'Stopped in pid 0.5 (system) at  netbsd:breakpoint+0x5:  leave',
    'panic[cpu0]/thread=fffffe0003a05c20: BAD TRAP: type=e (#pf Page fault)',
    '*** STOP: 0x000000D1 (0x0000000000000008,0x0000000000000002)',
    '(d5) XEN|BUGCHECK: ====>',
    '(XEN) d5v0 VIRIDIAN CRASH: d1 8 2 0 fffff8000aa1b2c3',
    'Page fault at linear address 0x20, rip 0xe704, regs 0x1f, sp 0x2, our_sp 0x3, code 0',
    'GPF rip: 0x1234, error_code=0',
    'BUG at netfront.c:823',
    '[    0.123456] CRIT: [libxennet] <netfront.c @  200> Assertion failure: rx_rsp->status > NETIF_RSP_NULL',
    '(XEN) Domain 5 (vcpu#0) crashed on cpu#1:',
    '(XEN) [2026-11-26 08:00:00] domain_crash called from p2m.c:1',
  ];
  for (const line of faults) {
    it(`detects: ${line.slice(0, 60)}`, () => {
      expect(kernelFault(['[    1.000000] fine', line, '[  999.000000] BUG: later'])?.line).to.equal(line);
    });
  }

  const stalls = [
    '[   12.345678] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [ksoftirqd/0:12]',
    '[  242.345678] INFO: task xenwatch:44 blocked for more than 120 seconds.',
    '[   12.345678] rcu: INFO: rcu_sched self-detected stall on CPU',
    '[   12.345678] NMI watchdog: Watchdog detected hard LOCKUP on cpu 0',
  ];
  for (const line of stalls) {
    it(`distinguishes from a crash: ${line.slice(0, 60)}`, () => {
      expect(kernelFault([line])).to.deep.equal({ kind: 'stall', line });
      expect(kernelFault([line, '[  999.000000] BUG: later'])).to.include({ kind: 'crash' });
    });
  }

  it('detects a crash by a pattern of the target file', () => {
    expect(kernelFault(['app: ABORT: 7'])).to.equal(undefined);
    expect(kernelFault(['app: ABORT: 7'], [/ABORT: \d/])).to.deep.equal({ kind: 'crash', line: 'app: ABORT: 7' });
  });

  it('removes control sequences from the line', () => {
    expect(kernelFault(['\u001b[31m[   12.345678] BUG: x\u001b[0m\r'])?.line).to.equal('[   12.345678] BUG: x');
  });

  it('ignores harmless lines', () => {
    const lines = [
      '[    1.000000] xen_netfront: Initialising Xen virtual ethernet driver',
      '[    1.000000] systemd[1]: WARNING: some unit is old',
      '[    1.000000] traps: node[12] general protection fault ip:1 sp:2 error:0',
      '[    1.000000] vif vif-0: BUGS: none',
      '[    1.000000] vif vif-0 eth0: DEBUG: x',
      'guest login: root',
      'WARNING: g.e. still in use! (19)',
      "[    1.000000] app: panic: it isn't the kernel's",
      '(XEN) Domain 5 was created',
      'Stopped at the request of root',
    ];
    expect(kernelFault(lines)).to.equal(undefined);
  });
});
