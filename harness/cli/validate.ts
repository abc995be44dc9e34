import { validateHtml } from '../../reports/validate-html.js';
import { validateText } from '../../reports/validate.js';
import { runMatrix } from '../proof/matrix.js';
import { proofOf } from '../proof/proof.js';
import { makeFolder, writeFiles } from './results.js';

/** `netifspec validate`: prints and writes the proof that the suites can say no; answers 1 if it has a hole. */
export async function validateCommand({ out }: { readonly out: string }): Promise<number> {
  makeFolder(out);
  const proof = proofOf(await runMatrix());
  process.stdout.write(validateText(proof));
  writeFiles(out, { 'validate.json': `${JSON.stringify(proof, null, 2)}\n`, 'validate.html': validateHtml(proof) });
  return proof.holes.length > 0 ? 1 : 0;
}
