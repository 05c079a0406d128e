import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memoryBackend } from '../../../src/backends/memory/memory-backend.js';
import { TaskManager } from '../../../src/manager/task-manager.js';
import { defineTask } from '../../../src/task/task.js';
import { weightOf } from '../../../src/task/weight.js';
import { FakeClock } from '../../fake-clock.js';
import { closeNow, codeOf, Gate } from '../../manager/workbench.js';

const MAX = 1_000;

/** A string that weighs so much. */
function heavy(weight: number): string {
  return 'x'.repeat(weight - 24);
}

/** Does what its input says, after a text that only weighs. */
const task = defineTask({
  name: 'task',
  handler: (input: string) => {
    if (input.startsWith('fail')) throw new Error('as told');
    return input.startsWith('big') ? heavy(600) : undefined;
  },
});

/** Is at work until it is told what to return. */
const slow = defineTask({ name: 'slow', handler: (gate: { gate: Gate; text: string }) => gate.gate.promise });

const made: { manager: TaskManager; clock: FakeClock }[] = [];

function newManager(options: ConstructorParameters<typeof TaskManager>[0] = {}): {
  manager: TaskManager;
  clock: FakeClock;
} {
  const clock = new FakeClock();
  const manager = new TaskManager({ clock, backend: memoryBackend({ maxBytes: MAX }), graceMs: 10, ...options });
  made.push({ manager, clock });
  return { manager, clock };
}

afterEach(async () => {
  for (const { manager, clock } of made.splice(0)) await closeNow(manager, clock);
});

async function ids(manager: TaskManager): Promise<string[]> {
  return (await manager.list({ limit: 200 })).items.map(({ id }) => id);
}

describe('the budget of memory', () => {
  it('refuses a start whose input would go beyond it, and takes it when a run that waits is cancelled', async () => {
    const { manager } = newManager();
    await manager.start(task, heavy(600), { id: 'a', delayMs: 1_000 });
    await expect(manager.start(task, heavy(401), { id: 'b' })).rejects.toMatchObject({
      code: 'QUEUE_FULL',
      message: expect.stringMatching(/memory.*about 401 of 1000 bytes, maxBytes/) as unknown,
      details: { weight: 401, maxBytes: MAX },
    });
    await manager.start(task, heavy(400), { id: 'c', delayMs: 1_000 });
    await manager.cancel('a');
    await manager.start(task, heavy(600), { id: 'd', delayMs: 1_000 });
    expect(await ids(manager)).toEqual(['d', 'c', 'a']);
  });

  it('says so where an input alone is too heavy, and forgets nothing for it', async () => {
    const { manager } = newManager();
    await (await manager.start(task, 'big', { id: 'kept' })).settled();
    await expect(manager.start(task, heavy(MAX + 1))).rejects.toThrow('than those of all runs together may');
    expect(await ids(manager)).toEqual(['kept']);
  });

  it('forgets nothing in vain where the runs that have not ended leave no room', async () => {
    const { manager } = newManager();
    await (await manager.start(task, 'x', { id: 'kept' })).settled();
    await manager.start(task, heavy(900), { id: 'waits', delayMs: 1_000 });
    expect(await codeOf(manager.start(task, heavy(101)))).toBe('QUEUE_FULL');
    expect(await ids(manager)).toEqual(['waits', 'kept']);
  });

  it('lets ended runs go for a new one, the oldest first, and failed ones last', async () => {
    const { manager } = newManager();
    await (await manager.start(task, `fail${heavy(196)}`, { id: 'failed' })).settled();
    await (await manager.start(task, 'big', { id: 'first' })).settled();
    await (await manager.start(task, 'x', { id: 'light' })).settled();
    await manager.start(task, heavy(300), { id: 'a', delayMs: 1_000 });
    expect(await ids(manager)).toEqual(['a', 'light', 'failed']);
    await manager.start(task, heavy(700), { id: 'b', delayMs: 1_000 });
    expect(await ids(manager)).toEqual(['b', 'a']);
  });

  it('keeps a result that goes beyond it, and lets older runs go for that', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const run = await manager.start(slow, { gate, text: 'x' }, { id: 'slow' });
    await clock.run(0);
    await (await manager.start(task, 'big', { id: 'older' })).settled();
    gate.open(heavy(5_000));
    expect(await run.result()).toHaveLength(4_976);
    expect(await ids(manager)).toEqual(['slow']);
    await manager.start(task, heavy(30), { id: 'next', delayMs: 1_000 });
    expect(await ids(manager)).toEqual(['next']);
  });

  it('counts what an abandoned run has left until its handler has settled', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    await manager.start(slow, { gate, text: heavy(500) }, { id: 'slow' });
    await clock.run(0);
    await manager.cancel('slow');
    await clock.run(10);
    expect((await manager.get('slow'))?.abandoned).toBe(true);
    await manager.start(task, heavy(900), { id: 'a', delayMs: 1_000 });
    expect(await ids(manager)).toEqual(['a', 'slow']);
    gate.open(undefined);
    await clock.run(0);
    await manager.start(task, heavy(50), { id: 'b', delayMs: 1_000 });
    expect(await ids(manager)).toEqual(['b', 'a', 'slow']);
  });

  it('lets a run go with its key, also one that was there for its key alone', async () => {
    const { manager, clock } = newManager({ retention: { maxFinished: 0 } });
    const start = (id: string, key: string) => manager.start(task, 'big', { id, idempotencyKey: key });
    await (await start('a', 'k')).settled();
    expect((await start('a', 'k')).replayed).toBe(true);
    await (await manager.start(task, 'x', { id: 'a' })).settled();
    expect(await codeOf(start('other', 'k'))).toBe('KEY_REUSED');
    await manager.start(task, heavy(500), { id: 'b', delayMs: 1_000 });
    expect((await start('a', 'k')).replayed).toBe(false);
    await clock.run(0);
  });

  it("cancels nothing for an ifActive: 'replace' that does not fit, and counts what it replaces as gone", async () => {
    const { manager } = newManager();
    await manager.start(task, heavy(600), { id: 'a', delayMs: 1_000 });
    await manager.start(task, heavy(300), { id: 'b', delayMs: 1_000 });
    expect(await codeOf(manager.start(task, heavy(701), { id: 'a', ifActive: 'replace', delayMs: 1_000 }))).toBe(
      'QUEUE_FULL',
    );
    expect((await manager.get('a'))?.status).toBe('scheduled');
    await manager.start(task, heavy(700), { id: 'a', ifActive: 'replace', delayMs: 1_000 });
    expect(await ids(manager)).toEqual(['a', 'b']);
  });

  it('is all there again when everything is forgotten, whatever happened', async () => {
    await fc.assert(fc.asyncProperty(fc.array(deed, { maxLength: 40 }), isAllThere), { numRuns: 150 });
  }, 60_000);
});

