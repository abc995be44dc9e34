/** Checks of the arguments of a profile's scripts. Each throws a RangeError. */
import { isIPv4 } from 'node:net';
import { quotePosix } from '../ssh/posix.js';

/** A MAC address in lower case. */
export function checkedMac(mac: string): string {
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) return mac.toLowerCase();
  throw new RangeError(`not a MAC address: ${JSON.stringify(mac)}`);
}

export function checkedAddress(ipv4: string, prefix: number): string {
  if (!isIPv4(ipv4)) throw new RangeError(`not an IPv4 address: ${JSON.stringify(ipv4)}`);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > 32) throw new RangeError(`not a prefix length: ${prefix}`);
  return `${ipv4}/${prefix}`;
}

export function checkedDevice(device: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,14}$/.test(device)) return device;
  throw new RangeError(`not a network device: ${JSON.stringify(device)}`);
}

export function checkedDriver(driver: string): string {
  if (/^[A-Za-z0-9][\w-]{0,62}$/.test(driver)) return driver;
  throw new RangeError(`not a kernel module: ${JSON.stringify(driver)}`);
}

/** A line that sets a variable of a POSIX shell. */
export function assignPosix(name: string, value: string): string {
  return `${name}=${quotePosix(value)}`;
}
