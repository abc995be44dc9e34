/** QEMU's monitor, to the extent that snapshots need it (QEMU's docs/interop/qmp-spec). */
import { connect, type Socket } from 'node:net';
import { LabError } from './error.js';

interface Waiter {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Message {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** One connection. Commands complete in order; events are ignored. */
export class Qmp {
  readonly #waiting: Waiter[] = [];
  #text = '';

  private constructor(readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (this.#text + chunk).split('\n');
      this.#text = lines.pop() ?? '';
      for (const line of lines) this.#receive(JSON.parse(line) as Message);
    });
    const end = (error?: Error) => {
      for (const waiter of this.#waiting.splice(0)) {
        waiter.reject(new LabError('QEMU closed its monitor; it may have ended', { cause: error }));
      }
    };
    socket.on('error', end).on('close', () => end());
  }

  /** Connects to QEMU's socket. Rejects with ENOENT or ECONNREFUSED before QEMU listens. */
  static async open(path: string): Promise<Qmp> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const monitor = new Qmp(socket);
    await monitor.execute('qmp_capabilities');
    return monitor;
  }

  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) {
        reject(new LabError('QEMU closed its monitor; it may have ended'));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(message: Message): void {
    if (message.error) this.#waiting.shift()?.reject(new LabError(`QEMU's monitor: ${message.error.desc}`));
    else if ('return' in message) this.#waiting.shift()?.resolve(message.return);
  }
}
