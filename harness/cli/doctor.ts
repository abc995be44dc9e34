import { loadNative } from '../../native/index.js';
import { nativeProblems } from '../xen/native/index.js';
import { missingPackages } from '../lab/tools.js';

/** `netifspec doctor`: what this host can run. Answers 0: each thing that is missing only rules something out. */
export function doctorCommand(): Promise<number> {
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const tell = (what: string, problems: readonly string[]): void => {
    write(`${problems.length === 0 ? 'ok  ' : 'no  '} ${what}`);
    for (const problem of problems) write(`       ${problem}`);
  };
  const native = loadNative();
  tell('suites against the embedded reference drivers, on a simulated Xen', []);
  tell('native addon', 'unavailable' in native ? [native.unavailable] : []);
  tell('drivers on this Xen host', nativeProblems());
  tell(
    'lab: a real Xen in QEMU',
    missingPackages().map((name) => `missing package: ${name}`),
  );
  return Promise.resolve(0);
}
