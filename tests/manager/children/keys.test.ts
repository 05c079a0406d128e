import { describe, expect, it } from '@jest/globals';
import { memoryBackend } from '../../../src/backends/memory/memory-backend.js';
import type { Accepted, MaybePromise } from '../../../src/ports/backend.js';
import type { NewRun } from '../../../src/ports/new-run.js';
import { TaskError } from '../../../src/task/errors.js';
import { ForwardingBackend } from '../../../src/testing/forwarding-backend.js';
import { defineTask } from '../../../src/task/task.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { Gate, newManager, codeOf } from '../workbench.js';

const retry = { maxAttempts: 5, initialDelayMs: 10, jitter: 'none' } as const;

/** Says how often it was called, with what. */
function counted(name: string, handler: (input: string, call: number) => unknown = (input) => input) {
  const calls: string[] = [];
  const task = defineTask({ name, handler: (input: string) => handler(input, calls.push(input)) });
  return { task, calls };
}

/** Fails each attempt but the last, after it has acted. */
function until(last: number, act: (ctx: TaskContext) => Promise<unknown>) {
  return async (ctx: TaskContext) => {
    const came = await act(ctx);
    if (ctx.attempt < last) throw new Error('again');
    return came;
  };
}

describe('a child with a key', () => {
  it('that has completed is not run again in a later attempt, although its record has gone', async () => {
    const { manager, clock } = newManager({ retention: { maxFinished: 0 } });
    const { task, calls } = counted('child', (input) => ({ at: new Date(5), input }));
    const seen: unknown[] = [];
    const run = await manager.start(
      'a',
      until(3, async (ctx) => {
        const child = await ctx.start(task, 'x', { key: 'one' });
        seen.push(child.id, (await child.settled()).status, (await child.snapshot())?.parentId);
        return child.result();
      }),
      { retry },
    );
    await clock.run(100);
    const [id] = seen;
    expect(await run.settled()).toMatchObject({ status: 'completed', result: { at: new Date(5), input: 'x' } });
    expect(calls).toEqual(['x']);
    expect(await manager.get(String(id))).toBeUndefined();
    expect(seen).toEqual([id, 'completed', 'a', id, 'completed', 'a', id, 'completed', 'a']);
  });

  it('that failed or was cancelled is started anew, under the same id', async () => {
    const { manager, clock } = newManager();
    const { task, calls } = counted('child', (input, call) => (call < 3 ? Promise.reject(new Error('no')) : input));
    const ids = new Set<string>();
    const run = await manager.start(
      'a',
      async (ctx) => {
        const child = await ctx.start(task, 'x', { key: 'one' });
        ids.add(child.id);
        return child.result();
      },
      { retry },
    );
    await clock.run(100);
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 3, result: 'x' });
    expect(calls).toHaveLength(3);
    expect(ids.size).toBe(1);
  });

  it('is one child where it is started twice in one attempt, and no other task or input', async () => {
    const { manager } = newManager();
    const { task, calls } = counted('child');
    const other = counted('other');
    const codes: unknown[] = [];
    const run = await manager.start('a', async (ctx) => {
      const [one, two] = await Promise.all([ctx.start(task, 'x', { key: 'k' }), ctx.start(task, 'x', { key: 'k' })]);
      codes.push(
        await codeOf(ctx.start(task, 'y', { key: 'k' })),
        await codeOf(ctx.start(other.task, 'x', { key: 'k' })),
      );
      return one.id === two.id;
    });
    expect(await run.result()).toBe(true);
    expect(calls).toEqual(['x']);
    expect(codes).toEqual(['KEY_REUSED', 'KEY_REUSED']);
  });

  it('stands for one task through all attempts', async () => {
    const { manager, clock } = newManager();
    const [one, two] = [counted('one'), counted('two')];
    const codes: unknown[] = [];
    const run = await manager.start(
      'a',
      until(2, async (ctx) => {
        const starting = ctx.start(ctx.attempt === 1 ? one.task : two.task, 'x', { key: 'k' });
        codes.push(await codeOf(starting.then((child) => child.result())));
      }),
      { retry },
    );
    await clock.run(10);
    await run.settled();
    expect(codes).toEqual([{ resolved: 'x' }, 'KEY_REUSED']);
  });

  it('is another one in another run of the parent, also under the id of the first', async () => {
    const { manager } = newManager();
    const { task, calls } = counted('child');
    const ids = new Set<string>();
    for (const id of ['a', 'a', 'b']) {
      const run = await manager.start(id, async (ctx) => {
        const child = await ctx.start(task, 'x', { key: 'k' });
        ids.add(child.id);
        return child.result();
      });
      await run.settled();
    }
    expect(calls).toHaveLength(3);
    expect(ids.size).toBe(3);
  });

  it('waits for the handler of the one before it, where that was left behind', async () => {
    const { manager, clock } = newManager({ graceMs: 10 });
    const gate = new Gate();
    const { task, calls } = counted('child', (input, call) => (call === 1 ? gate.promise : input));
    const run = await manager.start(
      'a',
      async (ctx) => {
        const child = await ctx.start(task, 'x', { key: 'k' });
        if (ctx.attempt === 1) throw new Error('again');
        return child.result();
      },
      { retry },
    );
    await clock.run(1_000);
    expect((await run.snapshot())?.status).toBe('running');
    expect(calls).toHaveLength(0 + 1);
    gate.open('late');
    expect(await run.result()).toBe('x');
    expect(calls).toHaveLength(2);
  });

  it('counts among the 10,000 steps that a run may have', async () => {
    const { manager } = newManager();
    const { task } = counted('child');
    const run = await manager.start('a', async (ctx) => {
      for (let at = 0; at < 9_999; at += 1) await ctx.step(`s${at}`, () => at);
      await ctx.start(task, 'x', { key: 'last' });
      await ctx.step('s5', () => 'known');
      return Promise.all([codeOf(ctx.step('more', () => 1)), codeOf(ctx.start(task, 'y', { key: 'more' }))]);
    });
    expect(await run.result()).toEqual(['NON_RETRYABLE', 'NON_RETRYABLE']);
  });
});

