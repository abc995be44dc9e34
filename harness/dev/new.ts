/**
 * `npm run new -- test ROLE.CHAPTER.NAME REQUIREMENT`: adds the skeleton of a test at the end of its chapter's suite,
 * and that of a defect that the test must catch. Works in the current directory, with the tests and requirements of the
 * compiled tree. Exit code 2, with one line, if the arguments are invalid.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { DEFECTS } from '../reference/defects/index.js';
import { CATALOGUE } from '../../suites/catalogue.js';

const USAGE = 'usage: npm run new -- test ROLE.CHAPTER.NAME REQUIREMENT, as in "test backend.transmit.foo TXW-10"';

class Refusal extends Error {}

interface ChapterFiles {
  readonly suite: string;
  readonly defects: string;
}

/** The files of a test's chapter. Throws a Refusal if the id is invalid or a file is missing. */
function chapterFilesOf(id: string): ChapterFiles {
  const [, role, chapter = ''] = /^(frontend|backend)\.([a-z]+)\.[a-z0-9-]+$/.exec(id) ?? [];
  if (role === undefined) {
    throw new Refusal(`${id}: not a valid id; expected frontend or backend, the chapter, a name of a-z, 0-9 and -`);
  }
  const files = { suite: `suites/${role}/${chapter}.ts`, defects: `harness/reference/defects/${role}/${chapter}.ts` };
  const chapters = new Set(CATALOGUE.tests.filter((test) => test.role === role).map((test) => test.chapter));
  if (!chapters.has(chapter))
    throw new Refusal(`${id}: no chapter ${chapter}; expected one of ${[...chapters].join(', ')}`);
  const missing = Object.values(files).find((file) => !existsSync(file));
  if (missing !== undefined) throw new Refusal(`${missing}: no such file here`);
  return files;
}

/** Throws a Refusal if the requirement is missing, can't be tested or binds the other side. */
function checkRequirement(requirement: string, id: string): void {
  const found = CATALOGUE.requirements.find((each) => each.id === requirement);
  if (!found) throw new Refusal(`${requirement}: no such requirement; "netifspec list --requirements" shows them all`);
  if (found.untestable !== undefined) throw new Refusal(`${requirement}: can't be tested: ${found.untestable}`);
  const role = id.replace(/\..*/, '');
  if (found.side !== 'both' && found.side !== role) {
    throw new Refusal(`${requirement}: binds the ${found.side}, and ${id} tests a ${role}`);
  }
}

function testSkeleton(id: string, requirement: string): string {
  const [role = '', , name = ''] = id.split('.');
  return `
test('${name}', 'TODO: completes "The ${role} …"', { reflector: 'icmp' }, async (t) => {
  const vif = await t.connect();
  // TODO: what ${requirement} is about, in place of a ping.
  await t.check('${requirement}', () => vif.ping());
});
`;
}

function defectSkeleton(id: string, requirement: string): string {
  const [role = ''] = id.split('.');
  return `  {
    id: '${id}',
    breaks: '${requirement}',
    fault: 'TODO: what this ${role} does wrong',
    ${role}: {
      // TODO: the step of harness/reference/${role}-steps.ts that is wrong.
    },
  },
`;
}

function newTest(id: string, requirement: string): ChapterFiles {
  const files = chapterFilesOf(id);
  checkRequirement(requirement, id);
  const suite = readFileSync(files.suite, 'utf8');
  const defects = readFileSync(files.defects, 'utf8');
  const isTest = CATALOGUE.tests.some((test) => test.id === id) || suite.includes(`test('${id.replace(/.*\./, '')}',`);
  if (isTest) throw new Refusal(`${id}: a test with this id exists already; choose another name`);
  const isDefect = DEFECTS.some((defect) => defect.id === id) || defects.includes(`id: '${id}'`);
  if (isDefect) throw new Refusal(`${id}: a defect with this id exists already; choose another name`);
  const end = defects.lastIndexOf('\n];');
  if (end < 0)
    throw new Refusal(`${files.defects}: no list of defects that ends with "];"; restore the end of the file`);
  writeFileSync(files.suite, suite + testSkeleton(id, requirement));
  writeFileSync(
    files.defects,
    `${defects.slice(0, end + 1)}${defectSkeleton(id, requirement)}${defects.slice(end + 1)}`,
  );
  return files;
}

const [what, id, requirement, ...more] = process.argv.slice(2);
try {
  if (what !== 'test' || id === undefined || requirement === undefined || more.length > 0) throw new Refusal(USAGE);
  const { suite, defects } = newTest(id, requirement);
  process.stdout.write(
    `${suite}: the test; ${defects}: its defect. Fill in each TODO, then "npm run checks" and "netifspec validate".\n`,
  );
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