type Deed =
  | {
      readonly do: 'start';
      readonly id: string;
      readonly input: string;
      readonly key: string | undefined;
      delayMs: number;
    }
  | { readonly do: 'hold'; readonly id: string; readonly weight: number }
  | { readonly do: 'let go'; readonly weight: number }
  | { readonly do: 'cancel' | 'redrive'; readonly id: string }
  | { readonly do: 'wait'; readonly ms: number };

const id = fc.constantFrom('a', 'b', 'c');
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    do: fc.constant('start' as const),
    id,
    input: fc.oneof(fc.constantFrom('big', 'x', `fail${heavy(150)}`), fc.integer({ min: 26, max: 700 }).map(heavy)),
    key: fc.constantFrom(undefined, undefined, 'k', 'l'),
    delayMs: fc.constantFrom(0, 0, 50),
  }),
  fc.record({ do: fc.constant('hold' as const), id, weight: fc.integer({ min: 26, max: 400 }) }),
  fc.record({ do: fc.constant('let go' as const), weight: fc.integer({ min: 26, max: 1_500 }) }),
  fc.record({ do: fc.constantFrom('cancel' as const, 'redrive' as const), id }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 10, 60, 500) }),
);

async function isAllThere(deeds: readonly Deed[]): Promise<void> {
  const retention = { maxFinished: 2, maxFailed: 2, keepResultMs: 300, keepFailedMs: 400, keepKeyMs: 450, maxKeys: 2 };
  const { manager, clock } = newManager({ retention });
  const gates: Gate[] = [];
  for (const each of deeds) await carryOut(each, { manager, clock, gates });
  for (const gate of gates) gate.open(undefined);
  await clock.run(5_000);
  expect(await ids(manager)).toEqual([]);
  // Nothing is taken: an input and then a result may take all there is, and neither takes more.
  expect(await codeOf(manager.start(task, heavy(MAX + 1)))).toBe('QUEUE_FULL');
  const gate = new Gate();
  await manager.start(slow, { gate, text: heavy(MAX - weightOf({ gate: 1, text: 1 }) - 64) }, { id: 'all' });
  expect(await codeOf(manager.start(task, heavy(26), { id: 'more' }))).toBe('QUEUE_FULL');
  await clock.run(0);
  gate.open(heavy(MAX));
  await clock.run(0);
  await manager.start(task, 'x'.repeat(1), { id: 'light', delayMs: 10_000 });
  expect(await ids(manager)).toEqual(['light', 'all']);
  await manager.start(task, heavy(26), { id: 'straw', delayMs: 10_000 });
  expect(await ids(manager)).toEqual(['straw', 'light']);
  await clock.run(0);
}

interface Scene {
  readonly manager: TaskManager;
  readonly clock: FakeClock;
  readonly gates: Gate[];
}

async function carryOut(each: Deed, { manager, clock, gates }: Scene): Promise<void> {
  if (each.do === 'start') {
    const { id, input, key, delayMs } = each;
    await codeOf(manager.start(task, input, { id, delayMs, ...(key !== undefined && { idempotencyKey: key }) }));
  } else if (each.do === 'hold') {
    const gate = new Gate();
    gates.push(gate);
    await codeOf(manager.start(slow, { gate, text: heavy(each.weight) }, { id: each.id }));
  } else if (each.do === 'let go') gates.shift()?.open(heavy(each.weight));
  else if (each.do === 'wait') await clock.run(each.ms);
  else if (each.do === 'cancel') await manager.cancel(each.id);
  else await codeOf(manager.redrive(each.id));
}
