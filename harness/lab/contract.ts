/** The port's contract and the addon's own tests, on the Xen host that this program is started on. */
import Mocha from 'mocha';

const mocha = new Mocha({ timeout: 20_000, reporter: 'dot' });
mocha.suite.emit('pre-require', globalThis, '', mocha);
await Promise.all([
  import('../xen/contract.native.test.js'),
  import('../xen/native/native.test.js'),
  import('../../native/native.test.js'),
]);
if (mocha.suite.total() === 0) throw new Error('the contract has no test');
mocha.run((failures) => {
  process.exitCode = failures === 0 ? 0 : 1;
});
