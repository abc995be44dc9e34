/**
 * The schema of result records. Every record from a file or from another host is validated with it; `npm run docs`
 * writes it as JSON Schema. It ignores unknown keys, so that records of a later version can be read.
 */
import * as z from 'zod';
import {
  type CheckRecord,
  type EndRecord,
  type Failure,
  type FeatureRecord,
  type ResultRecord,
  ROLES,
  type Script,
  type SessionRecord,
  type TestRecord,
  VERDICTS,
} from './record.js';
import type { TraceStep } from '../xen/traced.js';

/** Every key of a record, also the optional ones: a key that the schema lacks would get lost. */
type Keys<T> = Record<keyof T, z.ZodType>;

/** More than any number of tests or of requirements; reports have lists of this length. */
const COUNT_MAX = 1_000_000;
/** Milliseconds, up to 30 years: no report fails on a date or a duration. */
const MS_MAX = 1e12;

const text = z.string();
const count = z.int().min(0).max(COUNT_MAX);
const milliseconds = z.number().min(0).max(MS_MAX);
const target = text.min(1).max(1000);
const role = z.enum(ROLES);
const verdict = z.enum(VERDICTS);
const time = z.iso.datetime();
const texts = z.record(text, text);
const end = z.enum(['harness', 'driver', 'xenstore']);

const failure = z.object({
  about: text.exactOptional(),
  expected: text.exactOptional(),
  observed: text.exactOptional(),
  withinMs: milliseconds.exactOptional(),
} satisfies Keys<Failure>);

const check = z.object({
  requirements: z.array(text),
  verdict,
  failure: failure.exactOptional(),
} satisfies Keys<CheckRecord>);

const step = z.object({
  at: z.number().min(-MS_MAX).max(MS_MAX),
  from: end,
  to: end,
  what: text,
  frame: z.object({ bytes: z.base64(), length: count }).exactOptional(),
} satisfies Keys<TraceStep>);

const feature = z.object({
  key: text,
  declared: z.boolean(),
  advertised: z.boolean(),
  passed: count,
  failed: count,
} satisfies Keys<FeatureRecord>);

const script = z.object({
  role,
  start: z.array(z.unknown()),
  steps: z.array(z.object({ step: text, args: z.unknown() })),
} satisfies Keys<Script>);

const session = z.object({
  type: z.literal('session'),
  schema: z.literal(1),
  target,
  role,
  version: text,
  command: z.array(text),
  shard: text.regex(/^[1-9]\d{0,3}\/[1-9]\d{0,3}$/).exactOptional(),
  started: time,
  adapter: z.enum(['native', 'simulated']),
  seed: z.int().exactOptional(),
  facts: texts,
  features: texts,
  planned: count,
  rules: count.exactOptional(),
  requirements: count,
} satisfies Keys<SessionRecord>);

const test = z.object({
  type: z.literal('test'),
  target,
  id: text.regex(/^[\w.-]{1,500}$/),
  title: text,
  role,
  chapter: text.regex(/^[\w-]{1,100}$/),
  verdict,
  class: z.enum(['text', 'interop', 'leak', 'setup', 'guest-crash', 'declared']).exactOptional(),
  detail: text.exactOptional(),
  skip: z
    .object({
      class: z.enum(['gate', 'spec', 'adapter', 'guest', 'connection', 'not-observed', 'blocked', 'not-allowed']),
      reason: text,
    })
    .exactOptional(),
  expectation: z
    .object({
      verdict,
      reason: text,
      source: text,
      link: text.exactOptional(),
      met: z.boolean(),
      problem: text.exactOptional(),
    })
    .exactOptional(),
  checks: z.array(check),
  unreached: z.array(text).exactOptional(),
  infos: z.array(text),
  features: z.array(feature).exactOptional(),
  rounds: count.exactOptional(),
  durationMs: milliseconds,
  firstIn: text.exactOptional(),
  script: script.exactOptional(),
  location: text,
  trace: z.array(step).exactOptional(),
  kernelLog: z.array(text).exactOptional(),
} satisfies Keys<TestRecord>);

const ending = z.object({
  type: z.literal('end'),
  target,
  finished: time,
  complete: z.boolean(),
  reason: text.exactOptional(),
  next: target.exactOptional(),
  stoppedAfter: count.exactOptional(),
  order: text.exactOptional(),
} satisfies Keys<EndRecord>);

const schema: z.ZodType<ResultRecord> = z.discriminatedUnion('type', [session, test, ending]);

/** Validates a record. Returns what is wrong, with the key, if it is not valid. */
export function validRecord(value: unknown): ResultRecord | { readonly invalid: string } {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue?.path.join('.') ?? '';
  return { invalid: `${where === '' ? '' : `${where}: `}${issue?.message ?? 'not valid'}` };
}

/** The schema of a line of results.jsonl as JSON Schema. */
export function recordJsonSchema(): object {
  return z.toJSONSchema(schema, { io: 'input' });
}
