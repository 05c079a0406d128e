import type { Lease } from './lease.js';
import type { MaybePromise } from './stored-run.js';

/** What a backend does where several processes share the limits of a task; left out where nobody shares any. */
export interface SlotLender {
  /**
   * A handler waits for a child of its run, and is not at work meanwhile: another one of its task may be, in whichever
   * process. Lent once, however often it is called; never rejects: what cannot be lent now is lent as soon as it can.
   */
  lend?(lease: Lease): MaybePromise<void>;
  /**
   * That handler is to go on: waits until it may be at work again, before all runs that wait to begin. At once where
   * nothing was lent, or the lease is no longer valid.
   *
   * @throws the signal's reason as soon as that aborts: the handler counts as one at work from then on.
   */
  takeBack?(lease: Lease, signal: AbortSignal): MaybePromise<void>;
}
