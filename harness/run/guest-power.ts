/** Tracks the domain of a target's guest, and replaces it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Domain, DomId } from '../xen/domain.js';
import type { Patience } from '../xen/wait.js';
import { EnvironmentError } from './environment.js';
import { findDomain } from './find-domain.js';
import type { GuestShell } from './guest-shell.js';
import type { Target } from './target.js';
import { xl } from './xl.js';

/** Time for a guest to boot, in milliseconds before scaling. */
const BOOT_MS = 60_000;

export interface PowerOptions {
  readonly harness: Domain;
  readonly target: Pick<Target, 'domain' | 'config'>;
  readonly patience: Patience;
  /** Runs commands in the guest; undefined if the target does not support it. */
  readonly shell?: GuestShell | undefined;
  /** Starts the driver again; undefined if its guest is created from `target.config`. */
  readonly start?: (() => Promise<void>) | undefined;
  readonly xl?: typeof xl;
}

export class GuestPower {
  readonly #xl: typeof xl;
  #booting: Promise<void> | undefined;
  #closed = false;
  /** Whether a domain has ended since the last check of the guest. */
  #released = false;

  private constructor(
    private id: DomId,
    private readonly options: PowerOptions,
  ) {
    this.#xl = options.xl ?? xl;
  }

  /** A GuestPower for `domain`, which is running. */
  static async open(domain: DomId, options: PowerOptions): Promise<GuestPower> {
    const power = new GuestPower(domain, options);
    try {
      await options.harness.store.watch('@releaseDomain', () => (power.#released = true));
    } catch {
      // Only a control domain gets this watch. Elsewhere a crash is detected after a timeout.
    }
    return power;
  }

  /** The number of the guest's domain; changes with each {@link recreate} and {@link restore}. */
  get domain(): DomId {
    return this.id;
  }

  /** Whether the driver can be started again. */
  get canRecreate(): boolean {
    return this.options.start !== undefined || this.options.target.config !== undefined;
  }

  /** Whether the guest is one of xl's that can be saved and restored; xl on Arm cannot (LIBXL_HAVE_NO_SUSPEND_RESUME). */
  get canRestore(): boolean {
    return this.options.target.config !== undefined && process.arch !== 'arm64';
  }

  /** Waits until a guest that was created or restored runs commands. Throws an EnvironmentError if it does not. */
  async booted(): Promise<void> {
    await this.#booting;
  }

  /** The result of {@link causeOfDeath}, if a domain has ended since the last call. */
  async died(): Promise<string | undefined> {
    if (!this.#released) return undefined;
    this.#released = false;
    return this.causeOfDeath();
  }

  /**
   * Why the guest is dead: its domain no longer exists, has crashed or was shut down. Undefined if it runs or its state
   * is unknown.
   */
  async causeOfDeath(): Promise<string | undefined> {
    if (!(await this.#isPresent())) return `domain ${this.id} no longer exists`;
    const list = await this.#xl('list', String(this.id)).catch(() => '');
    const state = /\s(?<state>[-r][-b][-p][-s][-c][-d])\s/.exec(list)?.groups?.['state'] ?? '';
    if (state.includes('c')) return `domain ${this.id} has crashed`;
    return state.includes('s') || state.includes('d') ? `domain ${this.id} has shut down` : undefined;
  }

  async #isPresent(): Promise<boolean> {
    return (await this.options.harness.store.read(`/local/domain/${this.id}`)) !== undefined;
  }

  /**
   * Destroys the guest and creates it from its configuration; `prepare` is called before it runs. A driver with a command
   * of its own is started by that, and `prepare` is called afterwards.
   */
  async recreate(prepare?: () => Promise<void>): Promise<void> {
    const { harness, target, start } = this.options;
    if (start) {
      await start();
      return this.#wake(prepare);
    }
    // The guest may no longer exist, or may have another number because the toolstack has restarted it after a crash.
    this.id = await findDomain(harness, target.domain).catch(() => this.id);
    if (await this.#isPresent()) await this.#xl('destroy', String(this.id));
    await this.#xl('create', '-q', '-p', String(this.options.target.config));
    await this.#wake(prepare, { paused: true });
  }

  /** Saves the guest and restores it; `prepare` is called before it runs. */
  async restore(prepare: () => Promise<void>): Promise<void> {
    await withFile(async (file) => {
      await this.#xl('save', String(this.id), file);
      await this.#xl('restore', '-p', file);
    });
    await this.#wake(prepare, { paused: true });
  }

  /** Saves the guest and lets it continue as the same domain. */
  async checkpoint(): Promise<void> {
    await withFile((file) => this.#xl('save', '-c', String(this.id), file));
  }

  /** Ends all waits for the guest. */
  close(): void {
    this.#closed = true;
  }

  /** Continues with the new domain of the guest. */
  async #wake(prepare?: () => Promise<void>, { paused = false } = {}): Promise<void> {
    const { harness, target, patience, shell } = this.options;
    shell?.renew();
    this.id = await findDomain(harness, target.domain);
    await prepare?.();
    if (paused) await this.#xl('unpause', String(this.id));
    this.#released = false;
    // The guest is up as soon as it runs commands. Until then SSH fails in many ways.
    const isUp = async (): Promise<boolean> =>
      this.#closed ||
      !shell ||
      (await shell.run('exit 0').then(
        ({ code }) => code === 0,
        () => false,
      ));
    this.#booting = patience.until('answer', isUp, { ms: BOOT_MS }).then(
      () => undefined,
      () => {
        throw new EnvironmentError(`the guest ${target.domain} cannot be reached after its restart; check its console`);
      },
    );
    // The callers that await it handle the error.
    this.#booting.catch(() => undefined);
  }
}

/** Calls `use` with the path of a temporary file. */
async function withFile(use: (file: string) => Promise<unknown>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'netifspec-'));
  try {
    await use(join(folder, 'saved'));
  } finally {
    await rm(folder, { recursive: true });
  }
}
