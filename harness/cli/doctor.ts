import { loadNative } from '../../native/index.js';
import { missingPackages } from '../lab/tools.js';
import { hindrances } from '../xen/native/hindrances.js';
import { nativeProblems } from '../xen/native/index.js';
import { onXen } from '../xen/native/problems.js';

export interface DoctorOptions {
  readonly on?: string;
  readonly identity?: string;
  readonly knownHosts?: string;
  readonly node?: string;
}

/** `netifspec doctor`: what a host can run. Answers 0: each thing that is missing only rules something out. */
export async function doctorCommand({ on, ...options }: DoctorOptions): Promise<number> {
  if (on !== undefined) {
    const { doctorThere } = await import('./doctor-there.js');
    return doctorThere(on, options);
  }
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const tell = (word: string, what: string, sentences: readonly string[]): void => {
    write(`${sentences.length === 0 ? 'ok  ' : word} ${what}`);
    for (const sentence of sentences) write(`       ${sentence}`);
  };
  const native = loadNative();
  tell('no  ', 'suites against the embedded reference drivers, on a simulated Xen', []);
  tell('no  ', 'native addon', 'unavailable' in native ? [native.unavailable] : []);
  tell('no  ', 'drivers on this Xen host', nativeProblems());
  if (onXen() !== false) tell('note', 'nothing here gets in the way of vifs', hindrances());
  tell(
    'no  ',
    'lab: a real Xen in QEMU',
    missingPackages().map((name) => `missing package: ${name}`),
  );
  return 0;
}
