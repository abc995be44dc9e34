import { stdout } from '../base/terminal.js';
import { validateHtml } from '../../reports/validate-html.js';
import { validateText } from '../../reports/validate.js';
import { runMatrix } from '../validate/matrix.js';
import { proofOf } from '../validate/proof.js';
import { makeFolder } from './paths.js';
import { ProgressLine } from './progress-line.js';
import { writeFiles } from './results.js';

/** `netifspec validate`: writes the proof that the tests can fail, and prints it. Returns 1 if it has a hole. */
export async function validateCommand({ out }: { readonly out: string }): Promise<number> {
  makeFolder(out);
  const progress = new ProgressLine(process.stderr, 'runs of a driver');
  const evidence = await runMatrix({ onProgress: (done, total) => progress.update(done, total) }).finally(() =>
    progress.end(),
  );
  const proof = proofOf(evidence);
  stdout.line(validateText(proof).trimEnd());
  writeFiles(out, { 'validate.json': `${JSON.stringify(proof, null, 2)}\n`, 'validate.html': validateHtml(proof) });
  return proof.holes.length > 0 ? 1 : 0;
}
