/**
 * The layers of the code, lowest first: a file may import from its own layer and from those before it, types included.
 * docs/architecture.md explains them.
 */
const LAYERS = [
  ['harness/base', 'harness/bytes'],
  ['native'],
  ['harness/protocol', 'harness/packet', 'harness/ssh'],
  ['harness/remote'],
  ['harness/xen', 'harness/guest'],
  ['harness/peer'],
  ['harness/reference'],
  ['harness/run'],
  ['suites'],
  ['harness/explore'],
  ['harness/program-driver'],
  ['harness/module-driver', 'harness/validate'],
  ['harness/lab', 'harness/bench'],
  ['reports'],
  ['harness/cli', 'harness/api', 'harness/dev'],
];

/** Product code: tests and their fixtures may import whatever they test with. */
const PRODUCT = { pathNot: '\\.(test|fixture)\\.ts$' };

const inFolders = (folders) => `^(${folders.join('|')})/`;

module.exports = {
  forbidden: [
    ...LAYERS.slice(0, -1).map((folders, n) => ({
      name: `${folders.join(', ')} imports no layer above it`,
      severity: 'error',
      from: { path: inFolders(folders), ...PRODUCT },
      to: { path: inFolders(LAYERS.slice(n + 1).flat()) },
    })),
    {
      name: 'no import cycle, except the two of the reference drivers and their steps',
      severity: 'error',
      from: {
        path: '^(harness|suites|native|reports)/',
        pathNot:
          '^harness/reference/(backend|frontend|(backend|transmit|receive|control|frontend|frontend-control|frontend-packet)-steps)\\.ts$',
      },
      to: { circular: true },
    },
    {
      name: 'product code imports no test and no fixture',
      severity: 'error',
      // The contract of the port runs its tests in the lab, on the Xen that is there.
      from: { pathNot: [PRODUCT.pathNot, '^harness/lab/contract\\.ts$'] },
      to: { path: '\\.(test|fixture)\\.ts$' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(node_modules|dist)/' },
  },
};
