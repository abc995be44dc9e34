import { printFrame } from '../packet/print.js';
import { SlotPrinter } from '../protocol/print-slot.js';
import { RING_OFFSET, RingSight } from '../protocol/ring.js';
import type { Clock, Domain, Events, Grants, Mapping, Offer, Page, Store, StoreAccess } from './domain.js';

/** The origin of a step: the harness, the driver under test with its guest, or the store. */
export type TraceEnd = 'harness' | 'driver' | 'xenstore';

/** One step on a vif. */
export interface TraceStep {
  /** Milliseconds of the harness's clock. */
  readonly at: number;
  readonly from: TraceEnd;
  readonly to: TraceEnd;
  readonly what: string;
  /** For a frame: its first bytes in base64 and its length. */
  readonly frame?: { readonly bytes: string; readonly length: number };
}

/** Bytes of a frame that a trace keeps: enough for all headers, and for a whole small frame. */
const SNAP = 512;

/** A step that is not formatted yet. */
type Step = Omit<TraceStep, 'what' | 'frame'> & { readonly what: () => string; readonly frame?: Uint8Array };

/** The last steps at a port, oldest first. */
export class Trace {
  readonly #steps: Step[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly limit = 400,
  ) {}

  /** @param what is called only if the trace is read */
  add(from: TraceEnd, to: TraceEnd, what: () => string, frame?: Uint8Array): void {
    const at = this.clock.now();
    this.#steps.push(frame ? { at, from, to, what, frame } : { at, from, to, what });
    if (this.#steps.length > this.limit) this.#steps.shift();
  }

  /** A frame that was put into or read from a ring. */
  addFrame(frame: Uint8Array, sent: boolean): void {
    const [from, to] = sent ? (['harness', 'driver'] as const) : (['driver', 'harness'] as const);
    this.add(from, to, () => `frame: ${printFrame(frame)}`, frame);
  }

  /** Empties the trace; the returned function formats what was in it, since that is expensive. */
  take(): () => TraceStep[] {
    const taken = this.#steps.splice(0);
    return () => taken.map(traceStepOf);
  }

  /** The contents of the trace, which stay in it. */
  steps(): TraceStep[] {
    return this.#steps.map(traceStepOf);
  }
}

function traceStepOf({ what, frame, ...step }: Step): TraceStep {
  return {
    ...step,
    what: what(),
    ...(frame && { frame: { bytes: Buffer.from(frame.subarray(0, SNAP)).toString('base64'), length: frame.length } }),
  };
}

/** Characters of a value that a trace keeps: a hostile driver may write any number of them. */
const VALUE = 200;

function quoted(value: string): string {
  return JSON.stringify(value.length > VALUE ? `${value.slice(0, VALUE)}…` : value);
}

/** Header fields of a ring page, by offset: stores to them are recorded by name. */
const INDICES: Readonly<Record<number, string>> = {
  [RING_OFFSET.reqProd]: 'req_prod',
  [RING_OFFSET.reqEvent]: 'req_event',
  [RING_OFFSET.rspProd]: 'rsp_prod',
  [RING_OFFSET.rspEvent]: 'rsp_event',
};

/** The same domain; every change is recorded in `trace`, and every slot that is read or written. */
export function traced(domain: Domain, trace: Trace): Domain {
  return {
    ...pick(domain),
    store: tracedStore(domain.store, trace),
    grants: tracedGrants(domain.grants, trace),
    events: tracedEvents(domain.events, trace),
    close: () => domain.close(),
  };
}

function pick({
  id,
  clock,
  observer,
  capabilities,
}: Domain): Pick<Domain, 'id' | 'clock' | 'observer' | 'capabilities'> {
  return { id, clock, observer, capabilities };
}

/** @param reported paths that a watch reported and that were not read since: their values were written by the driver */
function tracedAccess(access: StoreAccess, trace: Trace, reported: Set<string>): StoreAccess {
  return {
    async read(path) {
      // Before the reply: a watch event that arrives in the meantime belongs to the next read.
      const wasReported = reported.delete(path);
      const value = await access.read(path);
      if (wasReported)
        trace.add('xenstore', 'harness', () => `read ${path} = ${value === undefined ? 'none' : quoted(value)}`);
      return value;
    },
    list: (path) => access.list(path),
    permissions: (path) => access.permissions(path),
    async write(path, value) {
      await access.write(path, value);
      trace.add('harness', 'xenstore', () => `write ${path} = ${quoted(value)}`);
    },
    async remove(path) {
      await access.remove(path);
      trace.add('harness', 'xenstore', () => `remove ${path}`);
    },
    setPermissions: (path, permissions) => access.setPermissions(path, permissions),
  };
}

