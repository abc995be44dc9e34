import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { packageRoot } from '../root.js';
import { targetJsonSchema, targetTemplate } from '../run/template.js';
import { UsageError } from './exit.js';

/** `netifspec init FILE`: a target file to be filled in. Replaces nothing. */
export function initCommand(file: string, { role }: { readonly role: string }): void {
  if (role !== 'frontend' && role !== 'backend') throw new UsageError(`--role ${role}: it is frontend or backend`);
  if (existsSync(file)) throw new UsageError(`${file} is there already`);
  // Editors that know the YAML language server take it from here.
  const schema = relative(dirname(resolve(file)), join(packageRoot, 'docs/target.schema.json'));
  writeFileSync(file, `# yaml-language-server: $schema=${schema}\n${targetTemplate(role)}`);
  process.stdout.write(`${file} is to be filled in; it says how, key by key\n`);
}

/** `netifspec schema`: the target file's schema for editors. */
export function schemaCommand(): void {
  process.stdout.write(`${JSON.stringify(targetJsonSchema(), null, 2)}\n`);
}
