import { contract } from './contract/index.js';
import { Hypervisor } from './simulated/index.js';

for (const [idA, idB, seed] of [
  [0, 0, 1],
  [0, 5, 2],
  [5, 0, 3],
  [5, 7, 4],
] as const) {
  contract(`simulated, domains ${idA} and ${idB}`, () => {
    const hypervisor = new Hypervisor({ seed });
    const a = hypervisor.domain(idA);
    const b = hypervisor.domain(idB);
    return Promise.resolve({
      a,
      b,
      close: async () => {
        await a.close();
        await b.close();
      },
    });
  });
}
