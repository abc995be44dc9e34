import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { FakeSshd } from '../ssh/fake-sshd.fixture.js';
import { openGuestShell } from './guest-shell.js';
import { targetSchema } from './target.js';

/** A stand-in for PowerShell, which prints the last line of its script and ends with status 3. */
const POWERSHELL = `#!/bin/sh
for last; do :; done
printf %s "$last" | base64 -d | tr -d '\\0' | tail -n 1
exit 3
`;

describe('the shell of a guest', () => {
  it('runs scripts with the command of the OS', async () => {
    const sshd = await FakeSshd.start();
    try {
      const powershell = sshd.write('powershell', POWERSHELL);
      chmodSync(powershell, 0o700);
      sshd.env['PATH'] = `${dirname(powershell)}:${process.env['PATH']}`;
      const target = { name: 'guest', role: 'frontend', domain: 1, os: 'windows', ssh: sshd.options };
      const shell = await openGuestShell(targetSchema.parse(target));
      expect(await shell?.run('first\nGet-NetAdapter')).to.include({ code: 3, stdout: 'Get-NetAdapter' });
      shell?.close();
    } finally {
      await sshd.stop();
    }
  });
});
