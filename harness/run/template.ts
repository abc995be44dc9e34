/** Texts generated from the schema of target files: a new file, and the page about it. */
import * as z from 'zod';
import type { Role } from './record.js';
import { targetSchema } from './target.js';

type Scalar = string | number | boolean;

/** The part of JSON Schema that the schema of target files uses. */
interface Schema {
  readonly description?: string;
  readonly examples?: readonly (Scalar | readonly Scalar[])[];
  readonly enum?: readonly Scalar[];
  readonly default?: Scalar;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

const WIDTH = 100;
const PAGE_WIDTH = 120;

/** The target file's schema as JSON Schema, for editors. */
export function targetJsonSchema(): object {
  return z.toJSONSchema(targetSchema, { io: 'input' });
}

/**
 * A target file for a driver of `role`: each key with its meaning. The required keys have an example value to replace,
 * the others are comments.
 */
export function targetTemplate(role: Role): string {
  const schema = targetJsonSchema() as Schema;
  const head = [
    `# ${schema.description}.`,
    '# Replace the values below; remove "# " before each other key that you need. Then try',
    "#   netifspec run --target THIS-FILE --test '*.xenbus.connect'",
  ];
  const keys = keysOf(schema, '', true, { role });
  return `${[...head, ...keys].join('\n')}\n`;
}

/** The page about target files: a section for each key. */
export function targetPage(): string {
  const schema = targetJsonSchema() as Schema;
  const head = [
    '# The target file',
    '',
    `${schema.description}. The file is YAML; \`netifspec init\``,
    'writes a new one. `npm run docs` generates this page and, for editors, [target.schema.json](target.schema.json).',
  ];
  return `${[...head, ...sectionsOf(schema, '')].join('\n')}\n`;
}

function sectionsOf({ properties = {}, required = [] }: Schema, inside: string): string[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = `${inside}${key}`;
    const [example] = schema.examples ?? [];
    const text = wrap(explain(schema, required.includes(key)), PAGE_WIDTH);
    const sample = example === undefined ? [] : ['', '```yaml', `${key}: ${written(example)}`, '```'];
    return ['', `## \`${name}\``, '', ...text, ...sample, ...sectionsOf(schema, `${name}.`)];
  });
}

function written(value: Scalar | readonly Scalar[]): string {
  return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
}

function keysOf(
  { properties = {}, required = [] }: Schema,
  indent: string,
  open: boolean,
  values: Readonly<Record<string, Scalar>> = {},
): string[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const needed = required.includes(key);
    const mark = open && needed ? '' : '# ';
    const comment = wrap(explain(schema, needed), WIDTH - indent.length).map((line) => `${indent}# ${line}`);
    const spaced = indent === '' ? ['', ...comment] : comment.map((line) => `# ${line}`);
    if (schema.properties) return [...spaced, `${mark}${indent}${key}:`, ...keysOf(schema, `${indent}  `, mark === '')];
    const value = values[key] ?? schema.examples?.[0] ?? schema.default ?? schema.enum?.[0] ?? '';
    return [...spaced, `${mark}${indent}${key}: ${written(value)}`];
  });
}

function explain({ description = '', enum: choices, default: usual }: Schema, needed: boolean): string {
  // The description already names all choices.
  const named = choices?.every((choice) => description.includes(`${String(choice)} (`)) ?? false;
  const parts = [
    ...(choices && choices.length > 1 && !named ? [`one of ${choices.join(', ')}`] : []),
    ...(usual === undefined ? [] : [`default: ${String(usual)}`]),
    ...(needed ? [] : ['optional']),
  ];
  return parts.length === 0 ? `${description}.` : `${description} (${parts.join('; ')}).`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
