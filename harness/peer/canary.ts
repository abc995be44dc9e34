import { PAGE_SIZE } from '../xen/domain.js';

/** The byte that fills a fresh rx buffer: it shows which bytes a backend wrote and which it left unchanged. */
export const CANARY = 0xc5;

/** A fresh rx buffer. */
export const UNTOUCHED: Uint8Array = new Uint8Array(PAGE_SIZE).fill(CANARY);
