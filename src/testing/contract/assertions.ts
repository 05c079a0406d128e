import assert from 'node:assert/strict';
import { nextTurn } from '../../timing/next-turn.js';
import { systemClock } from '../../timing/system-clock.js';

/** How long a fact may take: backends that other processes share miss a killed one after seconds. */
const PATIENCE_MS = 15_000;

/** Waits, turn by turn of the event loop, until a fact holds; gives up after {@link PATIENCE_MS}. */
export async function until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const begunAt = systemClock.monotonic();
  while (!(await fact())) {
    assert(systemClock.monotonic() - begunAt < PATIENCE_MS, `waited in vain for ${what}`);
    await new Promise<void>((resolve) => nextTurn(resolve));
  }
}

/** Lets everything that is under way go on, to see what does not happen. */
export async function quiet(clock: { readonly run: (ms: number) => Promise<void> }): Promise<void> {
  await clock.run(0);
}

/** A wait that began not before that, by a monotonic clock. */
interface Wait {
  readonly begunAt: number;
  readonly waitMs: number;
}

/**
 * Lets a part of a wait pass.
 *
 * @returns whether the wait cannot be over: a clock that really waits may have been held up for longer.
 */
export async function isStillBefore(
  clock: { readonly run: (ms: number) => Promise<void>; readonly monotonic: () => number },
  partMs: number,
  { begunAt, waitMs }: Wait,
): Promise<boolean> {
  await clock.run(partMs);
  return clock.monotonic() - begunAt < waitMs;
}

/** Asserts that a call is refused with a code. */
export async function refuses(code: string, call: () => unknown): Promise<Readonly<Record<string, unknown>>> {
  let details: Readonly<Record<string, unknown>> = {};
  await assert.rejects(
    async () => {
      await call();
    },
    (error: { readonly code?: unknown; readonly details?: Readonly<Record<string, unknown>> }) => {
      assert.equal(error.code, code);
      details = error.details ?? {};
      return true;
    },
  );
  return details;
}
