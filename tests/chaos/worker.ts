import { writeSync } from 'node:fs';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { defineTask, TaskManager, type RunHandle } from 'errand';
import { sqlite } from 'errand/sqlite';

// node worker.js <file> <life> <seed> work|drain [ack-early]
const [file = '', life = '', seed = '1', mode, sabotage] = process.argv.slice(2);

/** Tells the harness at once: what is in the pipe outlives the process. */
function say(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(' ')}\n`);
}

/** mulberry32: the same numbers for the same seed. */
function randomOf(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const random = randomOf(Number(seed));
const many = { maxCrashes: 1_000 };
const begin = (ctx: { runId: string; attempt: number }): void => say('began', ctx.runId, ctx.attempt);

const plain = defineTask({
  name: 'plain',
  ...many,
  handler: async (_: unknown, ctx) => {
    begin(ctx);
    await turn();
    return 'done';
  },
});
const flaky = defineTask({
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
const endless = defineTask({
  name: 'endless',
  ...many,
  handler: (_: unknown, ctx) => {
    begin(ctx);
    return new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('stopped'))));
  },
});

const plenty = { maxFinished: 1e9, maxFailed: 1e9, keepResultMs: 1e9, keepFailedMs: 1e9 };
const manager = new TaskManager({ backend: sqlite({ file }), tasks: [plain, flaky, endless], retention: plenty });
await manager.open();
say('ready');

function follow(run: RunHandle<unknown>): void {
  void run.settled().then(({ id, status }) => say('ended', id, status));
}

async function startOne(n: number): Promise<void> {
  const id = `${life}.${n}`;
  const dice = random();
  if (dice < 0.4) {
    if (sabotage === 'ack-early') say('accepted', id, 'completed');
    await accepted(manager.start(plain, n, { id }));
  } else if (dice < 0.6) await accepted(manager.start(flaky, n));
  else if (dice < 0.7) await accepted(manager.start(plain, n, { delayMs: Math.floor(random() * 50) }));
  else if (dice < 0.85) await keyed(n);
  else await cancelled(n);
}

async function accepted(start: Promise<RunHandle<unknown>>, end = 'completed'): Promise<RunHandle<unknown>> {
  const run = await start;
  say('accepted', run.id, end);
  follow(run);
  return run;
}

async function keyed(n: number): Promise<void> {
  const idempotencyKey = `${life}.${Math.floor(n / 4)}`;
  const runs = await Promise.all([0, 1].map(() => manager.start(plain, 'keyed', { idempotencyKey })));
  for (const { id } of runs) say('keyed', idempotencyKey, id);
  const [run] = runs;
  if (run !== undefined) await accepted(Promise.resolve(run));
}

async function cancelled(n: number): Promise<void> {
  const run = await accepted(manager.start(endless, n), 'cancelled');
  await sleep(random() * 10);
  const after = await run.cancel('chaos');
  if (after?.status === 'cancelled' || after?.status === 'cancelling') say('cancelled', run.id);
}

if (mode === 'work') {
  let n = 0;
  for (;;) {
    await Promise.all(Array.from({ length: 1 + Math.floor(random() * 8) }, () => startOne((n += 1))));
    await sleep(random() * 4);
  }
}

// Nothing new: what is left ends, the endless ones because they are cancelled.
for (;;) {
  const { items } = await manager.list({
    status: ['scheduled', 'queued', 'running', 'retrying', 'cancelling'],
    limit: 200,
  });
  for (const run of items) if (run.task === 'endless') await manager.cancel(run.id, 'drained');
  if (items.length === 0) break;
  await sleep(10);
}
let cursor: string | undefined;
do {
  const page = await manager.list({ limit: 200, ...(cursor !== undefined && { cursor }) });
  for (const { id, status } of page.items) say('final', id, status);
  cursor = page.nextCursor;
} while (cursor !== undefined);
await manager.close();
say('drained');
