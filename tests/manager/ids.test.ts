import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { settle } from '../fake-clock.js';
import { codeOf, Gate, hang, newManager } from './workbench.js';

describe('an id', () => {
  it('is made by the manager, unique and sorted by time, also when the time of day goes back', async () => {
    const { manager, clock } = newManager();
    const task = defineTask({ name: 't', handler: () => 1 });
    const ids: string[] = [];
    for (let n = 0; n < 3_000; n += 1) {
      if (n % 500 === 0) clock.advance(1);
      if (n % 700 === 0) clock.jump(-10_000);
      ids.push((await manager.start(task)).id);
    }
    expect(new Set(ids).size).toBe(3_000);
    expect([...ids].sort()).toEqual(ids);
    expect(ids[0]).toMatch(/^[0-9a-z]{26}$/);
  });

  it.each(['__proto__', 'constructor', 'toString', '0', 'a.b:c@d-e', 'x'.repeat(128)])('may be %p', async (id) => {
    const { manager } = newManager();
    const run = await manager.start(id, (ctx) => ctx.runId);
    expect(await run.result()).toBe(id);
    expect(await manager.get(id)).toMatchObject({ id, status: 'completed' });
    expect(await manager.cancel(id)).toMatchObject({ status: 'completed' });
  });

  it.each<unknown>([
    '',
    'x'.repeat(129),
    'x'.repeat(10_240),
    'a\nb',
    'a\u0000',
    '\u001b[31m',
    'a b',
    'ü',
    '-a',
    '../a',
  ])('may not be %p', async (id) => {
    const { manager } = newManager();
    const fn = jest.fn();
    expect(await codeOf(manager.start(id as string, fn))).toBe('RangeError');
    expect(await codeOf(manager.start(defineTask({ name: 't', handler: fn }), 1, { id: id as string }))).toBe(
      'RangeError',
    );
    expect(() => manager.handle(id as string)).toThrow('must be 1 to 128');
    await settle();
    expect(fn).not.toHaveBeenCalled();
    expect([await manager.get(id as string), await manager.cancel(id as string)]).toEqual([undefined, undefined]);
  });

  it('that is active is refused, and the second function never runs', async () => {
    const { manager } = newManager();
    const gate = new Gate();
    const second = jest.fn();
    const run = await manager.start('a', () => gate.promise);
    expect(await codeOf(manager.start('a', second))).toBe('RUN_CONFLICT');
    await settle();
    await expect(manager.start('a', second)).rejects.toMatchObject({ details: { runId: 'a', abandoned: false } });
    gate.open('first');
    expect(await run.result()).toBe('first');
    await settle();
    expect(second).not.toHaveBeenCalled();
  });

  it('that the manager made is active and free like any other', async () => {
    const { manager } = newManager();
    const gate = new Gate();
    const task = defineTask({ name: 't', handler: (input: unknown) => (input === 'wait' ? gate.promise : input) });
    const made = await manager.start(task, 'wait');
    await manager.start(task, 'between');
    expect(await codeOf(manager.start(task, 'again', { id: made.id }))).toBe('RUN_CONFLICT');
    gate.open('first');
    expect(await made.result()).toBe('first');
    const again = await manager.start(task, 'again', { id: made.id });
    expect([await again.result(), (await manager.get(made.id))?.result]).toEqual(['again', 'again']);
    expect((await manager.list({ task: 't' })).items.filter(({ id }) => id === made.id)).toHaveLength(1);
  });

  it('that has ended can be started again; cancelled then, the run does not show the old result', async () => {
    const { manager } = newManager();
    const old = await manager.start('a', () => 'old');
    await old.settled();
    const oldSnapshot = await old.snapshot();
    const fresh = await manager.start('a', hang, { delayMs: 1_000 });
    await fresh.cancel('not wanted');
    const shown = await manager.get('a');
    expect(shown).toMatchObject({ status: 'cancelled', cancelReason: 'not wanted', attempt: 0 });
    expect(shown?.result).toBeUndefined();
    expect(await fresh.settled()).toEqual(shown);
    expect(await old.snapshot()).toEqual(oldSnapshot);
    expect(await old.result()).toBe('old');
  });

  it('lets an old handle neither cancel nor follow the new run', async () => {
    const { manager } = newManager();
    const old = await manager.start('a', () => 'old');
    await old.settled();
    await manager.start('a', hang);
    expect(await old.cancel()).toMatchObject({ status: 'completed', result: 'old' });
    const events = [];
    for await (const event of old.events()) events.push(event.type);
    expect(events).toEqual(['run:snapshot']);
    expect(await manager.get('a')).toMatchObject({ status: 'running' });
  });

  it('goes on counting versions from run to run, so that no reader takes a new event for an old one', async () => {
    const { manager } = newManager();
    const first = await (await manager.start('a', () => 1)).settled();
    const second = await (await manager.start('a', () => 2)).settled();
    expect(second.version).toBeGreaterThan(first.version);
  });
});
