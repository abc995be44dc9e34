// Compiles the addon of the package for a machine: `node prebuild.mjs x64|arm64 FILE`. It needs glibc 2.34 and the C++
// library of GCC 11, or later ones, whatever this machine has.
import { readFileSync } from 'node:fs';
import { compile } from './compile.mjs';

const COMPILERS = { x64: 'x86_64-linux-gnu-g++', arm64: 'aarch64-linux-gnu-g++' };
const OLDEST = { GLIBC: [2, 34], GLIBCXX: [3, 4, 29] };

const [arch, out] = process.argv.slice(2);
await compile({
  out,
  compiler: COMPILERS[arch],
  flags: ['-O2', '-DNDEBUG', '-ffunction-sections', '-fdata-sections'],
  linked: ['-Wl,--gc-sections', '-s'],
});

const isNewer = (version, than) => {
  const at = version.findIndex((part, n) => part !== (than[n] ?? 0));
  return at >= 0 && version[at] > (than[at] ?? 0);
};
for (const [, library, version] of readFileSync(out, 'latin1').matchAll(/\b(GLIBC|GLIBCXX)_([\d.]+)\0/g)) {
  if (isNewer(version.split('.').map(Number), OLDEST[library])) {
    throw new Error(`the addon for ${arch} needs ${library} ${version}, newer than ${OLDEST[library].join('.')}`);
  }
}
