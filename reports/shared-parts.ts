/** Equal parts of records, such as titles and passed checks, as one object: runs repeat them thousands of times. */
import type { ResultRecord, TestRecord } from '../harness/run/record.js';

/** For all files of the process, since the records of several runs are held at the same time. */
const TEXTS = new Map<string, string>();
const VALUES = new Map<string, unknown>();

/**
 * The record with its repeated parts shared with earlier records, which reduces its memory by about three quarters. A
 * new record changes in place.
 */
export function withSharedParts(record: ResultRecord): ResultRecord {
  if (record.type !== 'test') return record;
  const { target, id, title, chapter, location, checks, infos, skip, expectation } = record;
  return Object.assign<TestRecord, Partial<TestRecord>>(record, {
    target: sharedText(target),
    id: sharedText(id),
    title: sharedText(title),
    chapter: sharedText(chapter),
    location: sharedText(location),
    checks: shared(checks),
    infos: shared(infos),
    ...(skip && { skip: shared(skip) }),
    ...(expectation && { expectation: shared(expectation) }),
  });
}

function sharedText(text: string): string {
  const known = TEXTS.get(text);
  if (known === undefined) TEXTS.set(text, text);
  return known ?? text;
}

function shared<T>(value: T): T {
  const key = JSON.stringify(value);
  const known = VALUES.get(key);
  if (known === undefined) VALUES.set(key, value);
  return (known as T | undefined) ?? value;
}
