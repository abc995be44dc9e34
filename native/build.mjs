// The install hook of `npm ci` and `npm install`: builds the addon. On a machine without a compiler it prints one line
// and the installation continues: everything that needs no Xen works. With NETIFSPEC_REQUIRE_NATIVE=1 that is a
// failure. Nothing is downloaded: the headers come from the installation of the running Node.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = dirname(fileURLToPath(import.meta.url));
const addon = join(native, 'build/Release/netifspec_native.node');
const say = (line) => process.stdout.write(`netifspec: ${line}\n`);

/** The prefix of the running Node, if it has the headers of this version. */
function headers() {
  const prefix = dirname(dirname(process.execPath));
  const file = join(prefix, 'include/node/node_version.h');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const numbers = process.versions.node.split('.');
  const same = ['MAJOR', 'MINOR', 'PATCH'].every((part, i) =>
    new RegExp(`NODE_${part}_VERSION ${numbers[i]}\\b`).test(text),
  );
  return same ? prefix : undefined;
}

/** npm passes its own node-gyp to scripts; outside npm, look next to the running Node and in PATH. */
function nodeGyp() {
  const bundled = join(
    dirname(dirname(process.execPath)),
    'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js',
  );
  const script = [process.env.npm_config_node_gyp, bundled].find((path) => path && existsSync(path));
  return script ? [process.execPath, script] : ['node-gyp'];
}

const nodedir = process.env.npm_config_nodedir ?? headers();
const [command, ...first] = nodeGyp();
// Not `rebuild`: it would delete a working addon before it finds that there is no compiler.
const args = [...first, 'configure', 'build', '-C', native, '--release', '-j', 'max', '--loglevel=warn'];
const before = existsSync(addon);
const result = nodedir
  ? spawnSync(command, [...args, `--nodedir=${nodedir}`], { encoding: 'utf8' })
  : {
      status: 1,
      stdout: '',
      stderr: `gyp ERR! stack Error: no headers of Node ${process.versions.node} next to it; set npm_config_nodedir`,
    };

if (result.status === 0 && existsSync(addon)) {
  say('native addon built');
} else {
  const log = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}`;
  if (process.env.NETIFSPEC_REQUIRE_NATIVE) {
    process.stderr.write(`${log}\n`);
    say('native addon NOT built, and NETIFSPEC_REQUIRE_NATIVE is set');
    process.exit(1);
  }
  const why = /gyp ERR! stack Error: (.*)/.exec(log)?.[1] ?? String(result.error ?? `exit ${result.status}`);
  say(
    before
      ? `native addon NOT rebuilt (${why}); the one that was built before stays in use`
      : `native addon NOT built (${why}); real Xen needs python3, make and g++, then "npm run install"`,
  );
}
