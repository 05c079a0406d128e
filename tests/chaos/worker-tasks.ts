import { openSync, writeSync } from 'node:fs';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { defineTask } from 'errand';
import { isBad } from './imported.js';

const [ledger = '', life = ''] = process.argv.slice(3);
const file = openSync(ledger, 'a');

/** Tells the harness at once, in the order in which all processes do: what is in the file outlives them. */
export function say(...words: readonly (string | number)[]): void {
  writeSync(file, `${[life, ...words].join(' ')}\n`);
}

const many = { maxCrashes: 1_000 };
const begin = (ctx: { runId: string; attempt: number }): void => say('began', ctx.runId, ctx.attempt);

/** Ends at once. */
export const plain = defineTask({
  name: 'plain',
  ...many,
  handler: async (_: unknown, ctx) => {
    begin(ctx);
    await turn();
    return 'done';
  },
});
/** Fails in its first attempt. */
export const flaky = defineTask({
  name: 'flaky',
  ...many,
  retry: { maxAttempts: 2, initialDelayMs: 5, jitter: 'none' },
  handler: async (_: unknown, ctx) => {
    begin(ctx);
    await sleep(2);
    if (ctx.attempt === 1) throw new Error('the first attempt fails');
    return 'done';
  },
});
/** Ends when it is cancelled. */
export const endless = defineTask({
  name: 'endless',
  ...many,
  handler: (_: unknown, ctx) => {
    begin(ctx);
    return new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('stopped'))));
  },
});

/** A record of an import. */
export const record = defineTask({
  name: 'record',
  ...many,
  handler: async (_: unknown, { runId, itemIndex }) => {
    say('item', runId, Number(itemIndex));
    await turn();
    if (isBad(Number(itemIndex))) throw new Error('bad');
  },
});

/** What schedules start. */
export const scheduled = defineTask({
  name: 'scheduled',
  ...many,
  handler: async (_: unknown, ctx) => {
    begin(ctx);
    await turn();
  },
});
