#!/usr/bin/env node
/** Defines the commands and options of the command line; the modules that the commands load do the work. */
import { Command, CommanderError, Option } from 'commander';
import { stdout } from '../base/terminal.js';
import { ARCHITECTURES, X86_64 } from '../lab/architecture.js';
import { RELEASES } from '../lab/release.js';
import { version } from '../base/root.js';
import { collect, refuseWords, whole } from './arguments.js';
import type { DoctorOptions } from './options.js';
import { UsageError } from '../base/errors.js';
import { fail } from './exit.js';
import type { ExploreCommandOptions } from './explore.js';
import type { LabBenchOptions } from './lab-bench.js';
import type { LabExploreOptions, LabRunOptions, LabUpOptions } from './lab.js';
import type { ListOptions } from './list.js';
import { watchOutput } from './output.js';
import { explained } from './paths.js';
import type { DiffOptions, HistoryOptions, MarkdownCommandOptions, MergeOptions, RenderOptions } from './report.js';
import type { RunOptions } from './options.js';

// Stack traces refer to the TypeScript sources; the source maps are read only for a stack.
process.setSourceMapsEnabled(true);
watchOutput();

const program = new Command('netifspec')
  .description('Conformance tests for Xen netfront and netback drivers, against the protocol of netif.h.')
  .version(version)
  .configureOutput({
    // Prints one line, like all other usage errors.
    outputError: (text, write) =>
      write(
        `netifspec: ${text
          .trim()
          .replace(/^error: /, '')
          .replace(/\s*\n\s*/g, ' ')
          .replace(/^(?:required|missing) .*$/, '$&; --help shows what the command needs')}\n`,
      ),
  })
  .showHelpAfterError(false)
  .enablePositionalOptions()
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  netifspec run                                     both reference drivers, on a simulated Xen
  netifspec run --test 'backend.transmit.*'         the tests of one chapter
  netifspec init my-driver.yaml --role backend      a new target file, to be filled in
  netifspec run --target my-driver.yaml             a driver on this Xen host
  netifspec run --on root@labhost --target my.yaml  a driver on another Xen host
  netifspec lab run                                 Linux's drivers, on a real Xen in QEMU
  netifspec report diff results.old results         what is worse than in an earlier run

