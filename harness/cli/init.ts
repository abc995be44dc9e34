import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { stdout } from '../base/terminal.js';
import { packageRoot } from '../base/root.js';
import { targetJsonSchema, targetTemplate } from '../run/template.js';
import { UsageError } from '../base/errors.js';
import { atPath } from './paths.js';
import { roleOf } from './select.js';

/** `netifspec init FILE`: writes a new target file. Throws a UsageError if the file exists. */
export function initCommand(file: string, options: { readonly role: string }): void {
  const role = roleOf(options.role);
  if (existsSync(file)) throw new UsageError(`${file}: the file already exists; give another name, or remove it`);
  // Editors with the YAML language server find the schema with this line.
  const schema = relative(dirname(resolve(file)), join(packageRoot, 'docs/target.schema.json'));
  const text = `# yaml-language-server: $schema=${schema}\n${targetTemplate(role)}`;
  atPath(file, () => writeFileSync(file, text));
  stdout.line(`wrote ${file}; fill in its keys; a comment explains each`);
}

/** `netifspec schema`: prints the JSON Schema of target files, for editors. */
export function schemaCommand(): void {
  stdout.line(JSON.stringify(targetJsonSchema(), null, 2));
}
