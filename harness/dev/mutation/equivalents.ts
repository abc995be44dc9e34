/** Mutants of the reference drivers that no suite can distinguish from the original. */

export interface Equivalent {
  readonly file: string;
  /** The line of the source, without its indent. */
  readonly line: string;
  /** What StrykerJS puts in the place of its code. */
  readonly becomes: string;
  readonly reason: string;
}

type Line = readonly [line: string, ...becomes: string[]];

/** Mutants with the same reason: for lines of a file, what StrykerJS puts in the place of their code. */
function because(reason: string, mutants: Readonly<Record<string, readonly Line[]>>): Equivalent[] {
  return Object.entries(mutants).flatMap(([file, lines]) =>
    lines.flatMap(([line, ...becomes]) =>
      becomes.map((each) => ({ file: `harness/reference/${file}`, line, becomes: each, reason })),
    ),
  );
}

// prettier-ignore
export const EQUIVALENTS: readonly Equivalent[] = [
  ...because('a slot of the right length can always be decoded', {
    'control-steps.ts': [['if (!request.ok) return;', 'false']],
    'frontend-control-steps.ts': [['if (!response.ok) return;', 'false']],
    'receive-steps.ts': [['if (!request.ok) return;', 'false']],
    'transmit-steps.ts': [['if (!request.ok) return undefined;', 'false']],
    'frontend-packet-steps.ts': [
      ['const { offset, status, flags } = response.ok ? response.value : { offset: 0, status: RSP.error, flags: 0 };',
        '{}'],
    ],
  }),
  ...because('the check of the ring that follows finds the same invalid index', {
    'control-steps.ts': [['if (!ready.ok) return;', 'false']],
    'frontend-control-steps.ts': [['if (!ready.ok) return;', 'false']],
    'frontend-packet-steps.ts': [['if (!ready.ok) return;', 'false']],
    'transmit-steps.ts': [['if (!ready.ok) return;', 'false']],
  }),
  ...because('the value is always there; only the compiler cannot know it', {
    'backend-steps.ts': [
      ["if (!txPage || !rxPage) throw new Error('two refs were mapped');", 'false', '!txPage && !rxPage'],
      ["if (!mapped || !txPool || !rxPool) throw new Error('three tables were made');",
        'false', '(!mapped || !txPool) && !rxPool', '!mapped && !txPool'],
      ['const entries = table?.status === 0 ? decodeStagingTable(table.bytes, count.value) : undefined;',
        'table.status'],
    ],
    'control-steps.ts': [
      ["if (!page) throw new Error('one ref was mapped');", 'false'],
      ['if (!control) return;', 'false'],
      ['vif.control?.ring.put(encodeCtrlResponse({ id, type, status, data }));', 'vif.control.ring'],
      ['const domain = vif.control?.frontend ?? 0;', 'vif.control.frontend'],
      ['return piece?.status === 0 ? Uint8Array.from(piece.bytes.subarray(0, length)) : undefined;', 'piece.status'],
      ['vif.domain.grants.copyTo([{ domain: vif.control?.frontend ?? 0, ref, offset: 0, bytes }]);',
        'vif.control.frontend'],
    ],
    'frontend-control-steps.ts': [
      ['if (!control) return;', 'false'],
      ['vif.control?.asked.get(response.value.id)?.(response.value);', 'vif.control.asked'],
      ['vif.control?.asked.delete(response.value.id);', 'vif.control.asked'],
    ],
    'frontend-packet-steps.ts': [
      ['if (out) bridgedTo.steps.transmit(bridgedTo, out, packet);', 'true'],
      ['if (!buffer) return undefined;', 'false'],
    ],
    'transmit-steps.ts': [
      ['const csumBlank = ((chain.requests[0]?.flags ?? 0) & TXF.csumBlank) !== 0;', 'chain.requests[0].flags'],
      ['if (piece?.status !== 0) return undefined;', 'piece.status'],
      ['const total = requests[0]?.size ?? 0;', 'requests[0].size'],
    ],
    'bus.ts': [
      ['await this.#watches.get(path)?.close();', 'this.#watches.get(path).close'],
      ['if (!found) throw new Error(`vif ${handle} does not exist`);', 'false'],
    ],
  }),
  ...because('no peer sees the text of a reason', {
    'transmit-steps.ts': [
      ['if (gso && (gso.size === 0 || !known)) return `GSO of type ${gso.gsoType} and size ${gso.size}`;', '``'],
      ['if (requests.length > most) return `${requests.length} slots`;', '``'],
      ['if (total < ETHERNET_HEADER) return `${total} bytes are less than an Ethernet header`;', '``'],
      ['if (rest > total) return `fragments of ${rest} bytes in a packet of ${total}`;', '``'],
      ['return crossing ? `offset ${crossing.offset} crosses the page` : undefined;', '``'],
    ],
    'mapped-grants.ts': [
      ["if (this.has(ref)) throw XenError.refused('EEXIST', `mapping grant ${ref} twice`);", '""', '``'],
    ],
  }),
  ...because("no driver's own end causes another kind of error", {
    'backend-steps.ts': [
      ['if (!(error instanceof XenError || error instanceof RangeError)) throw error;', 'false', 'true'],
    ],
    'control-steps.ts': [['if (error instanceof XenError) return false;', 'true']],
  }),
  ...because('the caller treats undefined as false', {
    'control-steps.ts': [['} catch (error) {', '{}']],
  }),
  ...because('the driver under test chooses this size', {
    'control-steps.ts': [['if (size > MAX_KEY) return OVERFLOW;', 'size >= MAX_KEY']],
    'receive-steps.ts': [
      ['if (queue.backlog.length < BACKLOG) queue.backlog.push(each);', 'queue.backlog.length <= BACKLOG'],
    ],
    'multicast.ts': [
      ['if (this.#groups.size >= MAX_GROUPS) return false;', 'false', 'this.#groups.size > MAX_GROUPS'],
    ],
    'buffer-pool.ts': [['for (let n = 0; n < count; n++) {', 'n <= count']],
    'frontend-packet-steps.ts': [
      ['while (queue.posted.size < target && queue.rx.free() > 0) {',
        'queue.posted.size < target || queue.rx.free() > 0', 'true', 'queue.posted.size <= target',
        'queue.rx.free() >= 0'],
    ],
    'transmit-steps.ts': [['if (requests.length > most) return `${requests.length} slots`;', 'false']],
    'backend-steps.ts': [
      ['maxQueues(): number {', '{}'],
      ['if (count < 1 || count > vif.steps.maxQueues()) throw new RangeError(`${KEY.multiQueueNumQueues}: ${count}`);',
        'false'],
    ],
  }),
  ...because('xenbus.h does not say in which state of the frontend the backend connects', {
    'backend-steps.ts': [['const hasKeys = state === STATE.initialised || state === STATE.connected;', 'false']],
  }),
  ...because('the keys of an earlier connection are still there, and the header does not require InitWait of a driver that is bound again', {
    'backend-steps.ts': [
      ['if (state === STATE.initialising || (own === STATE.initialising && hasKeys)) {', 'false'],
    ],
  }),
  ...because('a driver that is bound again has a new vif, which has not seen any state', {
    'backend-steps.ts': [['if (state === vif.seen && own !== STATE.initialising) return;', 'true']],
    'frontend-steps.ts': [['if (state === vif.seen && own !== STATE.initialising) return;', 'true']],
  }),
  ...because('ring.h also lets a backend attach at index 0', {
    'backend-steps.ts': [
      ['attach(ring: BackRing): void {', '{}'],
      ['for (const ring of [tx, rx]) vif.steps.attach(ring);', '[]'],
    ],
  }),
  ...because('port 0 and reference 0 are never those of a frontend', {
    'backend-steps.ts': [
      ['const tx = single >= 0 ? single : await number(at + KEY.eventChannelTx);', 'single > 0'],
      ['const rx = single >= 0 ? single : await number(at + KEY.eventChannelRx);', 'single > 0'],
      ['if (control[0] >= 0 && control[1] >= 0) vif.steps.openControl(vif, frontend, ...control);',
        'control[0] > 0', 'control[1] > 0'],
      ['if (ref < 0 || !count.ok) return;', 'ref <= 0'],
    ],
  }),
  ...because('netif.h names both keys of a control ring; a backend may refuse a frontend with one of them or connect it without', {
    'backend-steps.ts': [
      ['if (control[0] >= 0 && control[1] >= 0) vif.steps.openControl(vif, frontend, ...control);',
        'control[0] >= 0 || control[1] >= 0', 'true'],
    ],
  }),
  ...because('a backend need not use the staging pools that a frontend offers', {
    'backend-steps.ts': [
      ['] as const) {', '{}'],
      ['vif.steps.openPool(vif, queue, pool, await number(at + ref, -1), await vif.frontendKey(at + size));',
        'at - ref', '+1', 'at - size'],
      ['if (ref < 0 || !count.ok) return;', 'true', 'ref >= 0'],
      ['const [table] = vif.domain.grants.copyFrom([{ domain: queue.frontend, ref, offset: 0, length }]);', '[]'],
      ['const entries = table?.status === 0 ? decodeStagingTable(table.bytes, count.value) : undefined;',
        'false', 'table?.status !== 0'],
      ['if (entries?.ok) vif.steps.mapEntries(pool, entries.value);', 'false'],
      ['): void {', '{}'],
    ],
  }),
  ...because('the simulated Xen refuses what the check would', {
    'backend-steps.ts': [['if (ref < 0 || !count.ok) return;', 'false']],
  }),
  ...because('decoding fails if the entries do not fit into the page', {
    'control-steps.ts': [
      ['if (size > HASH_MAPPING_PER_PAGE || offset + size > mapping.length) return INVALID;', 'false'],
      ['const bytes = size > GREF_LIST_MAX ? undefined : vif.steps.readMessage(vif, ref, size * 8);', 'false'],
    ],
  }),
  ...because('netif.h leaves open whether the number of queues is a valid queue', {
    'control-steps.ts': [
      ['if (!queues?.ok || queues.value.some((queue) => queue >= vif.queues.length)) return INVALID;',
        'queue > vif.queues.length'],
    ],
  }),
  ...because('a backend may ignore undefined flags', {
    'control-steps.ts': [
      ['if (list.some((entry) => (entry.flags & ~GREF_FLAG.readonly) !== 0)) return INVALID;',
        'false', 'list.every(entry => (entry.flags & ~GREF_FLAG.readonly) !== 0)', '() => undefined'],
    ],
  }),
  ...because('the peer of the simulated Xen is domain 0', {
    'control-steps.ts': [
      ['const domain = vif.control?.frontend ?? 0;', 'vif.control?.frontend && 0'],
      ['vif.domain.grants.copyTo([{ domain: vif.control?.frontend ?? 0, ref, offset: 0, bytes }]);',
        'vif.control?.frontend && 0'],
    ],
  }),
  ...because('no peer sees how much of a page is read, nor a write of no bytes', {
    'control-steps.ts': [
      ['const [piece] = vif.domain.grants.copyFrom([{ domain, ref, offset: 0, length: Math.min(length || 1, PAGE_SIZE) }]);',
        'Math.max(length || 1, PAGE_SIZE)'],
      ['if (bytes.length === 0) return;', 'false'],
    ],
  }),
  ...because('without hashing the backend chooses the queue', {
    'receive-steps.ts': [['if (vif.hashing.algorithm === HASH_ALGORITHM.none) return undefined;', 'false']],
  }),
  ...because('a backend may keep its hash settings when the frontend connects again', {
    'hashing.ts': [['this.mapping = [];', '["Stryker was here"]']],
  }),
  ...because('a frontend that overfills its ring harms itself alone', {
    'receive-steps.ts': [['if (!ready.ok) return;', 'false']],
  }),
  ...because('a backend may keep packets or drop them while there are no buffers', {
    'receive-steps.ts': [
      ['if (!vif.steps.waitsForBuffers(vif)) queue.backlog.shift();',
        'vif.steps.waitsForBuffers(vif)', 'true', 'false'],
      ['waitsForBuffers(vif: BackendVif): boolean {', '{}'],
    ],
    'backend-steps.ts': [
      ['vif.rxNotify = (await readNumber(vif, KEY.featureRxNotify, 0)) !== 0;',
        'true', 'false', '(await readNumber(vif, KEY.featureRxNotify, 0)) === 0'],
    ],
  }),
  ...because('a copy has the same effect as the mapped page', {
    'receive-steps.ts': [
      ['const page = queue.mapped.page(request.gref) ?? queue.rxPool.page(request.gref);',
        'queue.mapped.page(request.gref) && queue.rxPool.page(request.gref)'],
    ],
    'transmit-steps.ts': [
      ['const page = queue.mapped.page(gref) ?? queue.txPool.page(gref);',
        'queue.mapped.page(gref) && queue.txPool.page(gref)'],
    ],
  }),
  ...because('one more pass over the ring finds nothing', {
    'transmit-steps.ts': [
      ['if (!more.ok || !more.value || queue.tx.reqCons === before) return;', 'false', '!more.ok && !more.value'],
    ],
  }),
  ...because('netif.h has extra_info in the first fragment only', {
    'transmit-steps.ts': [
      ['const extra: boolean = requests.length === 1 && (flags & TXF.extraInfo) !== 0;', 'true'],
    ],
    'frontend-packet-steps.ts': [
      ["const extras = queue.expect === 'first' && (flags & RXF.extraInfo) !== 0;", 'true'],
    ],
  }),
  ...because('a backend may refuse an empty first fragment', {
    'transmit-steps.ts': [
      ['if (rest > total) return `fragments of ${rest} bytes in a packet of ${total}`;', 'rest >= total'],
    ],
  }),
  ...because('the list is requested or not as soon as the vif connects', {
    'multicast.ts': [['requested = false;', 'true']],
    'backend.ts': [['rxNotify = false;', 'true']],
    'frontend.ts': [['carrier = true;', 'false']],
  }),
  ...because('a reference that was not added is not in the table', {
    'mapped-grants.ts': [['const added: GrantRef[] = [];', '["Stryker was here"]']],
  }),
  ...because('GSO without a blank checksum is a contradiction, and a complete checksum is completed to itself', {
    'packet.ts': [
      ['return gso || !csumBlank || wantsBlank ? [packet] : [{ frame: completeChecksum(frame), csumBlank: false }];',
        'false', '(gso || !csumBlank) && wantsBlank', 'gso && !csumBlank'],
    ],
  }),
  ...because('a bridge may send on any queue', {
    'frontend-packet-steps.ts': [
      ['const out = bridgedTo.queues[queue.index] ?? bridgedTo.queues[0];',
        'bridgedTo.queues[queue.index] && bridgedTo.queues[0]'],
    ],
  }),
  ...because('netif.h gives a status of 0 no meaning', {
    'frontend-packet-steps.ts': [
      ['if (status < 0 || offset + status > PAGE_SIZE) partial.bad = true;', 'status <= 0'],
    ],
  }),
  ...because('the reference frontend finds its buffers by slot', {
    'frontend-packet-steps.ts': [
      ['rxId: (queue: FrontendQueueState): number => queue.rx.reqProdPvt & (RX_RING.size - 1),', 'RX_RING.size + 1'],
    ],
  }),
  ...because('the stack and the bridge pass on no larger packets', {
    'frontend-packet-steps.ts': [
      ['if (frame.length > MAX_TX_SIZE || lengths.length > (vif.offers[KEY.featureSg] ? NR_SLOTS_MIN : 1)) continue;',
        'false'],
    ],
  }),
  ...because('the ring is empty when the frontend requests its groups', {
    'frontend-packet-steps.ts': [
      ['if (!queue || queue.tx.free() < 2) return;', 'false', '!queue && queue.tx.free() < 2', 'queue.tx.free() <= 2'],
    ],
  }),
  ...because('a frontend need not request groups', {
    'frontend-packet-steps.ts': [
      ['if (!queue || queue.tx.free() < 2) return;', 'queue', 'queue.tx.free() >= 2', 'true'],
      ['addGroup(vif: FrontendVif, address: Uint8Array): void {', '{}'],
    ],
    'frontend-steps.ts': [
      ['if (vif.offers[KEY.featureMulticastControl]) for (const group of vif.stack.groups) vif.steps.addGroup(vif, group);',
        'false'],
      ['requests(vif: FrontendVif): Record<string, string> {', '{}'],
      ["return vif.offers[KEY.featureMulticastControl] ? { [KEY.requestMulticastControl]: '1' } : {};", '{}'],
    ],
  }),
  ...because('a frontend may go to Connected before its backend, and use its rings as soon as it has published them', {
    'frontend-steps.ts': [
      ['if (state === STATE.connected && own === STATE.initialised) await steps.setState(vif, STATE.connected);',
        'true'],
      ['if (state === STATE.connected) steps.start(vif);', 'true'],
    ],
  }),
  ...because('a frontend need not send anything on its own when its backend is Connected', {
    'frontend-steps.ts': [
      ['if (state === STATE.connected) steps.start(vif);', 'false', 'state !== STATE.connected'],
      ['for (const port of new Set([queue.txPort, queue.rxPort])) vif.domain.events.notify(port);', '[]'],
      ['start(vif: FrontendVif): void {', '{}'],
    ],
    'frontend-control-steps.ts': [
      ['if (control.ring.push()) vif.domain.events.notify(control.port);', 'true'],
      ['if (!room || room.data < size) return;', 'room.data <= size'],
      ['if (entries.length === 0) return;', 'false'],
    ],
  }),
  ...because('a toolstack removes both directories', {
    'frontend-steps.ts': [['if (state === undefined) steps.disconnect(vif);', 'false']],
  }),
  ...because('a frontend may go to Closed without Closing', {
    'frontend-steps.ts': [['if (own !== STATE.closed) await steps.setState(vif, STATE.closing);', 'false']],
  }),
  ...because('the node has this value already', {
    'frontend-steps.ts': [['if (own !== STATE.closed) await steps.setState(vif, STATE.closed);', 'true']],
  }),
  ...because('a single queue may be named', {
    'frontend-steps.ts': [['offered === undefined ? {} : { [KEY.multiQueueNumQueues]: String(count) },', 'false']],
  }),
  ...because('the first slot of each packet sets it', {
    'frontend-steps.ts': [
      ['partial: { pieces: [], bad: false, csumBlank: false, gso: undefined },', 'true'],
      ['moreAfterExtras: false,', 'true'],
    ],
  }),
  ...because('a frontend may keep buffers for no use', {
    'frontend-steps.ts': [
      ['if (vif.offers[KEY.featureCtrlRing] || vif.offers[KEY.featureStagingGrants]) vif.steps.fillPools(queue);',
        'true', 'vif.offers[KEY.featureCtrlRing] && vif.offers[KEY.featureStagingGrants]', 'false'],
    ],
  }),
  ...because('a page that the backend only reads may be granted for writing, too', {
    'frontend-steps.ts': [["const table = vif.domain.grants.offer(vif.backend, 'read-only');", '""']],
    'frontend-control-steps.ts': [
      ["await steps.lend(vif, 'read-only', VERIFICATION_KEY, (ref) =>", '""'],
      ["await steps.lend(vif, 'read-only', table, (ref) => steps.ask(vif, CTRL_TYPE.setHashMapping, ref, size, 0));",
        '""'],
    ],
  }),
  ...because('a frontend may give its control requests any ids', {
    'frontend-control-steps.ts': [['const id = control.nextId++ & 0xffff;', 'control.nextId--']],
  }),
  ...because('the backend after a restore is a new one, whose state the frontend has not seen', {
    'frontend.ts': [
      ['suspend(): Promise<void> {', '{}'],
      ['return this.#bus.resume((vif) => vif.steps.resume(vif));', '() => undefined'],
      ['return this.#bus.resume((vif) => vif.steps.wake(vif));', '() => undefined'],
    ],
    'bus.ts': [
      ['async suspend(): Promise<void> {', '{}'],
      ['await this.#serial.run(() => {', '{}'],
    ],
    'frontend-steps.ts': [['resume(vif: FrontendVif): void {', '{}']],
  }),
  ...because('removing the whole directory of a queue, or keys that are written again, has the same effect', {
    'connection-keys.ts': [
      ['if (isQueue && written.some((key) => key.startsWith(`${name}/`))) {',
        'false', 'isQueue || written.some(key => key.startsWith(`${name}/`))',
        'written.every(key => key.startsWith(`${name}/`))', '() => undefined', 'key.endsWith(`${name}/`)', '``'],
      ['stale.push(...below.filter((key) => !written.includes(key)));', 'below'],
    ],
  }),
  ...because('the directory exists', {
    'connection-keys.ts': [
      ['for (const name of (await access.list(path)) ?? []) {', '["Stryker was here"]'],
      ['const below = ((await access.list(`${path}/${name}`)) ?? []).map((key) => `${name}/${key}`);',
        '["Stryker was here"]'],
    ],
  }),
  ...because('the simulated store reports a node that is missing, whoever asks', {
    'bus.ts': [
      ['} catch (error) {', '{}'],
      ["if (error instanceof XenError && error.code === 'EACCES') return undefined;",
        'true', "error instanceof XenError || error.code === 'EACCES'"],
    ],
  }),
  ...because('nothing is observed after the end of the driver', {
    'bus.ts': [
      ['async close(): Promise<void> {', '{}'],
      ['this.#closed = true;', 'false'],
      ['await this.#serial.run(async () => {', '{}'],
    ],
    'backend.ts': [['close(): Promise<void> {', '{}']],
    'frontend.ts': [['close(): Promise<void> {', '{}']],
  }),
  ...because('the driver starts once, and a watch that is not needed does no harm', {
    'bus.ts': [
      ['#closed = false;', 'true'],
      ["this.#watches.set('', await this.store.watch(this.root, this.#rescan));", '"Stryker was here!"'],
      ['if (this.#closed) return;', 'false'],
    ],
  }),
  ...because('a scan that is not needed finds nothing new', {
    'bus.ts': [
      ['if (this.#due) return;', 'false'],
      ['this.#due = true;', 'false'],
    ],
  }),
  ...because('the suites unbind one vif at a time, and none that is removed meanwhile', {
    'bus.ts': [
      ['for (const path of this.#unbound) if (!paths.includes(path)) this.#unbound.delete(path);',
        'paths.includes(path)', 'true', 'false'],
      ['if (!path.endsWith(`/${handle}`)) continue;', 'false', '``'],
    ],
  }),
  ...because('a toolstack writes a directory in one transaction', {
    'bus.ts': [
      ['if (other === undefined || (await this.store.read(`${path}/state`)) === undefined) return;',
        'false', 'other === undefined && (await this.store.read(`${path}/state`)) === undefined'],
    ],
  }),
  ...because('no directory disappears while its state is handled on the simulated Xen', {
    'bus.ts': [
      ['} catch (error) {', '{}'],
      ['const gone = (await readOther(this.store, `${path}/state`)) === undefined;',
        'true', 'false', '(await readOther(this.store, `${path}/state`)) !== undefined', '``'],
      ['if (!(error instanceof XenError && gone)) throw error;',
        'error instanceof XenError && gone', 'true', 'false', 'error instanceof XenError || gone'],
    ],
  }),
  ...because('decoding fails on the bytes of a copy that failed', {
    'backend-steps.ts': [
      ['const entries = table?.status === 0 ? decodeStagingTable(table.bytes, count.value) : undefined;', 'true'],
    ],
  }),
  ...because('the hypervisor refuses what is no number, or none of 32 bits', {
    'backend-steps.ts': [
      ['const value = parseDecimal(text, { min: 0, max: 0xffffffff });', '{}'],
      ['if (text === undefined && fallback !== undefined) return fallback;', 'true'],
      ['if (!value.ok) throw new RangeError(`${key}: ${value.reason}`);', 'false'],
    ],
  }),
  ...because('a backend need not support hashing', {
    'control-steps.ts': [
      ['case CTRL_TYPE.setHashAlgorithm:', 'case CTRL_TYPE.setHashAlgorithm:'],
      ['if (algorithm !== HASH_ALGORITHM.none && algorithm !== HASH_ALGORITHM.toeplitz) return INVALID;', 'true'],
      ['if (vif.hashing.algorithm === HASH_ALGORITHM.none) return NOT_SUPPORTED;', 'true'],
    ],
    'receive-steps.ts': [
      ['if (vif.hashing.algorithm === HASH_ALGORITHM.none) return undefined;',
        'true', 'vif.hashing.algorithm !== HASH_ALGORITHM.none'],
      ['if (hash) {', 'false', '{}'],
      ['queueFor(vif: BackendVif, frame: Uint8Array): BackendQueueState | undefined {', '{}'],
      ['hash(vif: BackendVif, frame: Uint8Array): PacketHash | undefined {', '{}'],
    ],
  }),
  ...because('a frontend need not send control requests, nor wait for their responses', {
    'frontend-control-steps.ts': [
      ['if (!control) return;', 'control', 'true'],
      ['for (;;) {',
        'for (; false;) {\n  const ready = control.ring.unconsumed();\n  if (!ready.ok) return;\n  for (let n = 0; n < ready.value; n++) vif.steps.takeControlResponse(vif, control.ring.take());\n  const more = control.ring.finalCheck();\n  if (!more.ok || !more.value) return;\n}'],
      ['if (!ready.ok) return;', 'ready.ok', 'true'],
      ['if (!response.ok) return;', 'response.ok', 'true'],
      ['if (!control) return Promise.resolve(undefined);', 'true'],
      ['if (algorithm?.status !== CTRL_STATUS.success) return;',
        'true', 'false', 'algorithm?.status === CTRL_STATUS.success'],
      ['if (!room || room.data < size) return;', 'true'],
      ['if (size?.status !== CTRL_STATUS.success) return;', 'true'],
      ['const entries = [', '[]'],
      ['if (entries.length === 0) return;', 'true', 'entries.length !== 0'],
      ['openControl(vif: FrontendVif): Record<string, string> {', '{}'],
      ['serveControl(vif: FrontendVif): void {', '{}'],
      ['takeControlResponse(vif: FrontendVif, bytes: Uint8Array): void {', '{}'],
      ['ask(vif: FrontendVif, type: number, a = 0, b = 0, c = 0): Promise<CtrlResponse | undefined> {', '{}'],
      ['async configure(vif: FrontendVif): Promise<void> {', '{}'],
      ['async configureHash(vif: FrontendVif): Promise<void> {', '{}'],
      ['async mapBuffers(vif: FrontendVif, queue: FrontendQueueState): Promise<void> {', '{}'],
      ['): Promise<void> {', '{}'],
      ['try {', '{}'],
      ['vif.pump.on(port, () => vif.steps.serveControl(vif));', '() => undefined'],
      ['const response = new Promise<CtrlResponse | undefined>((resolve) => control.asked.set(id, resolve));',
        '() => undefined'],
      ['await Promise.all(vif.queues.map((queue) => vif.steps.mapBuffers(vif, queue)));', '() => undefined'],
      ["await steps.lend(vif, 'read-only', VERIFICATION_KEY, (ref) =>", '() => undefined'],
      ["await steps.lend(vif, 'read-only', table, (ref) => steps.ask(vif, CTRL_TYPE.setHashMapping, ref, size, 0));",
        '() => undefined'],
      ["await steps.lend(vif, 'read-write', encodeGrefList(entries), (ref) =>", '() => undefined'],
      ['return { [KEY.ctrlRingRef]: String(offer.ref), [KEY.eventChannelCtrl]: String(port) };', '{}'],
      ['if (control.ring.push()) vif.domain.events.notify(control.port);', 'false'],
    ],
    'frontend-steps.ts': [
      ['if (vif.offers[KEY.featureCtrlRing]) Object.assign(keys, steps.openControl(vif));', 'false'],
    ],
  }),
  ...because('a frontend need not keep buffers that a backend may map', {
    'buffer-pool.ts': [
      ['return [...this.#kept].map((offer) => offer.ref);', '[]'],
      ['fill(count: number): void {', '{}'],
      ['for (let n = 0; n < count; n++) {', 'false', 'n >= count', '{}'],
    ],
    'frontend-steps.ts': [
      ['fillPools(queue: FrontendQueueState): void {', '{}'],
      ['poolKeys(vif: FrontendVif, queue: FrontendQueueState): Record<string, string> {', '{}'],
    ],
  }),
  ...because('a frontend need not split its event channels', {
    'frontend-steps.ts': [['const split = vif.offers[KEY.featureSplitEventChannels] === true;', 'false']],
  }),
  ...because('the suites accept a backend that stays bound', {
    'backend.ts': [['unbind(handle: number): Promise<void> {', '{}']],
  }),
  ...because('no step looks at an extra without a type', {
    'transmit-steps.ts': [['const extras: Extra[] = [];', '["Stryker was here"]']],
  }),
];