Exit codes: 0 results as expected, 1 results not as expected, 2 usage or target file error, 3 environment failure.`,
  );

const profile = (): Option =>
  new Option('--junit-profile <name>', 'JUnit dialect: rich (with requirements) or strict (schema of Jenkins)')
    .choices(['rich', 'strict'])
    .default('rich');

const reporting = (command: Command): Command =>
  command
    .addOption(profile())
    .option('--verbose', 'print a line for every test, and every failure in full')
    .addOption(
      new Option('--trace <which>', 'which tests keep their traces and captures')
        .choices(['failed', 'all'])
        .default('failed'),
    )
    .option('--update-expectations', 'write a draft of expectations for the failures, next to the results');

const selecting = (command: Command): Command =>
  command
    .option('--role <role>', 'only tests of this role: frontend or backend')
    .option('--test <id>', "only tests with this id; * matches anything, '!id' excludes; may be repeated", collect)
    .option('--spec <version>', 'apply an older netif.h, given by its commit (any other value lists all versions)')
    .option('--shard <i/n>', 'one of n parts of these tests, for several machines; join them with "report merge"')
    .option('--times <dir>', 'balance --shard by the durations of an earlier run');

const judging = (command: Command): Command => command.option('--strict', 'count a violated SHOULD as a failure');

/** Adds the options of commands that can omit tests because of earlier results. */
const stopping = (command: Command): Command =>
  command
    .option('--last-failed', 'only tests that failed in the results in --out, which are replaced')
    .option('--max-failures <n>', 'stop after n failures of a run (exit code 1)', whole('--max-failures', 1))
    .addOption(new Option('-x', 'the same as --max-failures 1').implies({ maxFailures: 1 }));

/** Adds the options of commands that run tests. */
const running = (command: Command): Command =>
  stopping(
    judging(selecting(command).option('--slow', 'repeat race tests 10,000 times, and run tests that wait for minutes')),
  );

/** Rejects options for a host that would be ignored without --on. */
const needsHost = (command: Command): void => {
  const { on, identity, knownHosts, node } = command.opts<DoctorOptions>();
  if (on === undefined && (identity ?? knownHosts ?? node) !== undefined) {
    throw new UsageError('--identity, --known-hosts and --node have no effect without --on');
  }
};
const onHost = (command: Command): Command =>
  command
    .hook('preAction', needsHost)
    .option('--on <host>', 'use this host over SSH: [user@]host[:port]')
    .option('--identity <file>', 'private key for --on (default: id_ed25519 or id_rsa in ~/.ssh, or the SSH agent)')
    .option('--known-hosts <file>', 'known_hosts file for --on (default: ~/.ssh/known_hosts)')
    .option('--node <file>', "Node to copy to the host of --on (default: the host's own, else this one)");

onHost(reporting(running(program.command('run').description('run the tests and write the results'))))
  .option('--target <file>', 'target file of the driver under test; may be repeated', collect)
  .option('--iut <file>', 'test a driver on the simulated Xen: a module for Node or a program; needs --role')
  .option('--out <dir>', 'folder for the results', 'results')
  .option('--seed <n>', 'event order on the simulated Xen', whole('--seed', 0), 1)
  .option('--seeds <n>', 'run with the seeds 1 to n and list the verdicts that differ', whole('--seeds', 1))
  .addOption(new Option('--reporter <kind>', 'what stdout shows').choices(['terminal', 'json']).default('terminal'))
  .addOption(new Option('--stream', 'write only records, to stdout (used by --on)').hideHelp())
  .option('--keep', 'after a failed test, keep vifs and guest and wait for Ctrl-C')
  .allowExcessArguments()
  .action(async (options: RunOptions, { args }: Command) => {
    refuseWords('run', args);
    const { runCommand } = await import('./run.js');
    process.exitCode = await runCommand(options);
  });

program
  .command('reference <role>', { hidden: true })
  .description('run the reference driver in this domain of a real Xen, until stdin ends')
  .option('--rogue <seed>', 'attack the peers', whole('--rogue', 0))
  .action(async (role: string, { rogue }: { rogue?: number }) => {
    const { roleOf } = await import('./select.js');
    const { openNativeDomain } = await import('../xen/native/index.js');
    const { runReference } = await import('../reference/program.js');
    const domain = await openNativeDomain();
    try {
      await runReference(roleOf(role), domain, process.stdin, (line) => stdout.line(line), rogue);
    } finally {
      // After a failure, an open stdin would keep the process alive.
      process.stdin.destroy();
    }
  });

selecting(program.command('list').description('list requirements and tests (default: counts by prefix)'))
  .option('--requirements', 'list each requirement, with the number of its tests')
  .option('--tests', 'list each test, with what it needs')
  .option('--json', 'print all details of the requirements, or of the tests, as JSON')
  .action(async (options: ListOptions) => {
    const { listCommand } = await import('./list.js');
    listCommand(options);
  });

program
  .command('validate')
  .description('prove the tests: run them against drivers with deliberate defects and against legal drivers')
  .option('--out <dir>', 'folder for validate.json and validate.html', 'results/validate')
  .addHelpText(
    'after',
    `
