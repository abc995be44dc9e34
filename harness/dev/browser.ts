/** A page in a headless Chromium, driven over a pipe by its DevTools protocol. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { CHROMIUM } from './chromium.js';

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly scheme?: 'light' | 'dark';
  readonly media?: 'screen' | 'print';
}

export interface OpenPage {
  /** What the page logged or failed to load, as text. */
  readonly problems: readonly string[];
  look(look: Look): Promise<void>;
  /** Opens an address and waits until its scripts have run. */
  open(address: string): Promise<void>;
  /** The value of a JavaScript expression in the page, which may be a promise. */
  evaluate(expression: string): Promise<unknown>;
  /** What is visible, as a PNG; or the whole page. */
  picture(options?: { readonly whole?: boolean }): Promise<Buffer>;
}

/** Runs `work` with a page of a Chromium of its own, which ends with it. Throws if no Chromium is installed. */
export async function withPage<T>(work: (page: OpenPage) => Promise<T>): Promise<T> {
  if (CHROMIUM === undefined) throw new Error('Chromium is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'netifspec-browser-'));
  const switches = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--remote-debugging-pipe'];
  const child = spawn(CHROMIUM, [...switches, `--user-data-dir=${folder}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    // A group of its own, which ends with all its processes.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
    return await work(await attach(new Connection(input, output)));
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

type Message = Readonly<Record<string, unknown>>;

/** Commands and events of the protocol: JSON, each ended by a zero byte. */
class Connection {
  readonly #waiting = new Map<number, { done: (result: Message) => void; failed: (error: Error) => void }>();
  readonly #listeners: ((method: string, params: Message) => void)[] = [];
  #last = 0;
  #session: string | undefined;

  constructor(
    private readonly input: Writable,
    output: Readable,
  ) {
    let rest = '';
    output.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\0');
      rest = parts.pop() ?? '';
      for (const part of parts) this.#receive(JSON.parse(part) as Message);
    });
    output.on('close', () => {
      for (const { failed } of this.#waiting.values()) failed(new Error('Chromium ended'));
    });
    input.on('error', () => undefined);
  }

  use(session: string): void {
    this.#session = session;
  }

  onEvent(listener: (method: string, params: Message) => void): void {
    this.#listeners.push(listener);
  }

  send(method: string, params: Message = {}): Promise<Message> {
    const id = ++this.#last;
    this.input.write(`${JSON.stringify({ id, method, params, ...(this.#session && { sessionId: this.#session }) })}\0`);
    return new Promise((done, failed) => this.#waiting.set(id, { done, failed }));
  }

  #receive({ id, method, params, result, error }: Message): void {
    if (typeof method === 'string') for (const listener of this.#listeners) listener(method, params as Message);
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    if (!waiting) return;
    this.#waiting.delete(id as number);
    if (error) waiting.failed(new Error(JSON.stringify(error)));
    else waiting.done(result as Message);
  }
}

async function attach(connection: Connection): Promise<OpenPage> {
  const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true });
  connection.use(sessionId as string);
  const problems: string[] = [];
  let loaded: () => void = () => undefined;
  connection.onEvent((method, params) => {
    if (method === 'Page.loadEventFired') loaded();
    if (['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'].includes(method))
      problems.push(JSON.stringify(params));
  });
  for (const domain of ['Page', 'Runtime', 'Log']) await connection.send(`${domain}.enable`);
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result, exceptionDetails } = await connection.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value?: unknown }).value;
  };
  return {
    problems,
    evaluate,
    async look({ width, height, scheme = 'light', media = 'screen' }) {
      await connection.send('Emulation.setDeviceMetricsOverride', {
        width,
        height,
        deviceScaleFactor: 1,
        mobile: width < 600,
      });
      const features = [{ name: 'prefers-color-scheme', value: scheme }];
      await connection.send('Emulation.setEmulatedMedia', { media, features });
    },
    async open(address) {
      // Another hash of the same page would not load it again.
      for (const url of ['about:blank', address]) {
        const done = new Promise<void>((resolve) => (loaded = resolve));
        await connection.send('Page.navigate', { url });
        await done;
      }
      await evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    },
    async picture({ whole = false } = {}) {
      const { data } = await connection.send('Page.captureScreenshot', { captureBeyondViewport: whole });
      return Buffer.from(data as string, 'base64');
    },
  };
}
