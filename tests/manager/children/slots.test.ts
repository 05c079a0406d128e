import { describe, expect, it } from '@jest/globals';
import { AttemptSlot } from '../../../src/manager/attempt-slot.js';
import { Slots } from '../../../src/manager/slots.js';
import { defineTask, resolveTask } from '../../../src/task/task.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { FakeClock, settle } from '../../fake-clock.js';
import { Crowd, Gate, newManager } from '../workbench.js';

/** Draws that are the same in every run of the test. */
function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

describe('the slot of a parent', () => {
  it('is lent while it waits, and taken back before anybody who has not begun', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const order: string[] = [];
    const child = defineTask({ name: 'child', handler: () => void order.push('child') });
    const parent = await manager.start('parent', async (ctx) => {
      order.push('parent begins');
      await (await ctx.start(child, null)).settled();
      order.push('parent goes on');
      await settle();
    });
    const others = ['b', 'c'].map((id) =>
      manager.start(id, () => void order.push(id), { priority: 1_000, delayMs: 0 }),
    );
    await Promise.all(others);
    await parent.settled();
    await clock.run(0);
    expect(order.indexOf('parent goes on')).toBeGreaterThan(order.indexOf('child'));
    expect((await manager.counts()).atWork).toBe(0);
  });

  it('bounds how many parents begin: those that have begun get done first', async () => {
    const { manager } = newManager({ concurrency: 4 });
    const counts = { open: 0, most: 0, done: 0, atWork: 0, mostAtWork: 0 };
    const working = async (act: () => unknown) => {
      counts.mostAtWork = Math.max(counts.mostAtWork, (counts.atWork += 1));
      await act();
      counts.atWork -= 1;
    };
    const child = defineTask({ name: 'child', handler: () => working(() => Promise.resolve()) });
    const parent = defineTask({
      name: 'parent',
      handler: async (_: unknown, ctx) => {
        counts.most = Math.max(counts.most, (counts.open += 1));
        await working(() => undefined);
        await (await ctx.start(child, null)).result();
        await working(() => undefined);
        counts.open -= 1;
        counts.done += 1;
      },
    });
    const runs = [];
    for (let at = 0; at < 10_000; at += 1) runs.push(await manager.start(parent, null));
    for (const run of runs) await run.settled();
    expect(counts.done).toBe(10_000);
    expect(counts.most).toBeLessThanOrEqual(8);
    expect(counts.mostAtWork).toBeLessThanOrEqual(4);
  });

  it('of a limited task is lent, too: such a task may start itself', async () => {
    const { manager } = newManager();
    const deep = defineTask({
      name: 'deep',
      limits: { concurrency: 1 },
      handler: async (level: number, ctx): Promise<number> =>
        level === 0 ? 0 : 1 + (await (await ctx.start(deep, level - 1)).result()),
    });
    expect(await (await manager.start(deep, 10)).result()).toBe(10);
  });

  it('counts for the rate of its task once', async () => {
    const { manager, clock } = newManager();
    const child = defineTask({ name: 'child', handler: () => 1 });
    const parent = defineTask({
      name: 'parent',
      limits: { rate: { count: 1, perMs: 1_000 } },
      handler: async (_: unknown, ctx) => (await ctx.start(child, null)).result(),
    });
    const [first, second] = [await manager.start(parent, 1), await manager.start(parent, 2)];
    expect(await first.result()).toBe(1);
    await clock.run(999);
    expect((await second.snapshot())?.status).toBe('queued');
    await clock.run(1);
    expect(await second.result()).toBe(1);
  });

  it.each<[string, (ctx: TaskContext, wait: () => Promise<unknown>) => unknown]>([
    ['it returns although it waits still', (_, wait) => Promise.race([wait(), settle()])],
    [
      'it throws although it waits still',
      (_, wait) => Promise.race([wait(), settle().then(() => Promise.reject(new Error('no')))]),
    ],
    ['it waits twice at once', (_, wait) => Promise.all([wait(), wait()])],
    ['it is ended by force meanwhile', (_, wait) => wait()],
  ])('is free in the end, once, where %s', async (_, handle) => {
    const { manager, clock } = newManager({ concurrency: 2, graceMs: 100 });
    const crowd = new Crowd();
    const child = defineTask({ name: 'child', handler: crowd.handler });
    const parent = defineTask({
      name: 'parent',
      limits: { hardLimitMs: 1_000 },
      handler: async (__: unknown, ctx) => {
        const started = await ctx.start(child, null);
        return handle(ctx, () => started.settled());
      },
    });
    const run = await manager.start(parent, null);
    await clock.run(1_000);
    await crowd.leave(clock);
    await clock.run(200);
    await run.settled();
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0 });
    const after = await Promise.all([1, 2, 3].map(() => manager.start(child, null)));
    await clock.run(0);
    expect(crowd.atWork).toBe(2);
    await crowd.leave(clock);
    for (const each of after) await each.settled();
  });

  it('is waited for by a parent that was cancelled: a limit stays a limit', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const gate = new Gate();
    const child = defineTask({ name: 'child', handler: () => 1 });
    let wentOn = false;
    const parent = await manager.start('parent', async (ctx) => {
      const waiting = await ctx.start(child, null, { delayMs: 1_000 });
      await waiting.settled();
      wentOn = true;
    });
    await clock.run(0);
    const other = await manager.start('other', () => gate.promise);
    await clock.run(0);
    expect((await other.snapshot())?.status).toBe('running');
    await parent.cancel();
    await clock.run(0);
    expect(wentOn).toBe(false);
    gate.open(undefined);
    expect(await parent.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
    expect(wentOn).toBe(true);
  });
});

