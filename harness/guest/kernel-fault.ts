/** Messages on a guest's console that report a fault of its kernel. */
import { printableLine } from '../base/text.js';

/**
 * `crash`: the kernel has a bug or is dead. `stall`: it waited for a long time, because of a driver that hangs or of a
 * host that did not run it.
 */
export interface KernelFault {
  readonly kind: 'crash' | 'stall';
  readonly line: string;
}

// Where a kernel message starts: at the start of the line or after a time stamp (a login prompt may precede it on the
// same line), then optionally a caller and the prefix of a subsystem. Anywhere else a program quotes it.
const START =
  /(?:^|\[ *\d+\.\d{6,7}\])\s*(?:\[[^\]]{0,40}\]\s*)*(?:(?:(?:NMI )?watchdog|rcu|kernel|Internal error|xen[\w-]*|\w+_t): )?/;

const STALLS = [
  'BUG: (?:soft|workqueue) lockup\\b',
  'Watchdog detected hard LOCKUP\\b',
  'INFO: task .{1,80} blocked for more than ',
  'INFO: rcu_\\w+ .{0,40}detected ',
];

const CRASHES = [
  // Linux. A "WARNING: " in another form does not come from the kernel's own checks.
  'WARNING: (?:CPU: \\d+ |(?:\\[.{0,200}\\] )?\\S+:\\d+ at \\S|(?:possible|suspicious|inconsistent|bad unlock|nested lock|lock held) )',
  'BUG: ',
  'kernel BUG at ',
  'Oops\\b',
  'Kernel panic\\b',
  '[Gg]eneral protection fault, ',
  'general protection fault: ',
  '[Uu]nable to handle ',
  'invalid opcode: ',
  'divide error: ',
  'double fault: ',
  'UBSAN: ',
  'INFO: possible ',
  // FreeBSD, NetBSD and OpenBSD.
  'panic: ',
  'Fatal trap \\d+: ',
  'Fatal double fault\\b',
  'fatal .{1,60} in supervisor mode\\b',
  'kernel: .{1,40} trap, code=',
  'uvm_fault\\(',
  // Their debugger, whose prompt ends no line.
  'Stopped (?:in pid .{1,60} )?at +\\S+:',
  // illumos.
  'panic\\[cpu\\d+\\]',
  'BAD TRAP: ',
  // Windows, on a serial console and as the drivers of the Xen project log it.
  '\\*\\*\\* STOP: 0x',
  '(?:\\(d\\d+\\) )?XEN\\|BUGCHECK: ',
  // Mini-OS.
  'Page fault at linear address ',
  'GPF rip: ',
  'FATAL: +Unhandled Trap ',
  'BUG at \\S+:\\d+',
  'ASSERTION FAILED: ',
  // Unikraft.
  'CRIT: ',
  'Assertion failure: ',
  // Xen, if the console log is that of the hypervisor.
  '\\(XEN\\) .{0,60}(?:domain_crash called from |Domain \\d+ \\(vcpu#\\d+\\) crashed\\b|VIRIDIAN CRASH: )',
];

const startingWith = (phrases: readonly string[]): RegExp => new RegExp(`${START.source}(?:${phrases.join('|')})`);
const CRASH = startingWith(CRASHES);
const STALL = startingWith(STALLS);

/**
 * The first line that reports a crash of the kernel, or else the first that reports a stall.
 *
 * @param more additional patterns of a crash, anywhere in a line
 */
export function kernelFault(lines: readonly string[], more: readonly RegExp[] = []): KernelFault | undefined {
  const shown = lines.map((line) => printableLine(line));
  const stall = shown.find((line) => STALL.test(line));
  const crash = shown.find(
    (line) => more.some((pattern) => pattern.test(line)) || (CRASH.test(line) && !STALL.test(line)),
  );
  if (crash !== undefined) return { kind: 'crash', line: crash };
  return stall === undefined ? undefined : { kind: 'stall', line: stall };
}
