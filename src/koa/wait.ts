import type { Context } from 'koa';
import type { Clock } from '../ports/clock.js';
import type { StreamedEvent } from '../task/run-event.js';
import { onOver } from './when-over.js';

/** What {@link waitForEvent} waits for. */
export interface EventWait {
  readonly seconds: number;
  readonly clock: Clock;
  /** Subscribes; the events end after a run's final one. */
  readonly subscribe: (options: { readonly signal: AbortSignal }) => AsyncIterable<StreamedEvent>;
  /** Ends the wait early. Waits for the end of the run unless given. */
  readonly until?: (event: StreamedEvent) => boolean;
}

/**
 * Waits for an event, or for the end of a run; until the time is over, the client leaves or the manager closes at the
 * latest. Says nothing of which it was: look at the run. Leaves no listener, timer or subscription behind.
 */
export async function waitForEvent(
  ctx: Context,
  { seconds, clock, subscribe, until = never }: EventWait,
): Promise<void> {
  if (seconds === 0) return;
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  const letGo = onOver(ctx.req, ctx.res, stop);
  if (abort.signal.aborted) return;
  const timer = clock.after(seconds * 1_000, stop);
  try {
    for await (const event of subscribe({ signal: abort.signal })) if (until(event)) break;
  } finally {
    timer.cancel();
    letGo();
    abort.abort();
  }
}

function never(): boolean {
  return false;
}
