import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import * as z from 'zod';
import { fileProblem } from '../base/errno.js';
import { YamlFileError } from './yaml-file-error.js';

export interface YamlFile<T> {
  readonly data: T;
  /** `file:line` of the value at `keys`. */
  readonly at: (keys: readonly PropertyKey[]) => string;
}

/** The description of a key: for a new file, for the JSON Schema, and for error messages. */
export function key(description: string, example?: string | number): { description: string; examples?: unknown[] } {
  return { description, ...(example === undefined ? {} : { examples: [example] }) };
}

/**
 * Reads a YAML file and validates it against its schema. Throws {@link YamlFileError}.
 *
 * @param missing what to do if the file does not exist
 */
export function readYamlFile<T>(path: string, schema: z.ZodType<T>, missing?: string): YamlFile<T> {
  const source = read(path, missing);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  const line = (offset: number | undefined): string => `${path}:${lines.linePos(offset ?? 0).line}`;
  const syntax = document.errors[0];
  if (syntax?.code === 'MULTIPLE_DOCS') {
    throw new YamlFileError(`${line(syntax.pos[0])}: a second document begins here; a file holds one`);
  }
  if (syntax) throw new YamlFileError(`${line(syntax.pos[0])}: ${syntax.message}`);

  const content = contentOf(document, path);
  const parsed = schema.safeParse(content);
  if (!parsed.success && document.contents === null) throw new YamlFileError(`${path}: the file is empty`);
  if (parsed.success) return { data: parsed.data, at: (keys) => line(offsetOf(document, keys)) };
  const right = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Described;
  const complaints = parsed.error.issues.flatMap((issue): { where: PropertyKey[]; what: string }[] => {
    const { path: keys } = issue;
    const place = describedAt(right, keys);
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(place?.properties ?? {}).join(', ');
      return issue.keys.map((key) => ({ where: [...keys, key], what: `unknown key; expected one of ${known}` }));
    }
    const absent = valueAt(content, keys) === undefined;
    return [{ where: keys, what: `${absent ? 'required' : problemOf(issue)}${describeExpected(place)}` }];
  });
  throw new YamlFileError(
    complaints
      .map(
        ({ where, what }) =>
          `${line(offsetOf(document, where))}: ${where.length > 0 ? `${where.join('.')}: ` : ''}${what}`,
      )
      .join('\n'),
  );
}

function read(path: string, missing: string | undefined): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const problem = isMissing ? 'no such file' : (fileProblem(error)?.text ?? (error as Error).message);
    const advice = isMissing && missing !== undefined ? `; ${missing}` : '';
    throw new YamlFileError(`${path}: ${problem}${advice}`, { cause: error });
  }
}

/** The values of a document. Throws if its aliases multiply to an unreasonable size. */
function contentOf(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    throw new YamlFileError(`${path}: ${(cause as Error).message}; write the values without aliases`, { cause });
  }
}

/** The types of a schema in words. */
const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'keys with values',
  boolean: 'true or false',
};

/** What is wrong with a value. The messages of zod for a wrong type or choice are written for programmers. */
function problemOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `expected ${issue.values.map(String).join(' or ')}`;
  if (issue.code === 'invalid_type') return `expected ${TYPES[issue.expected] ?? `a ${issue.expected}`}`;
  return issue.message;
}

/** The part of a JSON Schema that describes the valid values. */
interface Described {
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
  readonly anyOf?: readonly Described[];
}

function describedAt(schema: Described | undefined, keys: readonly PropertyKey[]): Described | undefined {
  const [key, ...rest] = keys;
  if (schema === undefined || key === undefined) return schema;
  // The schema of a file that may be empty is a union of the file's schema and null.
  const { properties, items } = schema.anyOf?.find((each) => each.items ?? each.properties) ?? schema;
  return describedAt(typeof key === 'number' ? items : properties?.[String(key)], rest);
}

/** The description of a key in the schema, for the end of an error message. */
function describeExpected({ description, examples }: Described = {}): string {
  if (description === undefined) return '';
  const example = examples?.[0] === undefined ? '' : `, for example ${JSON.stringify(examples[0])}`;
  return `. ${description}${example}`;
}

function valueAt(data: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], data);
}

/** The offset of the value at `keys`, or of its nearest parent. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  for (let length = keys.length; length >= 0; length--) {
    const node = document.getIn(keys.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}
