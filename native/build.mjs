// The install hook of `npm ci` and `npm install`: builds the addon, unless the package has one that fits. On a machine
// without a compiler it prints one line and the installation continues: everything that needs no Xen works. With
// NETIFSPEC_REQUIRE_NATIVE=1 that is a failure.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BUILT, compile, prebuilt } from './compile.mjs';

const say = (line) => process.stdout.write(`netifspec: ${line}\n`);

function fits(file) {
  try {
    createRequire(import.meta.url)(file);
    return true;
  } catch {
    return false;
  }
}

if (fits(prebuilt(process.arch))) {
  say('the native addon of the package fits this machine');
} else {
  const before = existsSync(BUILT);
  try {
    await compile({ out: BUILT });
    say('native addon built');
  } catch (error) {
    if (process.env.NETIFSPEC_REQUIRE_NATIVE) {
      say(`native addon NOT built, and NETIFSPEC_REQUIRE_NATIVE is set: ${error.message}`);
      process.exit(1);
    }
    const [why] = error.message.split('\n');
    say(
      before
        ? `native addon NOT rebuilt (${why}); the one that was built before stays in use`
        : `native addon NOT built (${why}); real Xen needs g++, then "npm run install"`,
    );
  }
}
