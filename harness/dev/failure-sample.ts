/**
 * A failure as a run reports it, for the pages that explain one: of a reference driver that writes a GNTST into a
 * response.
 */
import { Writable } from 'node:stream';
import { DEFECTS } from '../reference/defects/index.js';
import { describe } from '../cli/results.js';
import type { ResultRecord } from '../run/record.js';
import { runSession } from '../run/session.js';
import { CATALOGUE } from '../../suites/catalogue.js';
import { referenceDriver } from '../run/reference-driver.js';
import { openSimulatedIut } from '../run/simulated-iut.js';
import { simulatedSession } from '../run/simulated-session.js';
import type { TraceStep } from '../xen/traced.js';
import { TerminalReporter } from '../../reports/terminal.js';

const TEST = 'backend.receive.bad-ref';
const DEFECT = 'backend.receive.raw-status';
const TARGET = 'my-netback';
const COMMAND = ['netifspec', 'run', '--target', `${TARGET}.yaml`];
/** Steps of the trace that are kept; the last one is the wrong response. A real report has more. */
const STEPS = { page: 5, picture: 14 };

/** The pages with the sample, and whether each also shows the trace. */
export const SAMPLE_PAGES: Readonly<Record<string, { readonly trace: boolean }>> = {
  'README.md': { trace: false },
  'docs/reading-a-report.md': { trace: true },
};

/** The records of a run of the failing test and of `others`, for a target `my-netback`. */
export async function sampleRecords(
  others: readonly string[] = [],
  steps: keyof typeof STEPS = 'page',
): Promise<ResultRecord[]> {
  const defect = DEFECTS.find(({ id }) => id === DEFECT);
  const tests = CATALOGUE.tests.filter(({ id }) => id === TEST || others.includes(id));
  if (!defect || tests.length !== others.length + 1)
    throw new Error(`the sample needs ${[TEST, DEFECT, ...others].join(', ')}`);
  const records: ResultRecord[] = [];
  await runSession(
    simulatedSession('backend', CATALOGUE, {
      open: () => openSimulatedIut('backend', 1, referenceDriver(defect)),
      tests,
      command: COMMAND,
      onRecord: (record) => records.push(asShown(record, STEPS[steps])),
    }),
  );
  return records;
}

function asShown(record: ResultRecord, steps: number): ResultRecord {
  if (record.type === 'end') return { ...record, target: TARGET };
  if (record.type === 'test') return { ...record, target: TARGET, trace: excerpt(record.trace, steps) };
  const session = { ...record, target: TARGET, adapter: 'native' as const };
  // A real host has no such value.
  delete (session as { seed?: number }).seed;
  return session;
}

function excerpt(trace: readonly TraceStep[] = [], steps: number): TraceStep[] {
  const end = trace.findIndex(({ what }) => what.includes('status -3')) + 1;
  return trace.slice(Math.max(0, end - steps), end);
}

/** The terminal output for that failure. */
export function sampleText(records: readonly ResultRecord[], { trace }: { readonly trace: boolean }): string {
  let text = '';
  const out = new Writable({ write: (chunk, _, done) => done(void (text += String(chunk))) });
  const reporter = new TerminalReporter(out, { tty: false, color: false, describe });
  for (const record of records) reporter.record(trace || record.type !== 'test' ? record : { ...record, trace: [] });
  return text.slice(text.indexOf('FAIL'), text.indexOf('backend/receive  '));
}

/** A page with its sample replaced by `sample`: the block that begins with the line of a failure. */
export function withSample(page: string, sample: string): string {
  return page.replace(/^```\nFAIL [^]*?^```$/m, () => `\`\`\`\n${sample}\`\`\``);
}
