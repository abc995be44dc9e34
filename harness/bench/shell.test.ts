import { expect } from 'chai';
import { Shell } from './shell.js';

describe('shell', function () {
  this.timeout(10_000);
  let shell: Shell;
  beforeEach(() => (shell = new Shell()));
  afterEach(() => shell.close());

  const failure = async (work: Promise<unknown>): Promise<string> => {
    const error: unknown = await work.catch((cause: unknown) => cause);
    return error instanceof Error ? error.message : 'none';
  };

  it('runs commands one after the other, with their words unchanged, and returns the first line of each', async () => {
    const [one, two] = [shell.start(['printf', '%s\n', 'a  b', '$c']), shell.start(['echo', 'after'])];
    expect(await one.first).to.equal('a  b');
    expect(await two.lines).to.deep.equal(['after']);
    expect(await one.lines).to.deep.equal(['a  b', '$c']);
  });

  it('recognizes the end of a command that does not end its last line', async () => {
    expect(await shell.start(['printf', 'half']).lines).to.deep.equal(['half']);
  });

  it('rejects for a command that fails, also the first line, and continues', async () => {
    expect(await failure(shell.start(['sh', '-c', 'echo why; exit 7']).lines)).to.match(/exit code 7: why$/);
    expect(await failure(shell.start(['false']).first)).to.match(/^false: exit code 1/);
    expect(await shell.start(['echo', 'still there']).lines).to.deep.equal(['still there']);
  });

  it('rejects commands after it has ended', async () => {
    shell.close();
    expect(await failure(shell.start(['sleep', '5']).lines)).to.match(/the shell has ended/);
  });
});
