import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../base/root.js';
import { UsageError } from '../base/errors.js';
import { recordsOfFile } from '../module-driver/watched.fixture.js';
import { type ResultRecord, testMessage, type TestRecord } from '../run/record.js';

const EXAMPLES = join(packageRoot, 'docs/examples');
const CONNECT = 'frontend.xenbus.connect';

describe('a driver that is a program', function () {
  this.timeout(120_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'netifspec-program-'));
  });

  after(() => rmSync(folder, { recursive: true }));

  /** Compiles the example, in which `change` replaces text. */
  function compiled(name: string, change: readonly [from: string, to: string] = ['', ''], ...flags: string[]): string {
    const source = readFileSync(join(EXAMPLES, 'netfront.c'), 'utf8');
    expect(source, 'the example').to.include(change[0]);
    const file = join(folder, `${name}.c`);
    writeFileSync(file, source.replace(...change));
    const program = join(folder, name);
    const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
    const warnings = ['-std=gnu11', '-Wall', '-Wextra', '-Werror'];
    const sources = [file, join(EXAMPLES, 'netifspec.c'), join(EXAMPLES, 'reflector.c')];
    execFileSync('cc', [...warnings, ...sanitizers, ...flags, '-I', EXAMPLES, '-o', program, ...sources]);
    return program;
  }

  function script(name: string, text: string): string {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  async function tested(program: string, ...ids: string[]): Promise<TestRecord[]> {
    const seen = await recordsOfFile(program, 'frontend', ids);
    const isTest = (record: ResultRecord): record is TestRecord => record.type === 'test';
    return seen
      .filter(isTest)
      .filter(({ id, chapter }) => ids.length === 0 || chapter !== 'monitor' || ids.includes(id));
  }

  const broken = (records: readonly TestRecord[]): string[] =>
    records.flatMap(({ id, checks }) =>
      checks.filter(({ verdict }) => verdict === 'fail').map(({ requirements }) => `${id} ${requirements.join(' ')}`),
    );

  it('passes the whole suite if it is correct, as the example is', async () => {
    const records = await tested(compiled('netfront'));
    const unexpected = records.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skip');
    expect(unexpected.map(({ id, verdict }) => `${verdict} ${id}`)).to.deep.equal([]);
    expect(records.filter(({ verdict }) => verdict === 'pass')).to.have.length.above(150);
  });

  it('may have a stack of its own, as the reflector is', async () => {
    const records = await tested(compiled('reflecting', ['', ''], '-DREFLECTOR'));
    const unexpected = records.filter(({ verdict }) => verdict !== 'pass' && verdict !== 'skip');
    expect(unexpected.map(({ id, verdict }) => `${verdict} ${id}`)).to.deep.equal([]);
    expect(records.filter(({ verdict }) => verdict === 'pass')).to.have.length.above(150);
  });

  it('fails for a bug in C, with the requirement', async () => {
    const program = compiled('same-id', ['.id = id, .size', '.id = 0, .size']);
    expect(broken(await tested(program, 'frontend.rings.unique-ids'))).to.include('frontend.rings.unique-ids RING-16');
  });

  it('shows at its barriers that it loses a wake-up', async () => {
    const once = 'for (uint32_t end = rsp_end(rx); rx->rsp_cons != end;) {';
    const program = compiled('no-final-check', ['while (rx->rsp_cons != rsp_end(rx)) {', once]);
    const test = 'frontend.wakeups.final-check-rx';
    expect(broken(await tested(program, test))).to.include(`${test} NOTIFY-04`);
  });

  it('skips what happens between two of its accesses if it has no barriers', async () => {
    const program = compiled('no-barriers', ['nifs_describe(NIFS_BARRIERS,', 'nifs_describe(0,']);
    const records = await tested(program, 'frontend.wakeups.final-check-rx');
    expect(records.filter(({ verdict }) => verdict === 'skip').map(({ id }) => id)).to.deep.equal([
      'frontend.wakeups.final-check-rx',
    ]);
  });

  it('skips tests that need a bridge if its system has none', async () => {
    const program = compiled('no-bridge', ['nifs_describe(NIFS_BARRIERS,', 'nifs_describe(NIFS_NO_BRIDGE,']);
    const records = await tested(program, 'frontend.receive.order');
    expect(records.filter(({ verdict }) => verdict === 'skip').map(({ id }) => id)).to.deep.equal([
      'frontend.receive.order',
    ]);
  });

  it('is a usage error if its process ends before its first call', async () => {
    const error: unknown = await tested(script('ends', 'exit 7'), CONNECT).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(UsageError);
    expect((error as Error).message).to.match(
      /ends is not a driver: before it was loaded, the driver's program ended: exit code 7$/,
    );
  });

  it('crashes if its process ends', async () => {
    const [record] = await tested(script('calls', "printf '\\23\\0\\0\\0\\0\\0\\0\\0' >&4; exit 7"), CONNECT);
    expect(record && testMessage(record)).to.equal("the driver's program ended: exit code 7");
  });

  it('crashes if it sends something that is no call', async () => {
    const [record] = await tested(script('malformed', "printf '\\143\\0\\0\\0\\0\\0\\0\\0' >&4; sleep 100"), CONNECT);
    expect(record && testMessage(record)).to.equal('the program called operation 99, which does not exist');
  });

  it('hangs if it computes without an end', async () => {
    const endless =
      'if (((const unsigned char *)frame->bytes)[12] == 0x81)\n        for (;;)\n            ;\n    memcpy(tx->pages';
    const tagged = 'frontend.frames.tagged';
    const records = await tested(compiled('endless', ['memcpy(tx->pages', endless]), CONNECT, tagged);
    const messages = Object.fromEntries(records.map((record) => [record.id, testMessage(record)]));
    expect(messages).to.deep.equal({
      [CONNECT]: undefined,
      [tagged]: 'the driver hangs: it used the processor for 1000 ms without returning',
    });
  });

  it('is a usage error if it cannot be executed', async () => {
    const file = join(folder, 'notes.txt');
    writeFileSync(file, 'no program');
    const error: unknown = await tested(file, CONNECT).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(UsageError);
    expect((error as Error).message).to.match(
      /neither a Node module \(\.js, \.mjs, \.cjs\) nor an executable program$/,
    );
  });
});
