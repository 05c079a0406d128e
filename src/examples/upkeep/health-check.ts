import { defineTask, NonRetryableError, type Task } from 'errand';
import { z } from 'zod';

/** Looks at one thing that the application needs, and says how it is. Throws where it is not well: the message is shown. */
export type Check = (signal: AbortSignal) => string | Promise<string>;

/** What each check has said, by its name. */
export type Health = Readonly<Record<string, string>>;

/**
 * A task that makes checks, all at once. It fails where one of them does, and names them all: `failed` runs are the dead
 * letters, so whoever looks after the server finds the bad moments there, and needs no list of the good ones.
 */
export function healthCheckOf(checks: Readonly<Record<string, Check>>): Task<undefined, Health> {
  return defineTask({
    name: 'health-check',
    input: z.undefined(),
    queue: 'upkeep',
    limits: { concurrency: 1, softLimitMs: 20_000, hardLimitMs: 25_000 },
    handler: async (_input, ctx) => {
      const names = Object.keys(checks);
      const ended = await Promise.allSettled(Object.values(checks).map(async (check) => check(ctx.signal)));
      ctx.signal.throwIfAborted();
      const said = ended.map((each) => (each.status === 'fulfilled' ? each.value : messageOf(each.reason)));
      const bad = names.filter((_, index) => ended[index]?.status === 'rejected');
      if (bad.length === 0) return Object.fromEntries(names.map((name, index) => [name, said[index] ?? '']));
      throw new NonRetryableError(
        `Not well: ${bad.map((name) => `${name} (${said[names.indexOf(name)] ?? ''})`).join(', ')}`,
      );
    },
  });
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'failed';
}
