/** A guest whose shell returns arbitrary output: it may cause nothing but a result or an SshError. */
import { expect } from 'chai';
import fc from 'fast-check';
import { attackRuns, isSoak } from '../soak.fixture.js';
import { HeldShell } from '../ssh/held-shell.js';
import { parseFacts } from '../ssh/posix.js';
import { type ExecOptions, type ExecResult, type Ssh, SshError } from '../ssh/ssh.js';

/** A fake shell responds at once, so a short deadline is enough. */
const DEADLINE_MS = 2;

/** A placeholder for the end mark of the script's output, which a guest reads in the script. */
const MARK = 'MARK';
const piece = fc.oneof(
  fc.constantFrom(MARK, `\n${MARK} 0\n`, `\n${MARK} \n`, `\n${MARK} ${'9'.repeat(30)}\n`, '\n', ' ', 'kernel=6.1\n'),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const answer = fc.record({
  stdout: fc.array(piece, { maxLength: 6 }),
  stderr: fc.array(piece, { maxLength: 4 }),
  /** Whether both outputs end with the end mark. */
  whole: fc.boolean(),
  ends: fc.boolean(),
});
type Answer = typeof answer extends fc.Arbitrary<infer T> ? T : never;

/** An SSH connection to a guest that responds to each script in this way. */
function connectionTo({ stdout, stderr, whole, ends }: Answer): Ssh {
  const [end, endOfErrors] = whole ? [`\n${MARK} 0\n`, `\n${MARK} \n`] : ['', ''];
  const exec = (_: string, { stdin, onStdout, onStderr, signal }: ExecOptions): Promise<ExecResult> =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new SshError('closed', 'given up')));
      const say = (script: string): void => {
        const mark = /[0-9a-f]{32}/.exec(script)?.[0] ?? '';
        for (const text of [...stdout, end]) onStdout?.(Buffer.from(text.replaceAll(MARK, mark)));
        for (const text of [...stderr, endOfErrors]) onStderr?.(Buffer.from(text.replaceAll(MARK, mark)));
        if (ends) resolve({ code: 0, stdout: '', stderr: '' });
      };
      (stdin as NodeJS.ReadableStream).on('data', (script: Buffer) => {
        // Not while the script is still being sent.
        Promise.resolve(script.toString()).then(say).catch(reject);
      });
    });
  return { exec, renew: () => undefined } as Partial<Ssh> as Ssh;
}

describe('hostile drivers (guests)', function () {
  this.timeout(isSoak ? 0 : 20_000);

  it('cause nothing but a result or an SshError', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(answer, async (given) => {
        const shell = new HeldShell(connectionTo(given));
        try {
          const { code, stdout } = await shell.run('true', DEADLINE_MS);
          expect(code).to.be.within(0, 999);
          for (const value of Object.values(parseFacts(stdout))) expect(value).not.to.match(/[\0-\x1f\x7f]/);
          seen.add('answer');
        } catch (error) {
          expect(error).to.be.instanceOf(SshError);
          seen.add((error as SshError).kind);
        } finally {
          shell.close();
        }
      }),
      attackRuns(200),
    );
    expect([...seen]).to.have.members(['answer', 'closed', 'deadline']);
  });
});
