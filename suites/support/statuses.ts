/** Expectations about the statuses of responses. Messages show a status by its name in the header. */
import { nameOf } from '../../harness/bytes/codec.js';
import { CTRL_STATUS, CTRL_TYPE, RSP } from '../../harness/protocol/netif.js';
import { Unmet } from '../../harness/run/unmet.js';

/** A status, any of several, or anything except one status. */
type Allowed = number | readonly number[] | { readonly not: number };

type Table = Readonly<Record<string, number>>;

/** Expects a status of a tx or rx response, where undefined means no response. `about` names what it responds to. */
export function expectRsp(observed: number | undefined, allowed: Allowed, about: string): void {
  expectStatus(RSP, observed, allowed, about);
}

/** Expects a status of a control response. `about` names the message. */
export function expectCtrl(observed: number | undefined, allowed: Allowed, about: string): void {
  expectStatus(CTRL_STATUS, observed, allowed, about);
}

/** Expects a status in each entry of a list of grants, in their order. */
export function expectEntries(observed: readonly number[], allowed: readonly Allowed[]): void {
  allowed.forEach((each, n) => expectCtrl(observed[n], each, `entry ${n} of the list`));
}

function expectStatus(table: Table, observed: number | undefined, allowed: Allowed, about: string): void {
  const isExcluded = typeof allowed === 'object' && 'not' in allowed;
  const listed = isExcluded ? [allowed.not] : [allowed].flat();
  const isListed = observed !== undefined && listed.includes(observed);
  if (isListed !== isExcluded) return;
  throw new Unmet({
    about: `status of ${about}`,
    observed: observed === undefined ? 'no response' : headerName(table, observed),
    expected: isExcluded ? 'another status or none' : listed.map((status) => headerName(table, status)).join(' or '),
  });
}

/** The name of a value in the header, such as INVALID_PARAMETER; the number of a value that the header does not define. */
export function headerName(table: Table, value: number): string {
  return nameOf(table, value)?.toUpperCase() ?? String(value);
}

/** The name of the status of a tx or rx response. */
export const rspName = (status: number): string => headerName(RSP, status);
/** The name of the status of a control response. */
export const ctrlStatusName = (status: number): string => headerName(CTRL_STATUS, status);
/** The name of a type of control messages. */
export const ctrlTypeName = (type: number): string => headerName(CTRL_TYPE, type);

/** The names of the statuses of a packet's responses, each once. */
export function statusList(statuses: readonly (number | undefined)[]): string {
  return [...new Set(statuses)].map((status) => (status === undefined ? 'no response' : rspName(status))).join(', ');
}
