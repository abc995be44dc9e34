import { expect } from 'chai';
import { NEWEST_TEXT } from '../../suites/requirements/index.js';
import { selectTests } from '../cli/select.js';
import { EnvironmentError } from '../run/environment.js';
import type { ResultRecord, TestRecord } from '../run/record.js';
import { runWatched } from './watched.js';

async function records(sample: string, ...ids: string[]): Promise<ResultRecord[]> {
  const seen: ResultRecord[] = [];
  await runWatched({
    module: new URL(`./samples/${sample}.js`, import.meta.url).pathname,
    name: sample,
    command: ['netifspec', 'run', '--iut', sample],
    role: 'backend',
    tests: selectTests({ role: 'backend', test: ids }),
    seed: 1,
    slow: false,
    spec: NEWEST_TEXT,
    traceAll: true,
    onRecord: (record) => seen.push(record),
    signal: new AbortController().signal,
    hangMs: 1000,
  });
  return seen;
}

const CONNECT = 'backend.xenbus.connect';
const SLOTS = 'backend.transmit.slots-2';
const PING = 'backend.xenbus.passes-traffic';

/** Verdict and message of a test. */
function verdict(all: readonly ResultRecord[], id: string): string {
  const found = all.find((record): record is TestRecord => record.type === 'test' && record.id === id);
  return `${found?.verdict} ${found?.message ?? ''}`.trim();
}

describe("a driver of somebody else's", function () {
  this.timeout(30_000);

  it('passes if it is good', async () => {
    const all = await records('good', PING, SLOTS);
    expect(all.map(({ type }) => type)).to.deep.equal(['session', 'test', 'test', 'test', 'end']);
    for (const id of [CONNECT, PING, SLOTS]) expect(verdict(all, id)).to.equal('pass');
    expect(all.find(({ type }) => type === 'test'))
      .to.have.property('location')
      .that.matches(/^suites\/.*\.ts:\d+$/);
    // They were asked for of every test.
    expect(all.filter((record) => record.type === 'test' && record.trace)).to.have.length(3);
  });

  it('fails if it is bad', async () => {
    expect(verdict(await records('bad', PING), PING)).to.match(/^fail /);
  });

  it('fails the test in which it hangs, by name, and no other', async () => {
    const all = await records('hanging', PING, SLOTS, 'backend.transmit.crosses-page');
    expect(verdict(all, SLOTS)).to.equal('fail the driver hangs: it kept the processor for 1000 ms');
    for (const id of [CONNECT, PING]) expect(verdict(all, id)).to.equal('pass');
    expect(all.filter(({ type }) => type === 'session')).to.have.length(1);
    expect(all.at(-1)).to.include({ type: 'end', complete: true });
  });

  it('fails the test in which it throws', async () => {
    const all = await records('throwing', SLOTS, PING);
    expect(verdict(all, SLOTS)).to.equal('fail the driver threw: Error: no idea what to do with this');
    expect(verdict(all, PING)).to.equal('pass');
  });

  it('is an error of the environment if it is none', async () => {
    const error: unknown = await records('no-driver', PING).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(EnvironmentError);
    expect((error as Error).message).to.match(/no-driver\.js is no driver: its default export is no function$/);
  });
});