/** Loses one answer to the start of a child: that is accepted all the same. */
class LosingBackend extends ForwardingBackend {
  #losses = 1;

  override accept(run: NewRun, ifActive: 'error' | 'return' | 'replace'): MaybePromise<Accepted> {
    const accepted = super.accept(run, ifActive);
    if (run.parent === null || this.#losses === 0) return accepted;
    this.#losses -= 1;
    throw new TaskError('BACKEND', 'The server does not answer');
  }
}

describe('a child with a key whose start was accepted, and the answer lost', () => {
  it('is that child where it is started again in the same attempt, also when it has completed by then', async () => {
    const { manager, clock } = newManager({ backend: new LosingBackend(memoryBackend()) });
    const { task, calls } = counted('child');
    const completed = new Gate();
    const codes: unknown[] = [];
    const run = await manager.start('a', async (ctx) => {
      codes.push(await codeOf(ctx.start(task, 'x', { key: 'k' })));
      await completed.promise;
      return (await ctx.start(task, 'x', { key: 'k' })).result();
    });
    await clock.run(0);
    expect([codes, calls, (await manager.counts()).total.completed]).toEqual([['BACKEND'], ['x'], 1]);
    completed.open(undefined);
    expect(await run.settled()).toMatchObject({ status: 'completed', result: 'x' });
    expect(calls).toEqual(['x']);
  });
});

describe('children without a key that an attempt has left', () => {
  it('are gone before the next one begins: none goes on beside its successor', async () => {
    const { manager, clock } = newManager({ graceMs: 50 });
    const gate = new Gate();
    const { task } = counted('child', () => gate.promise);
    const statuses: unknown[] = [];
    const run = await manager.start(
      'a',
      async (ctx) => {
        const { items } = await manager.list({ task: 'child' });
        statuses.push(items.map(({ status }) => status));
        await ctx.start(task, 'x');
        if (ctx.attempt === 1) throw new Error('again');
        gate.open(1);
      },
      { retry },
    );
    await clock.run(200);
    expect((await run.settled()).status).toBe('completed');
    expect(statuses).toEqual([[], ['cancelled']]);
  });
});
