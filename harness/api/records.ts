/** `netifspec/records`: reads results.jsonl. The types of records, their JSON Schema, and what reports derive of them. */
export type * from '../run/record.js';
export type { TraceEnd, TraceStep } from '../xen/traced.js';
export { recordJsonSchema } from '../run/record-schema.js';
export { failureText, testMessage } from '../run/record.js';
export {
  exitCode,
  type Group,
  groupSessions,
  type Outcome,
  outcome,
  OUTCOMES,
  parseRecord,
  readRecords,
  shortfall,
  summarise,
  type Summary,
} from '../../reports/records.js';
