import { contract } from './contract/index.js';
import { nativeProblems, openNativeDomain } from './native/index.js';

const problems = nativeProblems();

if (problems.length === 0) {
  contract('native, one domain with itself', async () => {
    const a = await openNativeDomain();
    const b = await openNativeDomain();
    return {
      a,
      b,
      close: async () => {
        await a.close();
        await b.close();
      },
    };
  });
} else {
  describe('contract of the port: native', () => {
    it(`needs Xen: ${problems.join('; ')}`, function () {
      if (process.env.NETIFSPEC_REQUIRE_XEN === '1') throw new Error(problems.join('; '));
      this.skip();
    });
  });
}
