import type { Backend, Holder, Lease, Outcome, StoredRun } from '../../ports/backend.js';
import type { CancelledRequest, RunError } from '../../task/run.js';
import { errorOf } from './samples.js';

/** One delivery of a run, and the holder that the backend knows it by. */
export class Delivery implements Holder {
  readonly run: StoredRun;
  readonly lease: Lease;
  begun = 0;
  losses = 0;
  readonly cancels: CancelledRequest[] = [];
  readonly #backend: Backend;

  constructor(run: StoredRun, lease: Lease, backend: Backend) {
    this.run = run;
    this.lease = lease;
    this.#backend = backend;
  }

  begin(): void {
    this.begun += 1;
  }

  cancel(request: CancelledRequest): void {
    this.cancels.push(request);
  }

  lost(): void {
    this.losses += 1;
  }

  async settle(outcome: Outcome, held = false): Promise<boolean> {
    return this.#backend.settle(this.lease, outcome, held);
  }

  complete(value: unknown = 'done'): Promise<boolean> {
    return this.settle({ type: 'completed', value });
  }

  fail(held = false): Promise<boolean> {
    return this.settle({ type: 'failed', error: errorOf(this.run.attempt), cause: new Error('as told') }, held);
  }

  retry(delayMs: number, { usesAttempt = true, held = false } = {}): Promise<boolean> {
    const error: RunError = { ...errorOf(this.run.attempt), code: usesAttempt ? 'HANDLER_FAILED' : 'RETRY_LATER' };
    return this.settle({ type: 'retry', error, cause: new Error('as told'), delayMs, usesAttempt }, held);
  }

  async release(): Promise<void> {
    await this.#backend.release(this.lease);
  }
}
