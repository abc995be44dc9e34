import { XenError, type DomId, type Permission } from '../domain.js';

/**
 * The domain in which netifspec runs on the simulated Xen, with all rights to xenstore. It is not domain 0: otherwise no
 * test would notice a driver that always looks for its peer there.
 */
export const HARNESS_DOMAIN = 3;
/** Domains that may do everything in xenstore. */
const PRIVILEGED: ReadonlySet<DomId> = new Set([0, HARNESS_DOMAIN]);

const READ = 1;
const WRITE = 2;
const OWNER = 4;
const LETTERS = { n: 0, r: READ, w: WRITE, b: READ | WRITE } as const;

/** xs_wire.h, XENSTORE_PAYLOAD_MAX and XENSTORE_ABS_PATH_MAX. */
const PAYLOAD_MAX = 4096;
const ABS_PATH_MAX = 3072;

/** Immutable: each change of a node replaces it, so that identity shows whether it changed. */
interface Node {
  readonly value: string;
  readonly permissions: readonly Permission[];
  readonly children: readonly string[];
}

/** The tree as one request sees it: that of the store or of a transaction. */
interface View {
  get(path: string): Node | undefined;
  put(path: string, node: Node | undefined): void;
  /**
   * Reports that a request changed `path`, to the watches at or above it, or only to those at it if `exact`. `before`
   * is the previous node, whose readers may see the change.
   */
  changed(path: string, exact: boolean, before: Node | undefined): void;
}

/** One registered watch. `deliver` gets the path in the form of the watch: relative if the watch was. */
export class StoreWatch {
  constructor(
    readonly domain: DomId,
    /** Absolute, or one of xenstored's own names such as `@releaseDomain`. */
    readonly path: string,
    /** The prefix that a relative watch omits. */
    private readonly prefix: string,
    private readonly deliver: (path: string) => void,
  ) {}

  fire(path: string): void {
    this.deliver(path.slice(this.prefix.length));
  }
}

/** The requests inside or outside a transaction; every method is one request of `domain` with an absolute path. */
export class Requests {
  constructor(
    private readonly view: View,
    private readonly domain: DomId,
  ) {}

  read(path: string): string | undefined {
    return this.#find(path, READ)?.value;
  }

  list(path: string): string[] | undefined {
    return this.#find(path, READ)?.children.slice();
  }

  permissions(path: string): Permission[] | undefined {
    return this.#find(path, READ)?.permissions.map((permission) => ({ ...permission }));
  }

  write(path: string, value: string): void {
    const length = Buffer.byteLength(value);
    if (path.length + 1 + length > PAYLOAD_MAX) throw XenError.refused('E2BIG', `writing ${path}`);
    const node = this.#find(path, WRITE);
    // A value is bytes: what isn't UTF-8 can't be stored unchanged.
    const bytes = length === value.length ? value : Buffer.from(value).toString();
    if (node) this.view.put(path, { ...node, value: bytes });
    else this.#create(path, bytes);
    this.view.changed(path, false, node);
  }

  remove(path: string): void {
    const parent = parentOf(path);
    if (parent === undefined) throw XenError.refused('EINVAL', `removing ${path}`);
    if (!this.#find(path, WRITE)) return;
    this.#removeTree(path, path);
    const node = this.view.get(parent);
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (node) this.view.put(parent, { ...node, children: node.children.filter((child) => child !== name) });
  }

  setPermissions(path: string, permissions: readonly Permission[]): void {
    const owner = permissions[0];
    if (!owner) throw XenError.refused('EINVAL', `no permissions for ${path}`);
    const node = this.#find(path, WRITE | OWNER);
    if (!node) throw XenError.refused('ENOENT', `setting permissions of ${path}`);
    if (!PRIVILEGED.has(this.domain) && owner.domain !== this.domain)
      throw XenError.refused('EPERM', `giving ${path} to domain ${owner.domain}`);
    this.view.put(path, { ...node, permissions: permissions.map((permission) => ({ ...permission })) });
    this.view.changed(path, false, node);
  }

  /** The node, or undefined if it is missing and the domain may know that. */
  #find(path: string, wanted: number): Node | undefined {
    let at = path;
    let node = this.view.get(at);
    // A node that exists has a valid path.
    if (!node) checkPath(path);
    while (!node) {
      // Reports a missing node only to a domain that may access the nearest ancestor.
      at = parentOf(at) ?? '/';
      node = this.view.get(at);
    }
    if ((allowed(this.domain, node) & wanted) !== wanted) throw XenError.refused('EACCES', path);
    return at === path ? node : undefined;
  }

