#!/usr/bin/env node
/** The command line: says what can be asked for; the work is in the modules that the commands load. */
import { Command, CommanderError, Option } from 'commander';
import { RELEASES } from '../lab/release.js';
import { version } from '../root.js';
import type { DoctorOptions } from './doctor.js';
import { fail, UsageError } from './exit.js';
import type { LabBenchOptions } from './lab-bench.js';
import type { LabRunOptions, LabUpOptions } from './lab.js';
import type { ListOptions } from './list.js';
import type { MergeOptions, RenderOptions } from './report.js';
import type { RunOptions } from './run.js';

// Failures point at the TypeScript sources; the maps are read only when a stack is.
process.setSourceMapsEnabled(true);

const collect = (value: string, previous: string[] = []): string[] => [...previous, value];
const number = (value: string): number => {
  if (!/^\d+$/.test(value)) throw new UsageError(`"${value}" is not a number`);
  return Number(value);
};

const count = (value: string): number => {
  if (number(value) === 0) throw new UsageError('none at all proves nothing: it is 1 or more');
  return number(value);
};

const program = new Command('netifspec')
  .description('Tests Xen netfront and netback drivers against the protocol of netif.h.')
  .version(version)
  .showHelpAfterError('(netifspec --help tells more)')
  .enablePositionalOptions()
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  netifspec run                                     both embedded reference drivers, on a simulated Xen
  netifspec run --test 'backend.transmit.*'         one chapter
  netifspec init my-driver.yaml --role backend      a target file to be filled in
  netifspec run --target my-driver.yaml             a driver on this Xen host
  netifspec run --on root@labhost --target my.yaml  a driver on another Xen host
  netifspec lab run                                 Linux's drivers on a real Xen in QEMU
  netifspec report diff results.old results         what is worse than it was

Exit codes: 0 as expected, 1 not, 2 bad usage or target file, 3 the environment failed.`,
  );

const profile = (): Option =>
  new Option('--junit-profile <name>', 'what JUnit holds: all there is to say, or what strict readers of it allow')
    .choices(['rich', 'strict'])
    .default('rich');

const reporting = (command: Command): Command =>
  command
    .addOption(profile())
    .option('--verbose', 'a line for every test, and every failure in full')
    .addOption(
      new Option('--trace <which>', 'whose traces are kept, with the frames in them')
        .choices(['failed', 'all'])
        .default('failed'),
    )
    .option('--update-expectations', 'write a draft of expectations for what failed, into the folder of the results');

const selecting = (command: Command): Command =>
  command
    .option('--role <role>', 'only tests of this role: frontend or backend')
    .option('--test <id>', 'only tests with this id; * stands for anything; may be repeated', collect)
    .option(
      '--spec <version>',
      'hold the driver to an older text, by the commit of its header (a wrong one lists them)',
    )
    .option('--shard <i/n>', 'one of n parts of these tests, for machines side by side; "report merge" joins them')
    .option('--times <dir>', 'results of an earlier run: --shard makes parts that last alike')
    .option('--slow', 'take long: tests of races try ten thousand times')
    .option('--strict', 'a SHOULD that is not kept fails');

/** Without --on, what says how to get there would be ignored in silence. */
const needsHost = (command: Command): void => {
  const { on, identity, knownHosts, node } = command.opts<DoctorOptions>();
  if (on === undefined && (identity ?? knownHosts ?? node) !== undefined) {
    throw new UsageError('--identity, --known-hosts and --node go with --on');
  }
};
const elsewhere = (command: Command): Command =>
  command
    .hook('preAction', needsHost)
    .option('--on <host>', 'do it there, over SSH: [user@]host[:port]')
    .option('--identity <file>', 'private key for --on')
    .option('--known-hosts <file>', 'known_hosts file for --on')
    .option(
      '--node <file>',
      "Node to take along for --on; else the host's own, or this one where it has none that fits",
    );

elsewhere(reporting(selecting(program.command('run').description('run the suites and write the results'))))
  .option('--target <file>', 'target file of the driver under test; may be repeated', collect)
  .option('--iut <module>', 'a driver of your own, a module for Node, on the simulated Xen; needs --role')
  .option('--out <dir>', 'folder for the results', 'results')
  .option('--seed <n>', 'order of deliveries on the simulated Xen', number, 1)
  .option('--seeds <n>', 'the seeds 1 to n, and a table of verdicts that depend on them', count)
  .addOption(new Option('--reporter <kind>', 'what stdout shows').choices(['terminal', 'json']).default('terminal'))
  .addOption(new Option('--stream', 'records to stdout alone: the other side of --on').hideHelp())
  .option('--keep', 'leave vifs and guest as they are when a test fails, and wait for Ctrl-C')
  .action(async (options: RunOptions) => {
    const { runCommand } = await import('./run.js');
    process.exitCode = await runCommand(options);
  });

program
  .command('reference <role>', { hidden: true })
  .description('the reference driver in this domain of a real Xen, until its input ends')
  .option('--rogue <seed>', 'attack the peers', number)
  .action(async (role: string, { rogue }: { rogue?: number }) => {
    if (role !== 'frontend' && role !== 'backend') throw new UsageError(`"${role}" is no role`);
    const { openNativeDomain } = await import('../xen/native/index.js');
    const { runReference } = await import('../reference/program.js');
    const domain = await openNativeDomain();
    try {
      await runReference(role, domain, process.stdin, (line) => void process.stdout.write(`${line}\n`), rogue);
    } finally {
      // Its input may still be open when it failed, and would keep it alive.
      process.stdin.destroy();
    }
  });

selecting(program.command('list').description('show the catalogue of requirements, and the tests'))
  .option('--requirements', 'each statement, with the number of its tests')
  .option('--tests', 'each test, with what it needs')
  .option('--json', 'all of the statements, or of the tests, as JSON')
  .action(async (options: ListOptions) => {
    const { listCommand } = await import('./list.js');
    listCommand(options);
  });

program
  .command('validate')
  .description('prove that the suites can say no: run them against drivers with deliberate defects')
  .option('--out <dir>', 'folder for validate.json and validate.html', 'results/validate')
  .addHelpText(
    'after',
    `
