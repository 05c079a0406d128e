import { writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskManager, type ListQuery, type Run, type RunHandle } from 'errand';
import { bullmq } from 'errand/bullmq';
import { fileFolder, importRuns } from 'errand/koa';
import { nextDue, parsePlan } from 'errand/schedule';
import { sqlite } from 'errand/sqlite';
import { AT_ONCE, RECORDS } from './imported.js';
import { endless, flaky, plain, record, say, scheduled } from './worker-tasks.js';

// node worker.js <file or URL> <ledger> <life> <seed> work|start|drain [ack-early|no-checkpoints]
const [store = '', ledger = '', life = '', seed = '1', mode, sabotage] = process.argv.slice(2);
/** Whether others are at work at the same time. */
const inFleet = store.includes('://');

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
const plenty = { maxFinished: 1e9, maxFailed: 1e9, keepResultMs: 1e9, keepFailedMs: 1e9 };
// Locks last as long as they must on a busy machine, and no longer: what was killed is taken over when they run out.
const patience = { lockMs: 2_000, stalledCheckMs: 500, callTimeoutMs: 10_000 };
const backend = inFleet ? bullmq({ connection: store, ...patience }) : sqlite({ file: store });
if (sabotage === 'no-checkpoints') backend.checkpoint = () => true;
const manager = new TaskManager({
  backend,
  tasks: [plain, flaky, endless, record, scheduled],
  retention: plenty,
  work: mode !== 'start',
  onSettled: ({ id, task, status }) => {
    if (task === 'scheduled') say('ended', id, status);
  },
});
const files = fileFolder({ folder: join(dirname(ledger), 'files'), mayBeShared: inFleet });
const imports = importRuns({ manager, files, batchSize: 2, maxConcurrent: AT_ONCE });
await opened();
writeSync(1, 'ready\n');

/** A fleet's server may be killed, too: then this process waits for it, as `errand worker` does. */
async function opened(): Promise<void> {
  while (!(await ifThere(manager.open()))) await sleep(100);
}

/** Whether the server of a fleet was not there: what was asked of it may have happened all the same, and nothing is told. */
function isAway(error: unknown): boolean {
  return inFleet && error instanceof Error && 'code' in error && error.code === 'BACKEND';
}

/** @returns whether the server was there for it. */
function ifThere(what: Promise<unknown>): Promise<boolean> {
  return what.then(
    () => true,
    (error: unknown) => {
      if (!isAway(error)) throw error;
      return false;
    },
  );
}

/** What has not ended by then never does, in ms since the process was started. */
const DRAIN_MS = 90_000;

/** Within so many ms. */
const ADDED_MS = 3_000;

/** A due time of one of them comes every 50 ms, so that every life sees some. */
const plans = Array.from({ length: 20 }, (_, at) => ({ everyMs: 1_000, anchorAt: at * 50 }));

/** Stops the schedules, and says what each should have started: a run for each due time, but for those that still wait. */
async function stopSchedules(): Promise<void> {
  for (const { id } of await manager.schedules.list()) {
    while (((await manager.schedules.get(id))?.waiting ?? 0) > 0) await sleep(5);
    const schedule = await manager.schedules.pause(id);
    say('schedule', id, JSON.stringify(schedule).replaceAll(' ', '_'));
    const { createdAt, updatedAt, waiting } = schedule;
    const plan = parsePlan(plans.at(Number(id.slice('tick-'.length))));
    const due: number[] = [];
    for (let at = nextDue(plan, createdAt); at !== null && at <= updatedAt; at = nextDue(plan, at)) due.push(at);
    for (const at of due.slice(0, due.length - waiting)) say('accepted', `${id}@${timeOf(at)}`, 'completed');
  }
}

/** Every run of these statuses, newest first, on however many pages: one without items need not be the last. */
async function* runsOf(filter: Pick<ListQuery, 'status'> = {}): AsyncGenerator<Run> {
  let cursor: string | undefined;
  do {
    const page = await manager.list({ ...filter, limit: 200, ...(cursor !== undefined && { cursor }) });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** Cancels the endless runs that are there. @returns how many runs of whichever task had not ended. */
async function cancelEndless(): Promise<number> {
  let left = 0;
  for await (const { id, task } of runsOf({ status: ['scheduled', 'queued', 'running', 'retrying', 'cancelling'] })) {
    left += 1;
    if (task === 'endless') await manager.cancel(id, 'left behind');
  }
  return left;
}

/** As in the ids of due runs. */
function timeOf(at: number): string {
  return new Date(at).toISOString().replace(/[-:]/g, '').replace('.000Z', 'Z');
}

function follow(run: RunHandle<unknown>): void {
  void run.settled().then(({ id, status }) => say('ended', id, status));
}

async function startOne(n: number): Promise<void> {
  const id = `${life}.${n}`;
  const dice = random();
  if (dice < 0.4) {
    if (sabotage === 'ack-early') {
      say('accepted', id, 'completed');
      await sleep(random() * 20); // so long that kills come between
    }
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

async function imported(): Promise<void> {
  const lines = Array.from({ length: RECORDS }, (_, line) => `${line}\n`);
  await accepted(imports.start('record', { format: 'ndjson', body: Readable.from([Buffer.from(lines.join(''))]) }));
}

async function cancelled(n: number): Promise<void> {
  const run = await accepted(manager.start(endless, n), 'cancelled');
  await sleep(random() * 10);
  const after = await run.cancel('chaos');
  if (after?.status === 'cancelled' || after?.status === 'cancelling') say('cancelled', run.id);
}

/** Once: to put them again would keep what due times alone have to keep. */
async function putSchedules(): Promise<void> {
  const known = new Set((await manager.schedules.list()).map(({ id }) => id));
  for (const [at, plan] of plans.entries()) {
    // Of a fleet, several could find that one is missing at the same time.
    if (known.has(`tick-${at}`) || (inFleet && life !== '0')) continue;
    void ifThere(manager.schedules.put(`tick-${at}`, { task: scheduled, ...plan, overlap: 'queue', catchUp: 'all' }));
  }
}

// Those of the processes before would take all slots in the end, and nothing else would begin any more.
const leftBehind = ifThere(cancelEndless());

if (mode !== 'drain') {
  await ifThere(putSchedules());
  let n = 0;
  if (random() < 0.5) void ifThere(imported());
  for (;;) {
    await Promise.all(Array.from({ length: 1 + Math.floor(random() * 8) }, () => ifThere(startOne((n += 1)))));
    await sleep(random() * (inFleet ? 100 : 4));
  }
}

await leftBehind;
await stopSchedules();
// What was claimed for a due time by a process that was killed then is added by others a moment later.
if (inFleet) await sleep(ADDED_MS);
// Nothing new: what is left ends, the endless ones because they are cancelled.
while ((await cancelEndless()) > 0 && performance.now() < DRAIN_MS) await sleep(inFleet ? 200 : 10);
for await (const { id, kind, status, error, result } of runsOf()) {
  if (kind === 'import') say('counts', id, JSON.stringify(result ?? null));
  say('final', id, error?.code === 'CRASHED' ? 'crashed' : status);
}
await manager.close();
await files.close();
say('drained');
