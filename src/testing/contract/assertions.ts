import assert from 'node:assert/strict';
import { nextTurn } from '../../timing/next-turn.js';
import { systemClock } from '../../timing/system-clock.js';

/** Waits, turn by turn of the event loop, until a fact holds; gives up after five seconds. */
export async function until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const begunAt = systemClock.monotonic();
  while (!(await fact())) {
    assert(systemClock.monotonic() - begunAt < 5_000, `waited in vain for ${what}`);
    await new Promise<void>((resolve) => nextTurn(resolve));
  }
}

/** Lets everything that is under way go on, to see what does not happen. */
export async function quiet(clock: { readonly run: (ms: number) => Promise<void> }): Promise<void> {
  await clock.run(0);
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