On the simulator every test must pass on the correct driver and be failed by at least one defect; every defect must be
caught by a check that names the requirement which it breaks, and leave 80 % of the other requirements kept. What isn't
so is a hole: each is named, and one is enough for exit code 1. The table counts, by chapter:

  tests      how many there are        can-fail   those that a defect fails
  pass       on the correct driver     real-bugs  defects that mirror a bug of a real driver`,
  )
  .action(async (options: { out: string }) => {
    const { validateCommand } = await import('./validate.js');
    process.exitCode = await validateCommand(options);
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
  .description('write a target file to be filled in, with each key explained')
  .requiredOption('--role <role>', 'which end of the vif is under test: frontend or backend')
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
  .description('make reports of the records of runs that are over')
  .addHelpText(
    'after',
    `
A DIR has a results.jsonl, or folders in it have one each, as those of "netifspec lab run" do.
Exit codes of diff: 0 nothing is worse, 1 something is. Those of merge are those of a run; 3 too if a DIR has none.`,
  );
const strictly = (command: Command): Command =>
  command.option('--strict', 'a SHOULD that is not kept counts as failed');
strictly(report.command('merge <dirs...>').description('one result of several runs: shards of a target, or targets'))
  .requiredOption('--out <dir>', 'folder for the results')
  .addOption(profile())
  .action(async (folders: string[], options: MergeOptions) => {
    const { mergeCommand } = await import('./report.js');
    process.exitCode = await mergeCommand(folders, options);
  });
strictly(report.command('diff <old> <new>').description('what came out otherwise, the worst first')).action(
  async (before: string, now: string, options: { strict?: boolean }) => {
    const { diffCommand } = await import('./report.js');
    process.exitCode = diffCommand(before, now, options);
  },
);
for (const format of ['html', 'junit'] as const) {
  const command = strictly(
    report.command(`${format} <dirs...>`).description(`the ${format === 'html' ? 'page' : 'JUnit XML'} anew`),
  ).option('--out <file>', 'where to; stdout unless told');
  if (format === 'junit') command.addOption(profile());
  command.action(async (folders: string[], options: RenderOptions) => {
    const { renderCommand } = await import('./report.js');
    process.exitCode = await renderCommand(format, folders, options);
  });
}

elsewhere(
  program.command('doctor').description('tell what a host can run, what is missing, and what gets in the way'),
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
      new Option('--release <name>', 'Debian release whose Xen and kernel it has')
        .choices(Object.keys(RELEASES))
        .default('bookworm'),
    )
    .option('--install', 'install the Debian packages that are missing')
    .option('--fresh', 'build and boot anew, whatever is stored')
    .option('--module <file>', 'a .ko in place of the stock xen-netfront or xen-netback')
    .option('--guest <dir>', 'a guest of your own: domain.cfg and what it names');

building(lab.command('up').description('bring the lab up: build, boot, or resume from its snapshot')).action(
  async (options: LabUpOptions) => {
    const { labUpCommand } = await import('./lab.js');
    process.exitCode = await labUpCommand(options);
  },
);
reporting(
  selecting(building(lab.command('run').description("bring the lab up and run the suites against Linux's drivers"))),
)
  .option(
    '--target <name>',
    'target file, or one of linux-netfront, linux-netback, linux-netback-dom0, reference-frontend, reference-backend,' +
      ' and with --release trixie linux-netfront-trixie, linux-netback-trixie; may be repeated',
    collect,
  )
  .option('--repeat <n>', 'n rounds, and a table of verdicts that differ; what is finished is not run again', count)
  .option('--keep', 'leave the lab up')
  .option('--out <dir>', 'folder for the results, one below it for each target', 'results/lab')
  .action(async (options: LabRunOptions) => {
    const { labRunCommand } = await import('./lab.js');
    process.exitCode = await labRunCommand(options);
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
  .description('tell whether the lab runs, and where its files are')
  .action(async () => {
    const { labStatusCommand } = await import('./lab.js');
    process.exitCode = await labStatusCommand();
  });
lab
  .command('ssh [command...]')
  .description('a shell in dom0, or a command; "netfront" or "netback" first goes on to that guest')
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

// Whoever reads the output may have seen enough of it (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? 0);
});

let isUnderWay = true;
// Nothing is left then that could bring the command to its end, which must not look like success.
process.once('beforeExit', () => {
  if (isUnderWay) process.exitCode = fail(new Error('the command waits for what never comes: a fault of netifspec'));
});

program
  .parseAsync()
  .catch((error: unknown) => {
    // commander has said what is wrong already; asking for help or version is no fault.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else process.exitCode = fail(error);
  })
  .finally(() => (isUnderWay = false));
