export { Hypervisor, type HypervisorOptions } from './hypervisor.js';
export type { Hooks, PageAccess } from './page.js';