describe('slots that are lent', () => {
  it('are never more than there are, never fewer than none, and all there in the end, whatever the order', async () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const draw = draws(seed);
      const clock = new FakeClock();
      const concurrency = 1 + draw(3);
      const owner = resolveTask(defineTask({ name: 't', limits: { concurrency: 1 + draw(3) }, handler: () => 1 }));
      const slots = new Slots({ concurrency }, clock, () => undefined);
      const most = Math.min(concurrency, owner.limits.concurrency ?? 0);
      const attempts: { slot: AttemptSlot; waits: Gate[]; given: boolean; going: Set<Promise<unknown>> }[] = [];
      const check = () => {
        expect(slots.atWork).toBeGreaterThanOrEqual(0);
        expect(slots.atWork).toBeLessThanOrEqual(most);
      };
      const begin = () => {
        if (slots.free(owner) <= 0) return;
        slots.take(owner);
        attempts.push({
          slot: new AttemptSlot({ slots, owner, place: undefined, logger: undefined }),
          ...{ waits: [], given: false, going: new Set() },
        });
      };
      for (let step = 0; step < 60; step += 1) {
        const one = attempts[draw(attempts.length)];
        const act = draw(5);
        if (act === 0 || one === undefined) begin();
        else if (act === 1 && !one.given) {
          const gate = new Gate();
          one.waits.push(gate);
          one.going.add(one.slot.lentFor(gate.promise).catch(() => undefined));
        } else if (act === 2) one.waits.splice(draw(one.waits.length), 1)[0]?.open(1);
        else if (act === 3) one.waits.splice(draw(one.waits.length), 1)[0]?.fail(new Error('given up'));
        else if (draw(3) === 0) {
          one.given = true;
          one.slot.give();
        }
        check();
        if (draw(2) === 0) await Promise.resolve();
        check();
      }
      for (const { waits, slot } of attempts) {
        for (const gate of waits) gate.open(1);
        slot.give();
        slot.give();
      }
      await settle();
      for (const { going } of attempts) await Promise.all(going);
      expect(slots.atWork).toBe(0);
      expect(slots.free(owner)).toBe(most);
    }
  });

  it('are lent in other processes, too, in order, and given back there before the handler goes on', async () => {
    const slots = new Slots({ concurrency: 1 }, new FakeClock(), () => undefined);
    const told: string[] = [];
    const gate = new Gate();
    const place = {
      lend: () => void told.push('lend'),
      takeBack: async () => {
        told.push('asked back');
        await gate.promise;
        told.push('taken back');
      },
    };
    slots.take(null);
    const slot = new AttemptSlot({ slots, owner: null, place, logger: undefined });
    let wentOn = false;
    const waiting = slot.lentFor(Promise.resolve()).then(() => (wentOn = true));
    await settle();
    expect({ told, wentOn, atWork: slots.atWork }).toEqual({ told: ['lend', 'asked back'], wentOn: false, atWork: 0 });
    gate.open(undefined);
    await waiting;
    expect(slots.atWork).toBe(1);
    slot.give(true);
    await settle();
    expect(told).toEqual(['lend', 'asked back', 'taken back', 'lend']);
  });
});
