/** Target files: what is under test, where it runs, and how to reach it. */
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { PROFILES } from '../guest/profile.js';
import { readYamlFile } from './yaml-file.js';

const text = z.string().trim().min(1, 'must not be empty');
const SIMULATOR = 'simulator';

const ssh = z.strictObject({
  host: text.describe('Name or address that the host of the run reaches the guest at'),
  port: z.int().min(1).max(65535).exactOptional(),
  user: text.exactOptional(),
  identity: text.exactOptional().describe('Private key on the host of the run'),
  knownHosts: text.describe("OpenSSH known_hosts file on the host of the run, with the guest's key"),
});

export const targetSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and dashes: it names files and test suites')
    .describe('What reports call it'),
  role: z.enum(['frontend', 'backend']).describe('Which end of the vif is under test'),
  domain: z
    .union([z.int().min(0).max(0x7fef), text])
    .describe(`Domain that the driver runs in, by name or number; "${SIMULATOR}" for the embedded reference driver`),
  connection: z
    .enum(['hotplug', 'rebind', 'restart', 'once'])
    .default('hotplug')
    .describe(
      'How a fresh connection is made: by a new vif each time; by a command in the guest that makes the driver take ' +
        'its only vif again; by making the guest anew from "config"; or not at all, so that the run has one only',
    ),
  config: text
    .exactOptional()
    .describe(
      'xl configuration of the guest, on the host of the run: with it a guest that was taken down is made anew',
    ),
  os: z.enum(Object.keys(PROFILES) as [string, ...string[]]).default('linux'),
  driver: text.exactOptional().describe("Name of the driver's kernel module, to report version and parameters"),
  reference: z
    .boolean()
    .default(false)
    .describe('The embedded reference driver is put into that domain over SSH and is what is tested there'),
  ssh: ssh.exactOptional().describe('How commands run in the guest; none: tests that need them are skipped'),
  local: z.boolean().default(false).describe('The driver runs in the domain of the run itself: commands run there'),
  console: text.exactOptional().describe("Log file of the guest's console, on the host of the run"),
  expectations: text.exactOptional().describe('Known deviations; relative to this file'),
  timeScale: z.number().min(0.1).max(1000).default(1).describe('Factor on every deadline'),
  destructive: z.boolean().default(false).describe('Whether tests may take the guest down'),
});

export type Target = z.infer<typeof targetSchema>;

/** Whether the target is an embedded reference driver on the simulated Xen. */
export function isSimulated(target: Target): boolean {
  return target.domain === SIMULATOR;
}

/** The embedded reference driver of a role. */
export function referenceTarget(role: Target['role']): Target {
  return targetSchema.parse({ name: `reference-${role}`, role, domain: SIMULATOR, destructive: true });
}

/** Reads a target file. Throws YamlFileError with file, line and key. */
export function loadTarget(path: string): Target {
  const { data } = readYamlFile(path, targetSchema);
  return data.expectations ? { ...data, expectations: resolve(dirname(path), data.expectations) } : data;
}
