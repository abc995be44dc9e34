/** The start-up time of the command line. */
import { spawnSync } from 'node:child_process';
import { MAIN } from '../base/root.js';
import { compare, type Figure } from './figure.js';

/** Milliseconds of `netifspec --help`, compared with an empty Node program. */
export async function startUp(): Promise<Figure[]> {
  const node = (...args: string[]): number => {
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`node ${args.join(' ')}: ${stderr}`);
    return performance.now() - started;
  };
  return [
    await compare({
      name: 'start-up: netifspec --help',
      unit: 'ms',
      rounds: 11,
      ours: () => node(MAIN, '--help'),
      yardstick: { name: 'node -e 0', measure: () => node('-e', '0') },
    }),
  ];
}
