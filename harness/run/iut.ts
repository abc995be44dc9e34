import type { KernelLog } from '../guest/kernel-log.js';
import type { Link } from '../peer/link.js';
import type { VifAddress } from '../peer/vif.js';
import type { Reflector } from './reflectors.js';
import type { Domain, DomId, Holdings } from '../xen/domain.js';

/** A vif and the addresses of its ends. */
export interface LinkedVif {
  readonly vif: VifAddress;
  readonly link: Link;
}

/** The implementation under test and the world around it: all that a session knows of either. */
export interface Iut {
  /** The domain that the driver runs in; another one after a {@link recreate}. */
  readonly domain: DomId;
  /** The domain that the harness runs in. */
  readonly harness: Domain;
  readonly adapter: 'native' | 'simulated';
  /** The type of the directories in which the driver looks for its devices. */
  readonly deviceType: string;
  /** Present where the kernel log can be read. */
  readonly kernelLog?: KernelLog;
  /** Facts for the session record: keys are stable words. */
  facts(): Promise<Record<string, string>>;
  /**
   * Gives the interface behind a vif its address, so that its stack answers. Undefined where commands can't be run
   * in the guest: then it has the address by itself, or no reflector can be had.
   */
  readonly configure?: ((vif: VifAddress, link: Link) => Promise<void>) | undefined;
  /**
   * Joins the interfaces behind two vifs, so that a frame which comes in at one goes out at the other as it is, and
   * none reaches the guest's own stack. Undefined where commands can't be run in the guest.
   */
  readonly bridge?: ((vifs: readonly [LinkedVif, LinkedVif]) => Promise<void>) | undefined;
  /**
   * Whether the interface behind a vif has a carrier. Undefined where commands can't be run in the guest, or don't tell.
   */
  readonly carrier?: ((vif: LinkedVif) => Promise<boolean>) | undefined;
  /**
   * Saves the guest and restores it, as a domain that may have another number; `prepare` is called before it runs
   * again. Undefined where that can't be done.
   */
  readonly restore?: ((prepare: () => Promise<void>) => Promise<void>) | undefined;
  /**
   * The questions that the guest's stack is known to answer once an interface is configured: a driver can't be excused
   * with the silence of its guest.
   */
  readonly promised: ReadonlySet<Reflector>;
  /** Throws if the way to the guest is broken: asked before an answer that didn't come is held against the IUT. */
  alive(): Promise<void>;
  /**
   * Makes the guest anew and lets it boot; `prepare` is called before it runs. Undefined where that can't be done: what
   * a test broke stays broken.
   */
  readonly recreate?: (prepare?: () => Promise<void>) => Promise<void>;
  /** Waits until a guest that was made anew can be talked to, as what needs commands in it does by itself. */
  booted(): Promise<void>;
  /**
   * Makes the driver give up a vif (false if it has no such device), and take it again. Undefined where commands can't
   * be run in the guest.
   */
  readonly rebind?: { unbind(vif: VifAddress): Promise<boolean>; bind(vif: VifAddress): Promise<void> };
  /**
   * What the driver's domain holds right now, and what the harness does. The first is undefined where nobody can look;
   * the harness's watches aren't counted on a real host.
   */
  holdings(): { readonly driver?: Holdings; readonly harness: Holdings };
  /** On the simulated Xen: a digest of the order of deliveries so far. */
  order?(): string;
  /** On the simulated Xen: how many deliveries there were so far. */
  turns?(): number;
  close(): Promise<void>;
}
