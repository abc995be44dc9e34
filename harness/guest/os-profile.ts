/** What netifspec has to know about a guest's operating system. */

/** The interface of a frontend under test, found by the MAC address that its backend assigned. */
export interface InterfaceConfig {
  readonly mac: string;
  readonly ipv4: string;
  /** Prefix length in bits, 0 to 32. */
  readonly prefix: number;
}

/** The interface of a backend under test: `vif<frontend's domid>.<handle>` on Linux. */
export interface VifConfig {
  readonly device: string;
  readonly ipv4: string;
  readonly prefix: number;
}

/** An interface, by MAC address (of a frontend) or by name (of a backend). */
export type Port = { readonly mac: string } | { readonly device: string };

/** The numbers that identify a vif. */
export interface VifNumbers {
  /** The domain of the frontend. */
  readonly frontend: number;
  readonly handle: number;
}

export type Role = 'frontend' | 'backend';

/** Exit status of a configuration script whose interface does not exist or is not ready yet: retry until a deadline. */
export const NO_INTERFACE = 3;

/**
 * Scripts for the guest's shell. All arguments are validated (a RangeError names an invalid one) and quoted.
 *
 * The configuration scripts print the name of the interface and bring it up with the address. It replies to ARP,
 * neighbour solicitations and pings, and sends as little as possible by itself. They may run repeatedly.
 *
 * A member that is undefined is something that the system cannot do: the tests that need it are skipped.
 */
export interface OsProfile {
  readonly name: string;
  /** The name of a backend's network interface, with $frontend and $handle (default: vif$frontend.$handle). */
  readonly vif?: string | undefined;
  /** The command that runs a script in the guest, in place of /bin/sh. */
  readonly command?: (script: string) => string;
  /** A line of a script that sets a variable. */
  readonly assign: (name: string, value: string) => string;
  readonly configureInterface: (config: InterfaceConfig) => string;
  readonly configureVif?: ((config: VifConfig) => string) | undefined;
  /**
   * Adds interfaces to a bridge without learning of groups and without packets of its own. An interface leaves the
   * bridge when it is removed.
   */
  readonly bridge?: ((ports: readonly Port[]) => string) | undefined;
  /** Removes the bridge, if it exists. */
  readonly unbridge?: (() => string) | undefined;
  /** Prints 1 if an interface has a carrier, and 0 if it has none or is down. */
  readonly carrier?: ((port: Port) => string) | undefined;
  /** Unbinds the driver of a role from its end of a vif; `bind` binds it again. */
  readonly unbind?: ((role: Role, vif: VifNumbers) => string) | undefined;
  readonly bind?: ((role: Role, vif: VifNumbers) => string) | undefined;
  /**
   * A script that prints the kernel release, and version and parameters of the driver, in the format of `parseFacts`.
   */
  readonly kernelFacts: (driver: string) => string;
}
