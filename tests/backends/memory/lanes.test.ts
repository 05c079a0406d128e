import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memoryBackend } from '../../../src/backends/memory/memory-backend.js';
import type { Backend, StoredRun } from '../../../src/ports/backend.js';
import type { NewRun } from '../../../src/ports/new-run.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { newRun } from '../../../src/testing/contract/samples.js';
import { ManualClock, settle } from '../../../src/testing/manual-clock.js';

const MANY = 10_000;
const KEEP_NONE = { keepResultMs: 0, maxFinished: 0, keepFailedMs: 0, maxFailed: 0, keepKeyMs: 0, maxKeys: 0 };
const KEEP_ALL = { ...KEEP_NONE, keepResultMs: 3_600_000, maxFinished: Infinity };

const backends: Backend[] = [];

afterEach(async () => {
  for (const backend of backends.splice(0)) await backend.close();
});

interface Bench {
  readonly backend: Backend;
  readonly clock: ManualClock;
  /** The ids of what was delivered, in order. */
  readonly order: string[];
}

/** A backend whose runs complete as soon as they begin. */
function bench(retention = KEEP_ALL): Bench {
  const backend = memoryBackend();
  const clock = new ManualClock();
  const order: string[] = [];
  const observer = { settled: () => undefined, forgotten: () => undefined, cancelledLate: () => undefined };
  void backend.open({ clock, logger: undefined, queueLimit: Infinity, retention, observer });
  backends.push(backend);
  return { backend, clock, order };
}

function work({ backend, order }: Bench, freeSlots: (task: string | null) => number = () => 1): void {
  backend.work({
    freeSlots: (_kind, task) => freeSlots(task),
    take: (run, lease) => ({
      begin: () => {
        order.push(run.id);
        void backend.settle(lease, { type: 'completed', value: 1 }, false);
      },
      cancel: () => undefined,
      lost: () => undefined,
    }),
  });
}

function accept({ backend }: Bench, id: string, run: Partial<NewRun> = {}): StoredRun {
  const accepted = backend.accept({ ...newRun(id), ...run }, 'error');
  if (accepted instanceof Promise) throw new Error('memory answers at once');
  return accepted.run;
}

