/**
 * `netifspec/driver`: what a driver module for `netifspec run --iut` is made of. The interface, the domain that the
 * driver runs in, the reference drivers as a base, and the codecs and rings of the protocol.
 */
export type { Driver, DriverSetting, MakeDriver } from '../run/driver.js';
export type * from '../xen/domain.js';
export { PageError, XenError } from '../xen/domain.js';
export { EventPump } from '../xen/event-pump.js';
export type { FrameMeta, Stack } from '../packet/stack.js';

export { type PlantedSteps, referenceDriver } from '../run/reference-driver.js';
export { BACKEND_STEPS, type BackendSteps } from '../reference/backend-steps.js';
export { FRONTEND_STEPS, type FrontendSteps } from '../reference/frontend-steps.js';
export { type BackendQueueState, type BackendVif, ReferenceBackend } from '../reference/backend.js';
export { type FrontendQueueState, type FrontendVif, ReferenceFrontend } from '../reference/frontend.js';

export * from '../protocol/netif.js';
export * from '../protocol/tx.js';
export * from '../protocol/rx.js';
export * from '../protocol/extra.js';
export * from '../protocol/ctrl.js';
export * from '../protocol/ring.js';
export * from '../protocol/shared-ring.js';
