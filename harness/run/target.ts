/** Target files: the driver under test, its domain, and how to reach it. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { isMatcher } from '../base/pattern.js';
import { PROFILES } from '../guest/profile.js';
import { COMMANDS, HOST_COMMANDS } from '../guest/replaced.js';
import { REFLECTORS } from '../peer/context.js';
import { key, readYamlFile } from './yaml-file.js';
import { YamlFileError } from './yaml-file-error.js';

const text = z.string().trim().min(1, 'must not be empty');
const SIMULATOR = 'simulator';

const ssh = z.strictObject({
  host: text.meta(key('Guest address, as seen from the test host', '192.168.1.20')),
  port: z.int().min(1).max(65535).exactOptional().meta(key('Port of its sshd (default: 22)', 22)),
  user: text.exactOptional().meta(key('User to log in as (default: root)', 'root')),
  identity: text.exactOptional().meta(key('Private key file on the test host', '/root/.ssh/id_ed25519')),
  knownHosts: text.meta(
    key("OpenSSH known_hosts file on the test host, with the guest's key", '/root/.ssh/known_hosts'),
  ),
});

type Described = Readonly<Record<string, { readonly does: string; readonly example: string }>>;

function commandsOf<C extends Described>(described: C) {
  return z.strictObject(
    Object.fromEntries(
      Object.entries(described).map(([name, { does, example }]) => [
        name,
        text.exactOptional().meta(key(`A command that ${does}`, example)),
      ]),
    ) as Record<keyof C, z.ZodExactOptional<typeof text>>,
  );
}

/** A part of a xenstore path. */
const pathPart = z.string().regex(/^[\w-]+$/, 'must be a part of a xenstore path: letters, digits, dashes');

const limits = z.strictObject({
  vifs: z
    .int()
    .min(1)
    .max(100)
    .exactOptional()
    .meta(key('Largest number of vifs at a time with hotplug (default: as many as a test needs)', 1)),
});