On the simulated Xen, every test must pass on the reference driver and be failed by at least one defect. Every defect
must be caught by a check of the requirement that it breaks, and leave 80 % of the others intact. Every requirement must
be broken by a defect, for each role that it binds, or be listed as unprovable with a reason. No test may fail a legal
driver. Each exception is a hole; one hole is enough for exit code 1. The table counts, by chapter:

  tests      all tests                    can-fail   tests that a defect fails
  pass       on the reference driver      real-bugs  defects that mirror a bug of a real driver`,
  )
  .action(async (options: { out: string }) => {
    const { validateCommand } = await import('./validate.js');
    process.exitCode = await validateCommand(options);
  });

const exploring = (command: Command): Command =>
  judging(command)
    .option('--minutes <n>', 'time for each target (default: 1 minute)', whole('--minutes', 1))
    .option('--runs <n>', 'number of sequences for each target', whole('--runs', 1))
    .option('--seed <n>', 'seed of the sequences, and of the event order on the simulated Xen', whole('--seed', 0), 1)
    .option('--pairs', 'cover every pair of option values, one short connection each, instead of random sequences')
    .option('--strength <n>', 'with --pairs: every combination of n values (default: 2)', whole('--strength', 2))
    .option('--replay <file>', 'run one sequence again, from the folder "sequences" of an earlier exploration');

onHost(exploring(program.command('explore').description('run random sequences of steps, and shorten those that fail')))
  .option('--role <role>', 'only the reference driver of this role: frontend or backend')
  .option('--target <file>', 'target file of the driver under test; may be repeated', collect)
  .option('--iut <file>', 'explore a driver on the simulated Xen: a module for Node or a program; needs --role')
  .option('--out <dir>', 'folder for the results', 'results/explore')
  .addOption(new Option('--stream', 'write only records, to stdout (used by --on)').hideHelp())
  .addOption(new Option('--sequence <json>', 'the text of a file for --replay (used by --on)').hideHelp())
  .action(async (options: ExploreCommandOptions) => {
    const { exploreCommand } = await import('./explore.js');
    process.exitCode = await exploreCommand(options);
  });

program
  .command('bench')
  .description('measure netifspec itself: start-up, the simulator, memory')
  .option('--out <dir>', 'folder for bench.json and bench.html', 'results/bench')
  .action(async (options: { out: string }) => {
    const { benchCommand } = await import('./bench.js');
    process.exitCode = await benchCommand(options);
  });

program
  .command('init <file>')
  .description('write a new target file in which each key is explained')
  .requiredOption('--role <role>', 'end of the vif that is under test: frontend or backend')
  .action(async (file: string, options: { role: string }) => {
    const { initCommand } = await import('./init.js');
    initCommand(file, options);
  });

program
  .command('schema')
  .description('print the JSON Schema of target files, for editors')
  .action(async () => {
    const { schemaCommand } = await import('./init.js');
    schemaCommand();
  });

const report = program
  .command('report')
  .description('make reports from the records of finished runs')
  .addHelpText(
    'after',
    `
