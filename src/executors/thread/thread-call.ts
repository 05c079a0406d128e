import type { MessagePort } from 'node:worker_threads';
import type { CallAbort, CallContext, CallEnd, CallNews, CallRequest } from '../outside/call.js';

/** What a thread says of a call: news, or, where it is too much for the answer of the pool, its end. */
export type ThreadNews = CallNews | { readonly call: number; readonly end: CallEnd };

/** A {@link CallRequest} and its place on their way into a thread: cloning the names of members takes more than the rest. */
export type ThreadRequest = readonly [
  place: number,
  call: number,
  href: string,
  input: unknown,
  runId: string,
  attempt: number,
  itemIndex: number | null,
  idempotencyKey: string,
  deadlineAt: number | null,
];

/**
 * What a thread answers to the pool when a call has ended: how many messages it has sent of the call, which may still be
 * on their way; and its end, unless that was sent as a message, or the value that it returned.
 */
export type ThreadAnswer =
  | readonly [said: number, kind: 'value', value: unknown]
  | readonly [said: number, kind: 'end', end: CallEnd]
  | readonly [said: number];

export function packRequest(place: number, { call, href, input, ctx }: CallRequest): ThreadRequest {
  const { runId, attempt, itemIndex, idempotencyKey, deadlineAt } = ctx;
  return [place, call, href, input, runId, attempt, itemIndex, idempotencyKey, deadlineAt];
}

export function unpackRequest(packed: ThreadRequest): CallRequest {
  const [, call, href, input, runId, attempt, itemIndex, idempotencyKey, deadlineAt] = packed;
  const ctx: CallContext = { runId, attempt, itemIndex, idempotencyKey, deadlineAt };
  return { call, href, input, ctx };
}

/** The end of a call, of the pool's answer; undefined where it was sent as a message. */
export function endOf([, kind, what]: ThreadAnswer): CallEnd | undefined {
  return kind === 'value' ? { type: 'returned', value: what } : what;
}

/** What a thread sends first: its end of a line that lasts as long as it does. */
export interface ThreadHello {
  readonly errandLine: MessagePort;
}

/** Handlers may post whatever they like to their parent, too. */
export function isHello(said: unknown): said is ThreadHello {
  return typeof said === 'object' && said !== null && 'errandLine' in said;
}

/**
 * A call in a thread. To its pool it is what aborts the call, by ending the thread: an AbortController would do the same, and
 * cost more than the rest of the call.
 */
export class ThreadCall {
  readonly hear: (news: CallNews) => void;
  /** Which number of the shared memory says that it has begun. */
  readonly place: number;
  heard = 0;
  end: CallEnd | undefined;
  /** What was told to the threads when its signal aborted. */
  abort: CallAbort | undefined;
  /** No thread could be made for it. */
  refused = false;
  /** Resolves when its thread, which is being ended, has ended. */
  gone: Promise<unknown> | undefined;
  #kill: (() => void) | undefined;

  constructor(place: number, hear: (news: CallNews) => void) {
    this.place = place;
    this.hear = hear;
  }

  /** Asks the pool to end the thread, or, where the call has not begun, to forget it. */
  kill(): void {
    this.#kill?.();
  }

  /** Called by the pool. */
  addEventListener(_name: 'abort', listener: () => void): void {
    this.#kill = listener;
  }

  removeEventListener(): void {
    this.#kill = undefined;
  }
}
