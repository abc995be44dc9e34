import { stderr, stdout } from '../base/terminal.js';
import { benchHtml } from '../../reports/bench-html.js';
import { benchText } from '../../reports/bench.js';
import type { Figure } from '../bench/figure.js';
import { memory } from '../bench/memory.js';
import { frameRates, growths, type Growth, suiteTime } from '../bench/simulator.js';
import { startUp } from '../bench/start-up.js';
import { makeFolder } from './paths.js';
import { writeFiles } from './results.js';

/** `netifspec bench`: measurements that need no Xen. */
export async function benchCommand({ out }: { readonly out: string }): Promise<number> {
  makeFolder(out);
  const figures: Figure[] = [];
  for (const [what, measure] of Object.entries({ startUp, frameRates, suiteTime, memory })) {
    stderr.line(`netifspec: measuring ${what}`);
    figures.push(...(await measure()));
  }
  stderr.line('netifspec: measuring growth');
  writeBench(out, figures, await growths());
  return 0;
}

/** Prints the figures and writes bench.json and bench.html. */
export function writeBench(out: string, figures: readonly Figure[], grown: readonly Growth[]): void {
  stdout.line(benchText(figures).trimEnd());
  writeFiles(out, {
    'bench.json': `${JSON.stringify(figures, null, 2)}\n`,
    'bench.html': benchHtml(figures, grown),
  });
}
