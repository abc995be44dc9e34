import { expect } from 'chai';
import { UsageError } from '../base/errors.js';
import { LabError } from '../lab/error.js';
import { RemoteError } from '../remote/error.js';
import { EnvironmentError, GuestGone } from '../run/environment.js';
import { YamlFileError } from '../run/yaml-file-error.js';
import { SshError } from '../ssh/ssh-error.js';
import { PageError, XenError } from '../xen/domain.js';
import { fail } from './exit.js';

/** The output of `fail`, and the exit code that it returns. */
function failure(error: unknown): { code: number; text: string } {
  const write = process.stderr.write.bind(process.stderr);
  let text = '';
  process.stderr.write = (chunk) => ((text += String(chunk)), true);
  try {
    return { code: fail(error), text };
  } finally {
    process.stderr.write = write;
  }
}

describe('a command that fails', () => {
  it('exits with 2 for wrong usage or an invalid file, without a stack', () => {
    for (const error of [new UsageError('wrong'), new YamlFileError('wrong'), new RemoteError(2, 'wrong')]) {
      expect(failure(error), error.name).to.deep.equal({ code: 2, text: 'netifspec: wrong\n' });
    }
  });

  it('exits with 3 for a failure of the environment, without a stack', () => {
    const errors = [
      new EnvironmentError('gone'),
      new GuestGone('gone'),
      new LabError('gone'),
      new SshError('closed', 'gone'),
      new PageError('gone'),
      new RemoteError(3, 'gone'),
      new DOMException('gone', 'AbortError'),
    ];
    for (const error of errors) {
      expect(failure(error), error.name).to.deep.equal({ code: 3, text: 'netifspec: gone\n' });
    }
    expect(failure(new XenError('ENOSPC', 'no grant')).code).to.equal(3);
  });

  it('prints the hint', () => {
    const error = new EnvironmentError('no domain x', { hint: 'start it' });
    expect(failure(error).text).to.equal('netifspec: no domain x; start it\n');
  });

  it('prints the stack of a bug', () => {
    const { code, text } = failure(new TypeError('oops'));
    expect(code).to.equal(3);
    expect(text).to.match(/^netifspec: oops\nTypeError: oops\n +at /);
  });
});
