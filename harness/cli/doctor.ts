/** `netifspec doctor`: reports what a host can run, what is missing, and what may disturb a run. */
import { stdout } from '../base/terminal.js';
import { loadNative } from '../../native/index.js';
import { X86_64 } from '../lab/architecture.js';
import { missingPackages } from '../lab/tools.js';
import { disturbingSettings } from '../xen/native/disturbing-settings.js';
import { nativeProblems } from '../xen/native/index.js';
import { onXen } from '../xen/native/problems.js';
import type { DoctorOptions } from './options.js';

/** A finding and its details: `no` means that something cannot run, `note` that something may disturb a run. */
export interface Finding {
  readonly state: 'ok' | 'no' | 'note';
  readonly text: string;
  readonly details: readonly string[];
}

/** The state of a host that the doctor reports on. */
export interface Host {
  /** Why the addon cannot be used; undefined if it can. */
  readonly addon: string | undefined;
  readonly onXen: boolean | undefined;
  /** Reasons why the processes of this host cannot act as a domain of Xen. */
  readonly problems: readonly string[];
  readonly disturbingSettings: readonly string[];
  /** Debian packages that the lab needs and that are not installed. */
  readonly packages: readonly string[];
}

/** The findings on a host, from the feature with the fewest requirements to the one with the most. */
export function diagnose({ addon, onXen, problems, disturbingSettings, packages }: Host): Finding[] {
  const finding = (good: string, state: 'no' | 'note', bad: string, details: readonly string[]): Finding =>
    details.length === 0 ? { state: 'ok', text: good, details } : { state, text: bad, details };
  return [
    { state: 'ok', text: 'simulated Xen: reference drivers and driver modules can be tested', details: [] },
    finding('native addon: loaded', 'no', 'native addon: not available', addon === undefined ? [] : [addon]),
    finding(
      'real Xen: drivers on this host can be tested',
      'no',
      'real Xen: drivers on this host cannot be tested',
      problems,
    ),
    ...(onXen === false
      ? []
      : [
          finding(
            'host settings: none disturbs a run',
            'note',
            'host settings: some may disturb a run',
            disturbingSettings,
          ),
        ]),
    finding(
      'lab: all packages that it needs are installed',
      'no',
      'lab: Debian packages are missing',
      packages.length === 0 ? [] : [`Run "netifspec lab up --install", or: apt-get install ${packages.join(' ')}`],
    ),
  ];
}

/** Returns 0: a missing feature is not an error. */
export async function doctorCommand({ on, ...options }: DoctorOptions): Promise<number> {
  if (on !== undefined) {
    const { doctorOnHost } = await import('./doctor-on-host.js');
    return doctorOnHost(on, options);
  }
  const native = loadNative();
  const found = diagnose({
    addon: 'unavailable' in native ? native.unavailable : undefined,
    onXen: onXen(),
    problems: nativeProblems(),
    disturbingSettings: disturbingSettings(),
    packages: missingPackages(X86_64),
  });
  for (const { state, text, details } of found) {
    stdout.line([`${state.padEnd(4)}  ${text}`, ...details.map((line) => `        ${line}`)].join('\n'));
  }
  return 0;
}