  /** Creates the node and its missing ancestors, each with the permissions of its parent. */
  #create(path: string, value: string): Node {
    const up = parentOf(path) ?? '/';
    const parent = this.view.get(up) ?? this.#create(up, '');
    const [owner, ...others] = parent.permissions;
    const inherits = PRIVILEGED.has(this.domain) || !owner;
    const permissions = inherits ? parent.permissions : [{ ...owner, domain: this.domain }, ...others];
    const node = { value, permissions, children: [] };
    this.view.put(path, node);
    this.view.put(up, { ...parent, children: [...parent.children, path.slice(path.lastIndexOf('/') + 1)] });
    return node;
  }

  #removeTree(path: string, root: string): void {
    const node = this.view.get(path);
    for (const child of node?.children ?? []) this.#removeTree(`${path}/${child}`, root);
    this.view.put(path, undefined);
    this.view.changed(path, path !== root, node);
  }
}

/** The store and its watches. As strict and as talkative as xenstored of Xen 4.17. */
export class Xenstored implements View {
  readonly #nodes = new Map<string, Node>([
    ['/', { value: '', permissions: [{ domain: 0, access: 'n' }], children: [] }],
  ]);
  readonly #watches = new Map<string, Set<StoreWatch>>();

  get(path: string): Node | undefined {
    return this.#nodes.get(path);
  }

  put(path: string, node: Node | undefined): void {
    if (node) this.#nodes.set(path, node);
    else this.#nodes.delete(path);
  }

  changed(path: string, exact: boolean, before: Node | undefined): void {
    let seen: (Node | undefined)[] | undefined;
    for (let at: string | undefined = path; at !== undefined; at = exact ? undefined : parentOf(at)) {
      const watches = this.#watches.get(at);
      if (!watches) continue;
      seen ??= [before, this.get(path), this.get(parentOf(path) ?? '/')];
      for (const watch of watches)
        if (seen.some((node) => node && allowed(watch.domain, node) & READ)) watch.fire(path);
    }
  }

  /** Fires the watches of one of xenstored's own names, which only privileged domains may watch. */
  announce(name: '@introduceDomain' | '@releaseDomain'): void {
    for (const watch of this.#watches.get(name) ?? []) if (PRIVILEGED.has(watch.domain)) watch.fire(name);
  }

  watch(watch: StoreWatch): void {
    if (!watch.path.startsWith('@')) checkPath(watch.path);
    const watches = this.#watches.get(watch.path) ?? new Set();
    this.#watches.set(watch.path, watches.add(watch));
    watch.fire(watch.path);
  }

  unwatch(watch: StoreWatch): void {
    const watches = this.#watches.get(watch.path);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(watch.path);
  }
}

/** A transaction's copies of the nodes that it accessed, as of the first access to each. */
export class Transaction implements View {
  readonly #seen = new Map<string, Node | undefined>();
  readonly #own = new Map<string, Node | undefined>();
  readonly #changes = new Map<string, boolean>();
  ended = false;

  constructor(private readonly store: Xenstored) {}

  get(path: string): Node | undefined {
    if (this.#own.has(path)) return this.#own.get(path);
    const node = this.#seen.has(path) ? this.#seen.get(path) : this.store.get(path);
    this.#seen.set(path, node);
    return node;
  }

  put(path: string, node: Node | undefined): void {
    this.get(path);
    this.#own.set(path, node);
  }

  changed(path: string, exact: boolean): void {
    this.#changes.set(path, exact && (this.#changes.get(path) ?? true));
  }

  /** Commits the changes, unless a node that the transaction accessed has changed; then returns false. */
  commit(): boolean {
    for (const [path, node] of this.#seen) if (this.store.get(path) !== node) return false;
    for (const [path, node] of this.#own) this.store.put(path, node);
    for (const [path, exact] of this.#changes) this.store.changed(path, exact, this.#seen.get(path));
    return true;
  }
}

function parentOf(path: string): string | undefined {
  if (path === '/') return undefined;
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function checkPath(path: string): void {
  if (path.length > ABS_PATH_MAX || !/^(\/|(\/[-\w@]+)+)$/.test(path)) throw XenError.refused('EINVAL', `path ${path}`);
}

function allowed(domain: DomId, { permissions }: Node): number {
  const owner = permissions[0];
  if (PRIVILEGED.has(domain) || owner?.domain === domain) return READ | WRITE | OWNER;
  const access = (permissions.find((permission) => permission.domain === domain) ?? owner)?.access;
  return access ? LETTERS[access] : 0;
}
