/** Target files: what is under test, where it runs, and how to reach it. */
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { PROFILES } from '../guest/profile.js';
import { COMMANDS } from '../guest/replaced.js';
import { key, readYamlFile } from './yaml-file.js';

const text = z.string().trim().min(1, 'must not be empty');
const SIMULATOR = 'simulator';

const ssh = z.strictObject({
  host: text.meta(key('Name or address that the host of the run reaches the guest at', '192.168.1.20')),
  port: z.int().min(1).max(65535).exactOptional().meta(key('Where its sshd listens; 22 unless told', 22)),
  user: text.exactOptional().meta(key('Who logs in; root unless told', 'root')),
  identity: text.exactOptional().meta(key('Private key on the host of the run', '/root/.ssh/id_ed25519')),
  knownHosts: text.meta(
    key("OpenSSH known_hosts file on the host of the run, with the guest's key", '/root/.ssh/known_hosts'),
  ),
});

const commands = z.strictObject(
  Object.fromEntries(
    Object.entries(COMMANDS).map(([name, { does, example }]) => [
      name,
      text.exactOptional().meta(key(`It ${does}`, example)),
    ]),
  ) as Record<keyof typeof COMMANDS, z.ZodExactOptional<typeof text>>,
);

const limits = z.strictObject({
  vifs: z
    .int()
    .min(1)
    .max(100)
    .exactOptional()
    .meta(key('Vifs that there may be at a time with hotplug; as many as a test needs unless told', 1)),
});

export const targetSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be lower-case letters, digits and dashes: it names files and test suites')
      .meta(key('What reports call it: lower-case letters, digits and dashes', 'my-driver')),
    role: z.enum(['frontend', 'backend']).meta(key('Which end of the vif is under test')),
    domain: z
      .union([z.int().min(0).max(0x7fef), text])
      .meta(
        key(
          `Domain that the driver runs in, by name or number; "${SIMULATOR}" for the embedded reference driver`,
          'my-guest',
        ),
      ),
    connection: z
      .enum(['hotplug', 'rebind', 'restart', 'once'])
      .default('hotplug')
      .meta(
        key(
          'How a fresh connection is made: by a new vif each time; by a command in the guest that makes the driver ' +
            'take its only vif again; by making the guest anew from "config"; or not at all, so that the run has ' +
            'one only',
        ),
      ),
    config: text
      .exactOptional()
      .meta(
        key(
          'xl configuration of the guest, on the host of the run: with it a guest that was taken down is made anew',
          '/etc/xen/my-guest.cfg',
        ),
      ),
    os: z
      .enum(Object.keys(PROFILES) as [string, ...string[]])
      .default('linux')
      .meta(key('How commands for the guest are worded')),
    commands: commands.exactOptional().meta(key("Commands for the guest's shell in the place of those of the system")),
    driver: text
      .exactOptional()
      .meta(key("Name of the driver's kernel module, to report version and parameters", 'xen-netfront')),
    reference: z
      .union([z.boolean(), z.literal('rogue')])
      .default(false)
      .meta(
        key(
          'The embedded reference driver is put into that domain over SSH and is what is tested there; "rogue" for ' +
            'one that attacks the harness',
        ),
      ),
    features: z
      .array(text)
      .exactOptional()
      .meta({
        ...key('What the driver is to offer: keys of its xenstore directory; more or less than that is reported'),
        examples: [['feature-sg', 'feature-gso-tcpv4']],
      }),
    ssh: ssh.exactOptional().meta(key('How commands run in the guest; none: tests that need them are skipped')),
    local: z.boolean().default(false).meta(key('The driver runs in the domain of the run itself: commands run there')),
    console: text
      .exactOptional()
      .meta(key("Log file of the guest's console, on the host of the run", '/var/log/xen/console/guest-my-guest.log')),
    expectations: text
      .exactOptional()
      .meta(key('Known deviations; relative to this file', 'my-driver.expectations.yaml')),
    limits: limits.exactOptional().meta(key('What the driver or its system has no more of')),
    timeScale: z.number().min(0.1).max(1000).default(1).meta(key('Factor on every deadline')),
    destructive: z.boolean().default(false).meta(key('Whether tests may take the guest down')),
  })
  .superRefine(({ domain, connection, limits, config, ssh, local, reference }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (connection !== 'hotplug' && limits?.vifs !== undefined) {
      refuse('limits', `vifs is for "connection: hotplug"; with ${connection} there is one at a time`);
    }
    if (domain === SIMULATOR) return;
    if (reference !== false) {
      if (ssh === undefined) refuse('reference', 'needs "ssh", over which the reference driver is put there');
      if (connection === 'rebind') refuse('connection', 'rebind is nothing that the reference driver can do');
      return;
    }
    if (connection === 'restart' && config === undefined) {
      refuse('connection', 'restart needs "config", with which the guest is made anew');
    }
    if (connection === 'rebind' && ssh === undefined && !local) {
      refuse('connection', 'rebind needs "ssh", or "local: true": a command in the guest does it');
    }
  })
  .meta({
    title: 'netifspec target',
    description: 'A driver under test: what it is, where it runs, how it is reached',
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
