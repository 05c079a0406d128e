import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { codeOf, newManager } from './workbench.js';

describe('an idempotency key', () => {
  const handler = jest.fn((input: unknown) => input);
  const task = defineTask({ name: 't', handler: (input: unknown) => handler(input) });
  const other = defineTask({ name: 'u', handler: (input: unknown) => handler(input) });

  it('gives the same run for the same start, also after that has ended', async () => {
    handler.mockClear();
    const { manager } = newManager();
    const first = await manager.start(task, { a: 1, b: [2] }, { idempotencyKey: 'k', tags: ['x'] });
    const again = await manager.start(task, { b: [2], a: 1 }, { idempotencyKey: 'k', tags: ['x'] });
    await first.settled();
    const later = await manager.start(task, { a: 1, b: [2] }, { idempotencyKey: 'k', tags: ['x'] });
    expect([first.replayed, again.replayed, later.replayed]).toEqual([false, true, true]);
    expect([again.id, later.id]).toEqual([first.id, first.id]);
    expect(await later.result()).toEqual({ a: 1, b: [2] });
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('gives one run for starts of the same turn', async () => {
    handler.mockClear();
    const { manager } = newManager();
    const runs = await Promise.all([1, 2, 3].map(() => manager.start(task, 1, { idempotencyKey: 'k' })));
    await runs[0]?.settled();
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('is refused for another task, input or option', async () => {
    const { manager } = newManager();
    await manager.start(task, { a: 1 }, { idempotencyKey: 'k' });
    const starts = [
      manager.start(other, { a: 1 }, { idempotencyKey: 'k' }),
      manager.start(task, { a: 2 }, { idempotencyKey: 'k' }),
      manager.start(task, { a: 1, b: 1 }, { idempotencyKey: 'k' }),
      manager.start(task, { a: 1 }, { idempotencyKey: 'k', priority: 1 }),
      manager.start(task, { a: 1 }, { idempotencyKey: 'k', delayMs: 1 }),
      manager.start(task, { a: 1 }, { idempotencyKey: 'k', tags: ['x'] }),
      manager.start(task, { a: 1 }, { idempotencyKey: 'k', id: 'mine' }),
    ];
    expect(await Promise.all(starts.map(codeOf))).toEqual(starts.map(() => 'KEY_REUSED'));
  });

  it('is kept apart by owner', async () => {
    const { manager } = newManager();
    const mine = await manager.start(task, 1, { idempotencyKey: 'k', owner: 'me' });
    const yours = await manager.start(task, 2, { idempotencyKey: 'k', owner: 'you' });
    const nobodys = await manager.start(task, 3, { idempotencyKey: 'k' });
    expect(new Set([mine.id, yours.id, nobodys.id]).size).toBe(3);
  });

  it('is forgotten after keepKeyMs, and its run stays findable until then', async () => {
    const { manager, clock } = newManager({ retention: { keepKeyMs: 10_000, keepResultMs: 100 } });
    const first = await manager.start(task, 1, { idempotencyKey: 'k' });
    await clock.run(9_999);
    expect(await manager.get(first.id)).toMatchObject({ status: 'completed' });
    expect((await manager.start(task, 1, { idempotencyKey: 'k' })).id).toBe(first.id);
    await clock.run(1);
    const second = await manager.start(task, 2, { idempotencyKey: 'k' });
    expect([second.replayed, await manager.get(first.id)]).toEqual([false, undefined]);
  });

  it('is what the handler sees, where there is one', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', (ctx) => ctx.idempotencyKey, { idempotencyKey: 'order-7' });
    expect(await run.result()).toBe('order-7');
  });

  it('of a caller is told apart by the owner in what the handler sees, and is the same in every attempt', async () => {
    const { manager, clock } = newManager();
    const seen: Record<string, string[]> = {};
    const task = defineTask({
      name: 'pays',
      retry: { maxAttempts: 2, initialDelayMs: 10, jitter: 'none' },
      handler: (input: string, ctx) => {
        (seen[input] ??= []).push(ctx.idempotencyKey);
        throw new Error('again');
      },
    });
    for (const owner of ['me', 'you']) await manager.start(task, owner, { idempotencyKey: 'k', owner });
    await manager.start(task, 'nobody', { idempotencyKey: 'k' });
    await clock.run(1_000);
    const { me = [], you = [], nobody = [] } = seen;
    expect([me.length, new Set(me).size, new Set(you).size]).toEqual([2, 1, 1]);
    expect(nobody).toEqual(['k', 'k']);
    expect(me[0]).not.toBe(you[0]);
    for (const key of [me[0], you[0]]) expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  it('needs an input that can be written as JSON', async () => {
    const { manager } = newManager();
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    for (const input of [cyclic, 5n]) {
      expect(await codeOf(manager.start(task, input, { idempotencyKey: 'k' }))).toBe('TypeError');
    }
  });

  describe('of an ad-hoc function', () => {
    const fn = (): number => 1;
    const retry = { maxAttempts: 2 };

    it('gives the same run for the same options', async () => {
      const { manager } = newManager();
      const options = { idempotencyKey: 'k', queue: 'q', retry, softLimitMs: 5_000 };
      await manager.start('a', fn, options);
      expect((await manager.start('a', fn, { ...options, retry: { ...retry } })).replayed).toBe(true);
    });

    it.each([{ queue: 'q' }, { retry }, { retry: { ...retry, factor: 3 } }, { softLimitMs: 1 }, { hardLimitMs: 1 }])(
      'is refused for another queue, policy or limit: %j',
      async (other) => {
        const { manager } = newManager();
        await manager.start('a', fn, { idempotencyKey: 'k' });
        expect(await codeOf(manager.start('a', fn, { idempotencyKey: 'k', ...other }))).toBe('KEY_REUSED');
      },
    );
  });

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['a map', new Map([[1, 2]])],
    ['a set', new Set([1])],
    ['a regular expression', /a/],
    ['a typed array', new Uint8Array(2)],
    ['an error', new Error('a')],
    ['a number in a box', Object(1)],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a hole', new Array<unknown>(1)],
    ['a date that is none', new Date(Number.NaN)],
  ])('refuses %s, which JSON cannot tell from other inputs', async (_name, value) => {
    const { manager } = newManager();
    const start = manager.start(task, { n: [value] }, { idempotencyKey: 'k' });
    expect(await codeOf(start)).toBe('TypeError');
    expect(await start.catch((error: unknown) => (error as Error).message)).toContain('start without a key');
  });

  it('takes dates as their text, and undefined members as none', async () => {
    const { manager } = newManager();
    const at = new Date(0);
    await manager.start(task, { at, more: undefined, deep: [{ b: 1, a: 2 }] }, { idempotencyKey: 'k' });
    const again = await manager.start(task, { deep: [{ a: 2, b: 1 }], at: at.toISOString() }, { idempotencyKey: 'k' });
    expect(again.replayed).toBe(true);
    const other = manager.start(task, { at: new Date(1), deep: [{ b: 1, a: 2 }] }, { idempotencyKey: 'k' });
    expect(await codeOf(other)).toBe('KEY_REUSED');
  });

  it('tells a member called __proto__ from none', async () => {
    const { manager } = newManager();
    await manager.start(task, JSON.parse('{"__proto__":1}') as unknown, { idempotencyKey: 'k' });
    expect(await codeOf(manager.start(task, {}, { idempotencyKey: 'k' }))).toBe('KEY_REUSED');
  });
});
