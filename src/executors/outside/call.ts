import type { LogLevel } from '../../task/run-event.js';
import type { Carried } from './carried-error.js';

/** A handler's call, as it goes into a thread or process. */
export interface CallRequest {
  /** Tells calls of one executor apart. */
  readonly call: number;
  /** Where the module is. */
  readonly href: string;
  readonly input: unknown;
  readonly ctx: CallContext;
}

/** What a handler's context is made of. */
export interface CallContext {
  readonly runId: string;
  readonly attempt: number;
  readonly itemIndex: number | null;
  readonly idempotencyKey: string;
  readonly deadlineAt: number | null;
}

/** What a handler says while it is at work. */
export type CallNews = { readonly call: number } & (
  | { readonly progress: readonly [done: number, total: number | null, note: string | null] }
  | { readonly log: readonly [level: LogLevel, message: string] }
);

/** Said to a handler at work: its signal aborts. */
export interface CallAbort {
  readonly abort: number;
  readonly reason: Carried;
}

/** How a call ended. */
export type CallEnd =
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'threw'; readonly thrown: Carried }
  /** The module has no handler, or cannot be loaded; nothing was called. */
  | { readonly type: 'no handler'; readonly why: string; readonly thrown: Carried | undefined }
  /** The handler returned what cannot leave its thread. */
  | { readonly type: 'not cloneable'; readonly why: string };
