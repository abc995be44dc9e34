import { existsSync, writeFileSync } from 'node:fs';
import { targetJsonSchema, targetTemplate } from '../run/template.js';
import { UsageError } from './exit.js';

/** `netifspec init FILE`: a target file to be filled in. Replaces nothing. */
export function initCommand(file: string, { role }: { readonly role: string }): void {
  if (role !== 'frontend' && role !== 'backend') throw new UsageError(`--role ${role}: it is frontend or backend`);
  if (existsSync(file)) throw new UsageError(`${file} is there already`);
  writeFileSync(file, targetTemplate(role));
  process.stdout.write(`${file} is to be filled in; it says how, key by key\n`);
}

/** `netifspec schema`: the target file's schema for editors. */
export function schemaCommand(): void {
  process.stdout.write(`${JSON.stringify(targetJsonSchema(), null, 2)}\n`);
}