describe('the lanes of memory', () => {
  it('go with the last record that names them, and queues with their last lane', async () => {
    const here = bench(KEEP_NONE);
    work(here);
    await runEach(here);
    expect(await here.backend.queues()).toEqual([]);
    expect(await here.backend.counts()).toEqual([]);
  });

  it('are there as long as an ended run is kept, and when its id is started again', async () => {
    const here = bench();
    work(here);
    for (let n = 0; n < 3; n += 1) {
      accept(here, 'a');
      await settle();
    }
    expect(here.order).toEqual(['a', 'a', 'a']);
    expect(await here.backend.queues()).toEqual([{ name: 'default', paused: false, queued: 0 }]);
    expect(await here.backend.counts()).toMatchObject([{ task: 'task', counts: { completed: 1, queued: 0 } }]);
  });

  it('leave a paused queue behind, which goes when it is resumed', async () => {
    const here = bench(KEEP_NONE);
    await here.backend.pause('mail');
    accept(here, 'a', { queue: 'mail' });
    await here.backend.cancel('a', { by: 'test', reason: null });
    expect(await here.backend.queues()).toEqual([{ name: 'mail', paused: true, queued: 0 }]);
    await here.backend.resume('mail');
    await here.backend.resume('never seen');
    expect(await here.backend.queues()).toEqual([]);
  });

  it('cost a delivery nothing where nobody stands in them', async () => {
    const crowded = bench();
    work(crowded);
    await runEach(crowded);
    expect(await crowded.backend.queues()).toHaveLength(MANY);
    const alone = bench();
    work(alone);
    const [some, none] = [[] as number[], [] as number[]];
    for (let round = 0; round < 5; round += 1) {
      some.push(await timeOf(crowded, round));
      none.push(await timeOf(alone, round));
    }
    // Walking through 10,000 lanes would take fifty times as long.
    expect(Math.min(...some)).toBeLessThan(10 * Math.min(...none));
  });

  it('cost a delivery next to nothing where one run stands in each of them', async () => {
    const [crowded, alone] = [bench(), bench()];
    for (let n = 0; n < MANY; n += 1) accept(crowded, `waits-${n}`, { queue: `queue-${n}`, task: null });
    for (const here of [crowded, alone]) work(here, (task) => (task === null ? 0 : 1));
    const [some, none] = [[] as number[], [] as number[]];
    for (let round = 0; round < 5; round += 1) {
      some.push(await timeOf(crowded, round));
      none.push(await timeOf(alone, round));
    }
    // Walking through 10,000 lanes would take fifty times as long.
    expect(Math.min(...some)).toBeLessThan(10 * Math.min(...none));
  });

  it('keep their order whatever is queued, cancelled, paused and resumed', async () => {
    const queue = fc.constantFrom('q0', 'q1', 'q2', 'q3', 'q4');
    const step = fc.oneof(
      fc.record({ act: fc.constant('accept' as const), queue, priority: fc.integer({ min: -2, max: 2 }) }),
      fc.record({ act: fc.constant('cancel' as const), nth: fc.nat(30) }),
      fc.record({ act: fc.constantFrom('pause' as const, 'resume' as const), queue }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const here = bench();
        const waiting: { id: string; queue: string; priority: number }[] = [];
        const paused = new Set<string>();
        for (const [at, each] of steps.entries()) {
          if (each.act === 'accept') {
            const run = { id: `run-${at}`, queue: each.queue, priority: each.priority };
            waiting.push(run);
            accept(here, run.id, { ...run, task: at % 2 === 0 ? 'even' : null });
          } else if (each.act === 'cancel') {
            const [gone] = waiting.splice(each.nth, 1);
            if (gone) await here.backend.cancel(gone.id, { by: 'test', reason: null });
          } else {
            await here.backend[each.act](each.queue);
            if (each.act === 'pause') paused.add(each.queue);
            else paused.delete(each.queue);
          }
        }
        const inOrder = waiting.sort((a, b) => b.priority - a.priority);
        work(here);
        await settle();
        expect(here.order).toEqual(inOrder.filter((run) => !paused.has(run.queue)).map(({ id }) => id));
        for (const name of paused) await here.backend.resume(name);
        await settle();
        expect(here.order).toHaveLength(waiting.length);
      }),
    );
  });

  it('keep the order in which runs were queued, over all lanes, also when the time of day goes back', async () => {
    const here = bench();
    const ids = Array.from({ length: 9 }, (_, n) => `run-${n}`);
    for (const [n, id] of ids.entries()) {
      accept(here, id, { queue: `queue-${n % 3}` });
      here.clock.jump(-60_000);
    }
    work(here);
    await settle();
    expect(here.order).toEqual(ids);
  });

  it('put 2,001 priorities in order, whatever comes and goes between', async () => {
    const here = bench();
    const priorities = Array.from({ length: 2_001 }, (_, n) => ((n * 1_009) % 2_001) - 1_000);
    for (const priority of priorities) accept(here, `run${priority}`, { priority });
    for (const priority of priorities.filter((each) => each % 3 === 0))
      await here.backend.cancel(`run${priority}`, { by: 'test', reason: null });
    for (const priority of [0, 999, -999]) accept(here, `again${priority}`, { priority });
    work(here);
    await settle();
    const left = priorities.filter((each) => each % 3 !== 0).map((priority) => ({ id: `run${priority}`, priority }));
    const again = [0, 999, -999].map((priority) => ({ id: `again${priority}`, priority }));
    const expected = [...left, ...again].sort((a, b) => b.priority - a.priority).map(({ id }) => id);
    expect(here.order).toEqual(expected);
  });
});

/** Runs of many queues, a few at a time, to their end. */
async function runEach(here: Bench): Promise<void> {
  for (let n = 0; n < MANY; n += 1) {
    accept(here, `old-${n}`, { queue: `queue-${n}` });
    while (n % 100 === 99 && here.order.length <= n) await settle();
  }
}

/** How long 1,000 deliveries take. */
async function timeOf(here: Bench, round: number): Promise<number> {
  const want = here.order.length + 1_000;
  const begunAt = systemClock.monotonic();
  for (let n = 0; n < 1_000; n += 1) accept(here, `new-${round}-${n}`);
  while (here.order.length < want) await settle();
  return systemClock.monotonic() - begunAt;
}