A DIR holds results.jsonl, or subfolders that do ("netifspec lab run" makes one for each target).
Exit codes: diff ends with 0 if nothing is worse and with 1 if something is. merge uses the exit codes of run, and 3 if
a DIR has no results. The others end with 0, whatever the results are.`,
  );
judging(report.command('merge <dirs...>').description('merge several runs: shards of a target, or targets'))
  .requiredOption('--out <dir>', 'folder for the results')
  .addOption(profile())
  .action(async (folders: string[], options: MergeOptions) => {
    const { mergeCommand } = await import('./report.js');
    process.exitCode = await mergeCommand(folders, options);
  });
const toFile = (command: Command): Command =>
  judging(command).option('--out <file>', 'file to write (default: stdout)');
toFile(report.command('diff <old> <new>').description('list changed results, worst first'))
  .addOption(
    new Option('--format <name>', 'format of the list').choices(['text', 'markdown', 'html', 'json']).default('text'),
  )
  .action(async (before: string, now: string, options: DiffOptions) => {
    const { diffCommand } = await import('./report.js');
    process.exitCode = await diffCommand(before, now, options);
  });
for (const [format, what] of [
  ['html', 'HTML report'],
  ['junit', 'JUnit XML'],
] as const) {
  const command = toFile(report.command(`${format} <dirs...>`).description(`write the ${what} from records`));
  if (format === 'junit') command.addOption(profile());
  command.action(async (folders: string[], options: RenderOptions) => {
    const { renderCommand } = await import('./report.js');
    process.exitCode = await renderCommand(format, folders, options);
  });
}
toFile(report.command('markdown <dirs...>').description('summarise results for a CI job or a merge request'))
  .option('--baseline <dir>', 'also list the changes since the results in this folder')
  .option('--url <url>', 'address of the folder with the results, for links (default: that of a GitLab or Jenkins job)')
  .action(async (folders: string[], options: MarkdownCommandOptions) => {
    const { markdownCommand } = await import('./report.js');
    process.exitCode = await markdownCommand(folders, options);
  });
toFile(report.command('history <dirs...>').description('show the trend of many runs'))
  .addOption(new Option('--format <name>', 'a page, or data for dashboards').choices(['html', 'json']).default('html'))
  .action(async (folders: string[], options: HistoryOptions) => {
    const { historyCommand } = await import('./report.js');
    process.exitCode = await historyCommand(folders, options);
  });
judging(report.command('badge <dirs...>').description('draw the result of each target as SVG'))
  .requiredOption('--out <dir>', 'folder for the pictures, each named after its target')
  .action(async (folders: string[], options: { out: string; strict?: boolean }) => {
    const { badgeCommand } = await import('./report.js');
    process.exitCode = badgeCommand(folders, options);
  });

onHost(
  program.command('doctor').description('check what a host can run, what is missing, and what may disturb a run'),
).action(async (options: DoctorOptions) => {
  const { doctorCommand } = await import('./doctor.js');
  process.exitCode = await doctorCommand(options);
});

const lab = program
  .command('lab')
  .enablePositionalOptions()
  .description('a real Xen with Linux guests, booted in QEMU');
const building = (command: Command): Command =>
  command
    .addOption(
      new Option('--arch <name>', 'architecture of the emulated machine')
        .choices(Object.keys(ARCHITECTURES))
        .default(X86_64.name),
    )
    .addOption(
      new Option('--release <name>', 'Debian release whose Xen and kernel the lab uses')
        .choices(Object.keys(RELEASES))
        .default('bookworm'),
    )
    .option('--install', 'install the Debian packages that are missing')
    .option('--fresh', 'build and boot again, even if images or a snapshot are stored')
    .option('--module <file>', 'a .ko that replaces the stock xen-netfront or xen-netback')
    .option('--guest <dir>', 'an additional guest: domain.cfg and the files that it names');

building(lab.command('up').description('bring the lab up: build, boot, or resume from its snapshot')).action(
  async (options: LabUpOptions) => {
    const { labUpCommand } = await import('./lab.js');
    process.exitCode = await labUpCommand(options);
  },
);
reporting(
  running(building(lab.command('run').description("bring the lab up and run the tests against Linux's drivers"))),
)
  .option(
    '--target <name>',
    'target file, or one of linux-netfront, linux-netback, linux-netback-dom0, ipxe-netfront, qemu-netback,' +
      ' reference-frontend, reference-backend, and with --release trixie or forky linux-netfront-<release>, linux-netback-<release>; may be repeated',
    collect,
  )
  .option(
    '--repeat <n>',
    'run n rounds and list the verdicts that differ; finished rounds are kept',
    whole('--repeat', 1),
  )
  .option('--keep', 'leave the lab up')
  .option('--out <dir>', 'folder for the results, with a subfolder for each target', 'results/lab')
  .allowExcessArguments()
  .action(async (options: LabRunOptions, { args }: Command) => {
    refuseWords('lab run', args);
    const { labRunCommand } = await import('./lab.js');
    process.exitCode = await labRunCommand(options);
  });
exploring(building(lab.command('explore').description("explore Linux's drivers on the lab's Xen")))
  .option('--target <name>', 'target file, or a target name that lab run accepts; may be repeated', collect)
  .option('--keep', 'leave the lab up')
  .option('--out <dir>', 'folder for the results, with a subfolder for each target', 'results/lab/explore')
  .action(async (options: LabExploreOptions) => {
    const { labExploreCommand } = await import('./lab.js');
    process.exitCode = await labExploreCommand(options);
  });
building(
  lab.command('bench').description("measure on the lab's Xen: the addon against C, the peers against the kernel"),
)
  .option('--out <dir>', 'folder for bench.json and bench.html', 'results/lab/bench')
  .action(async (options: LabBenchOptions) => {
    const { labBenchCommand } = await import('./lab-bench.js');
    process.exitCode = await labBenchCommand(options);
  });
lab
  .command('status')
  .description('print as JSON whether the lab runs, and where its files are')
  .action(async () => {
    const { labStatusCommand } = await import('./lab.js');
    process.exitCode = await labStatusCommand();
  });
lab
  .command('ssh [command...]')
  .description('open a shell or run a command in dom0; with "netfront" or "netback" first, in that guest')
  .passThroughOptions()
  .action(async (command: string[]) => {
    const { labSshCommand } = await import('./lab.js');
    process.exitCode = await labSshCommand(command);
  });
lab
  .command('down')
  .description('stop the lab')
  .action(async () => {
    const { labDownCommand } = await import('./lab.js');
    process.exitCode = await labDownCommand();
  });

let isUnderWay = true;
// If the event loop is empty, the command can no longer end by itself; this must not look like a success.
process.once('beforeExit', () => {
  if (isUnderWay) {
    process.exitCode = fail(
      new Error('the event loop is empty, but the command has not ended: a bug in netifspec; please report it'),
    );
  }
});

program
  .parseAsync()
  .catch((error: unknown) => {
    // commander has already printed the error; --help and --version are not errors.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else process.exitCode = fail(explained(error));
  })
  .finally(() => (isUnderWay = false));
