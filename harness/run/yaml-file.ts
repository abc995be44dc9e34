import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import type * as z from 'zod';

/** A YAML file that can't be used. The message has a line for each complaint: file, line, key and what is wrong. */
export class YamlFileError extends Error {
  override readonly name = 'YamlFileError';
}

export interface YamlFile<T> {
  readonly data: T;
  /** `file:line` of the value at `keys`. */
  readonly at: (keys: readonly PropertyKey[]) => string;
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
  if (syntax) throw new YamlFileError(`${line(syntax.pos[0])}: ${syntax.message}`);

  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return { data: parsed.data, at: (keys) => line(offsetOf(document, keys)) };
  const complaints = parsed.error.issues.map(({ path: keys, message, ...issue }) => {
    const where = issue.code === 'unrecognized_keys' ? [...keys, issue.keys[0] ?? ''] : keys;
    return `${line(offsetOf(document, where))}: ${where.length > 0 ? `${where.join('.')}: ` : ''}${message}`;
  });
  throw new YamlFileError(complaints.join('\n'));
}

/** Where the value at `keys` begins, or what is nearest to it. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number | undefined {
  for (let length = keys.length; length >= 0; length--) {
    const node = document.getIn(keys.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}
