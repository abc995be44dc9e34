/** Mutation testing of the reference drivers by the suites: `npm run mutate`. */
export default {
  plugins: ['./dist/harness/dev/mutation/runner.js'],
  testRunner: 'suites',
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  ignorers: ['messages'],
  mutate: [
    'harness/reference/*.ts',
    // The malicious drivers, the variants and the program are not the reference drivers.
    '!harness/reference/{endless,fault-injector,odd-frames,program,rogue,variants}.ts',
    '!harness/reference/*.test.ts',
  ],
  ignorePatterns: ['dist', 'results', 'docs', 'native/build', 'coverage'],
  disableTypeChecks: false,
  buildCommand: 'tsc -p . --noCheck',
  concurrency: 2,
  timeoutMS: 120000,
  incremental: true,
  incrementalFile: 'results/mutation/incremental.json',
  tempDirName: 'results/mutation/sandbox',
  reporters: ['progress-append-only', 'clear-text', 'json', 'html'],
  clearTextReporter: { reportTests: false, allowColor: false },
  jsonReporter: { fileName: 'results/mutation/mutation.json' },
  htmlReporter: { fileName: 'results/mutation/mutation.html' },
  thresholds: { high: 95, low: 90, break: null },
};