function tracedStore(store: Store, trace: Trace): Store {
  const reported = new Set<string>();
  return {
    ...tracedAccess(store, trace, reported),
    transaction: (body) => store.transaction((access) => body(tracedAccess(access, trace, reported))),
    watch: (path, listener) =>
      store.watch(path, (changed) => {
        // Only the watched path itself: a hostile driver could create any number of nodes below it.
        if (changed === path) reported.add(path);
        trace.add('xenstore', 'harness', () => `watch ${changed}`);
        listener(changed);
      }),
  };
}

function tracedEvents(events: Events, trace: Trace): Events {
  return {
    bindUnbound: (remote) => events.bindUnbound(remote),
    bindInterdomain: (remote, port) => events.bindInterdomain(remote, port),
    unbind: (port) => events.unbind(port),
    notify(port) {
      trace.add('harness', 'driver', () => `notify port ${port}`);
      events.notify(port);
    },
    take() {
      const ports = events.take();
      for (const port of ports) trace.add('driver', 'harness', () => `event on port ${port}`);
      return ports;
    },
    unmask: (port) => events.unmask(port),
    onPending: (listener) => events.onPending(listener),
  };
}

function tracedGrants(grants: Grants, trace: Trace): Grants {
  return {
    offer(domain, access) {
      const offer = grants.offer(domain, access);
      const page = tracedPage(offer.page, `ref ${offer.ref}`, 'frontend', trace);
      return { ref: offer.ref, page, end: () => offer.end() } satisfies Offer;
    },
    map(domain, refs, access) {
      const mapping = grants.map(domain, refs, access);
      trace.add('driver', 'harness', () => `map ${refs.join(', ')} of domain ${domain}`);
      const pages = mapping.pages.map((page, n) =>
        tracedPage(page, `ref ${refs[n]} of domain ${domain}`, 'backend', trace),
      );
      return { pages, unmap: () => mapping.unmap() } satisfies Mapping;
    },
    copyFrom(segments) {
      const results = grants.copyFrom(segments);
      results.forEach(({ status, bytes }, n) => {
        trace.add(
          'driver',
          'harness',
          () => `copy ${bytes.length} bytes from ref ${segments[n]?.ref}: status ${status}`,
        );
      });
      return results;
    },
    copyTo(segments) {
      const statuses = grants.copyTo(segments);
      segments.forEach(({ ref, bytes }, n) => {
        trace.add('harness', 'driver', () => `copy ${bytes.length} bytes to ref ${ref}: status ${statuses[n]}`);
      });
      return statuses;
    },
  };
}

/** @param role the harness's end of the ring in the page: the frontend offers the page, the backend maps it */
function tracedPage(page: Page, name: string, role: 'frontend' | 'backend', trace: Trace): Page {
  const requests = role === 'frontend' ? 'wrote' : 'read';
  const printers: { read?: SlotPrinter; wrote?: SlotPrinter } = {};
  const sight = new RingSight();
  const slot = (what: 'read' | 'wrote', offset: number, bytes: Uint8Array): void => {
    const layout = sight.slotAt(offset, bytes.length);
    if (!layout) return;
    const printer = (printers[what] ??= new SlotPrinter(layout, what === requests ? 'request' : 'response'));
    const print = printer.next(bytes.slice());
    const [from, to] = what === 'read' ? (['driver', 'harness'] as const) : (['harness', 'driver'] as const);
    const index = (offset - RING_OFFSET.slots) / layout.slotBytes;
    trace.add(from, to, () => `${what} slot ${index}: ${print()} (${name})`);
  };
  return {
    writable: page.writable,
    load32(offset) {
      sight.touched(offset);
      return page.load32(offset);
    },
    store32(offset, value) {
      sight.touched(offset);
      page.store32(offset, value);
      trace.add('harness', 'driver', () => `${name}: ${INDICES[offset] ?? `u32 at ${offset}`} = ${value}`);
    },
    copyOut(offset, length) {
      const bytes = page.copyOut(offset, length);
      slot('read', offset, bytes);
      return bytes;
    },
    copyIn(offset, bytes) {
      page.copyIn(offset, bytes);
      slot('wrote', offset, bytes);
    },
    flicker(offset, values) {
      trace.add('harness', 'driver', () => `${name}: u32 at ${offset} changes between ${values.join(' and ')}`);
      return page.flicker(offset, values);
    },
    ...(page.onStore && { onStore: page.onStore.bind(page) }),
  };
}