export const targetSchema = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[a-z0-9][a-z0-9-]*$/,
        'must be lower-case letters, digits and dashes, since it names files and test suites',
      )
      .meta(key('Name in reports: lower-case letters, digits and dashes', 'my-driver')),
    role: z.enum(['frontend', 'backend']).meta(key('End of the vif that is under test')),
    domain: z
      .union([z.int().min(0).max(0x7fef), text])
      .meta(
        key(
          `Domain in which the driver runs, by name or number; "${SIMULATOR}" for the reference driver on a simulated Xen`,
          'my-guest',
        ),
      ),
    connection: z
      .enum(['hotplug', 'rebind', 'restart', 'once'])
      .default('hotplug')
      .meta(
        key(
          'How to make a fresh connection: hotplug (a new vif each time), rebind (a command in the guest detaches the ' +
            'driver from its only vif and attaches it again), restart (the guest is created again from "config") or ' +
            'once (one connection for the whole run)',
        ),
      ),
    config: text
      .exactOptional()
      .meta(
        key(
          'xl configuration of the guest, on the test host, from which a guest that went down is created again',
          '/etc/xen/my-guest.cfg',
        ),
      ),
    os: z
      .enum(Object.keys(PROFILES) as [string, ...string[]])
      .default('linux')
      .meta(key('Guest OS: selects the commands that run in the guest; only those of linux were ever run')),
    commands: commandsOf(COMMANDS)
      .exactOptional()
      .meta(key('Overrides of single guest commands; each runs in the shell of the guest')),
    hostCommands: commandsOf(HOST_COMMANDS)
      .exactOptional()
      .meta(key('Commands that run on the test host instead: for a guest without SSH, or a driver that is a program')),
    handle: z
      .int()
      .min(0)
      .max(0x7fff_ffff)
      .exactOptional()
      .meta(
        key(
          'Number of the vif, and of the first one with hotplug, for a guest that only looks for that (default: 20)',
          0,
        ),
      ),
    deviceType: pathPart
      .exactOptional()
      .meta(key("Device type in the path of the driver's xenstore directory (default: vif)", 'qnic')),
    peerType: pathPart
      .exactOptional()
      .meta(
        key(
          "Device type in the path of netifspec's directory (default: netifspec); for a driver that only looks for the " +
            'peer there',
          'vif',
        ),
      ),
    interface: z
      .string()
      .regex(/^[\w.$-]+$/, 'must be the name of a network interface')
      .exactOptional()
      .meta(
        key(
          "Name of a backend's network interface, with $frontend (domain) and $handle (default: that of the OS, for Linux vif$frontend.$handle)",
          'xvif$frontend',
        ),
      ),
    driver: text
      .exactOptional()
      .meta(key("The driver's kernel module, whose version and parameters are reported", 'xen-netfront')),
    reference: z
      .union([z.boolean(), z.literal('rogue')])
      .default(false)
      .meta(
        key(
          'Whether netifspec copies its reference driver into the domain over SSH and tests that one; "rogue" for a ' +
            'driver that attacks netifspec',
        ),
      ),
    features: z
      .array(text)
      .exactOptional()
      .meta({
        ...key(
          'Keys that the driver should advertise in its xenstore directory; a missing or additional one is reported',
        ),
        examples: [['feature-sg', 'feature-gso-tcpv4']],
      }),
    ssh: ssh
      .exactOptional()
      .meta(key('SSH access to the guest; without it, tests that run commands in the guest are skipped')),
    local: z
      .boolean()
      .default(false)
      .meta(key('Whether the driver runs in the domain of netifspec itself, so that commands run without SSH')),
    console: text
      .exactOptional()
      .meta(key("Log file of the guest's console, on the test host", '/var/log/xen/console/guest-my-guest.log')),
    crash: z
      .array(text.refine(isMatcher, 'is not a valid regular expression'))
      .exactOptional()
      .meta({
        ...key(
          'Parts of console lines, or /regular expressions/, by which the guest reports a crash, in addition to those ' +
            'of Linux, the BSDs, illumos, Windows, Mini-OS, Unikraft and Xen',
        ),
        examples: [['ABORT']],
      }),
    reflectors: z
      .array(z.enum(REFLECTORS))
      .exactOptional()
      .meta({
        ...key("What the guest's stack replies to; a missing reply is a failure then, and skips no tests"),
        examples: [['arp', 'icmp', 'icmp-full', 'tcp']],
      }),
    expectations: text
      .exactOptional()
      .meta(key('File of known deviations; its path is relative to this file', 'my-driver.expectations.yaml')),
    limits: limits.exactOptional().meta(key('Limits of the driver or its OS')),
    timeScale: z
      .number()
      .min(0.1)
      .max(1000)
      .default(1)
      .meta(key('Factor by which every deadline is multiplied, for slow hosts')),
    destructive: z.boolean().default(false).meta(key('Whether destructive tests, which may take the guest down, run')),
  })
  .superRefine(({ domain, connection, limits, config, os, commands, hostCommands, ssh, local, reference }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message });
    if (connection !== 'hotplug' && limits?.vifs !== undefined) {
      refuse('limits', `vifs needs "connection: hotplug"; with ${connection} there is one vif at a time`);
    }
    if (domain === SIMULATOR) return;
    if (reference !== false) {
      if (ssh === undefined) refuse('reference', 'needs "ssh", by which the reference driver is copied to the domain');
      if (connection === 'rebind')
        refuse('connection', 'rebind is not supported by the reference driver; use hotplug, restart or once');
      return;
    }
    if (connection === 'restart' && config === undefined && hostCommands?.start === undefined) {
      refuse('connection', 'restart needs "config", from which the guest is created again, or "hostCommands.start"');
    }
    if (connection !== 'rebind') return;
    const binds = hostCommands?.bind !== undefined && hostCommands.unbind !== undefined;
    const has = (name: 'bind' | 'unbind'): boolean =>
      (hostCommands?.[name] ?? commands?.[name] ?? PROFILES[os]?.[name]) !== undefined;
    if (ssh === undefined && !local && !binds)
      refuse('connection', 'rebind needs "ssh", "local: true" or "hostCommands", since it runs commands');
    else if (!has('bind') || !has('unbind'))
      refuse('connection', `rebind needs "bind" and "unbind" in "commands", since netifspec has none for ${os}`);
  })
  .meta({
    title: 'netifspec target',
    description: 'A driver under test: its role, its domain, how to reach it and how to make a connection',
  });

export type Target = z.infer<typeof targetSchema>;

/** Whether the target is a reference driver on the simulated Xen. */
export function isSimulated(target: Target): boolean {
  return target.domain === SIMULATOR;
}

/** The reference driver of a role, on the simulated Xen. */
export function referenceTarget(role: Target['role']): Target {
  return targetSchema.parse({ name: `reference-${role}`, role, domain: SIMULATOR, destructive: true });
}

/** Reads a target file. Throws YamlFileError with file, line and key, also if the expectations file is missing. */
export function loadTarget(path: string): Target {
  const advice = `run "netifspec init ${path} --role ROLE" to create one`;
  const { data, at } = readYamlFile(path, targetSchema, advice);
  if (!data.expectations) return data;
  const expectations = resolve(dirname(path), data.expectations);
  if (!existsSync(expectations)) {
    throw new YamlFileError(
      `${at(['expectations'])}: expectations: ${expectations}: no such file; create it or omit the key`,
    );
  }
  return { ...data, expectations };
}
