/** The port's contract and the addon's own tests, run on the local Xen host. */
import Mocha from 'mocha';

const mocha = new Mocha({ timeout: 20_000, reporter: 'dot' });
mocha.suite.emit('pre-require', globalThis, '', mocha);
await Promise.all([
  import('../xen/contract.native.test.js'),
  import('../xen/native/native.test.js'),
  import('../../native/native.test.js'),
]);
if (mocha.suite.total() === 0) throw new Error('no tests of the contract were found');
mocha.run((failures) => {
  process.exitCode = failures === 0 ? 0 : 1;
});
