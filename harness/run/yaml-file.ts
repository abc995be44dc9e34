import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import * as z from 'zod';
import { YamlFileError } from './yaml-file-error.js';

export interface YamlFile<T> {
  readonly data: T;
  /** `file:line` of the value at `keys`. */
  readonly at: (keys: readonly PropertyKey[]) => string;
}

/** What stands beside a key in a new file, in the schema for editors, and behind a complaint about it. */
export function key(description: string, example?: string | number): { description: string; examples?: unknown[] } {
  return { description, ...(example === undefined ? {} : { examples: [example] }) };
}

/** Reads a YAML file and checks it against its schema. Throws {@link YamlFileError}. */
export function readYamlFile<T>(path: string, schema: z.ZodType<T>): YamlFile<T> {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new YamlFileError(`${path}: ${(error as Error).message}`, { cause: error });
  }
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const line = (offset: number | undefined): string => `${path}:${lines.linePos(offset ?? 0).line}`;
  const syntax = document.errors[0];
  if (syntax?.code === 'MULTIPLE_DOCS') {
    throw new YamlFileError(`${line(syntax.pos[0])}: a second document begins here: a file is one`);
  }
  if (syntax) throw new YamlFileError(`${line(syntax.pos[0])}: ${syntax.message}`);

  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return { data: parsed.data, at: (keys) => line(offsetOf(document, keys)) };
  const right = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Described;
  const complaints = parsed.error.issues.flatMap((issue): { where: PropertyKey[]; what: string }[] => {
    const { path: keys, message } = issue;
    const place = describedAt(right, keys);
    if (issue.code === 'unrecognized_keys') {
      const known = Object.keys(place?.properties ?? {}).join(', ');
      return issue.keys.map((key) => ({ where: [...keys, key], what: `there is no such key; there are ${known}` }));
    }
    const missing = valueAt(document.toJS(), keys) === undefined;
    return [{ where: keys, what: `${missing ? 'must be there' : message}${whatIsRight(place)}` }];
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

/** As much of a JSON Schema as tells what would be right. */
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
  // A file that may be empty is one thing or null.
  const { properties, items } = schema.anyOf?.find((each) => each.items ?? each.properties) ?? schema;
  return describedAt(typeof key === 'number' ? items : properties?.[String(key)], rest);
}

/** What the schema says of a key, behind a complaint about it. */
function whatIsRight({ description, examples }: Described = {}): string {
  if (description === undefined) return '';
  const example = examples?.[0] === undefined ? '' : `, as in ${JSON.stringify(examples[0])}`;
  return `. ${description}${example}`;
}

function valueAt(data: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], data);
}

/** Where the value at `keys` begins, or what is nearest to it. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  for (let length = keys.length; length >= 0; length--) {
    const node = document.getIn(keys.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}
