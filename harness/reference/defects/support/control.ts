import { CTRL_STATUS } from '../../../protocol/netif.js';

/** Responses to control requests that defects do not act on. */
export const SUCCESS = { status: CTRL_STATUS.success };
export const INVALID_PARAMETER = { status: CTRL_STATUS.invalidParameter };
export const NOT_SUPPORTED = { status: CTRL_STATUS.notSupported };
