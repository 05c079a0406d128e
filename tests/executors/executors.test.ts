import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { processes, threadModule, threads } from '../../src/executors/thread/index.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Run } from '../../src/task/run.js';
import { NonRetryableError, RetryLaterError, TaskError } from '../../src/task/errors.js';
import { defineTask, type Task } from '../../src/task/task.js';
import type { ThreadHandler } from '../../src/task/thread-module.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { until } from '../until.js';
import { type Deed, deeds } from './deeds.js';

const GRACE_MS = 300;
const made = deeds();
const managers: TaskManager[] = [];

afterEach(async () => {
  for (const manager of managers.splice(0)) await manager.close({ graceMs: 0 });
});

/** With little memory for each thread and process. */
function newManager(options: ManagerOptions = {}, atOnce = 2): TaskManager {
  const manager = new TaskManager({
    graceMs: GRACE_MS,
    executors: [
      threads({ maxThreads: atOnce, resourceLimits: { maxOldGenerationSizeMb: 48 } }),
      processes({ maxProcesses: atOnce, execArgv: ['--max-old-space-size=48'] }),
    ],
    ...options,
  });
  managers.push(manager);
  return manager;
}

/** A handler tells progress as soon as it is at work. */
async function atWork(manager: TaskManager, id: string): Promise<void> {
  await until(async () => (await manager.get(id))?.progress?.done === 1);
}

describe.each(['thread', 'process'] as const)('a handler in a %s', (executor) => {
  let task: Task<Deed, unknown>;
  beforeAll(() => {
    task = made.task(executor);
  });

  async function does(manager: TaskManager, deed: string, input?: unknown): Promise<Run> {
    return (await manager.start(task, { do: deed, with: input })).settled();
  }

  it('returns what can be cloned', async () => {
    const manager = newManager();
    const value = { at: new Date(0), map: new Map([['a', 1n]]), bytes: new Uint8Array([1, 2]), none: undefined };
    const run = await manager.start(task, { do: 'echo', with: value });
    expect(await run.result()).toEqual(value);
    for (const small of ['text', 3, true, null, undefined])
      expect((await does(manager, 'echo', small)).result).toBe(small);
  });

  it('is not called on the event loop of its manager', async () => {
    const where = (await does(newManager(), 'where')).result as { isMainThread: boolean; pid: number };
    expect(executor === 'thread' ? where.isMainThread : where.pid === process.pid).toBe(false);
  });

  it('keeps its thread for the next run', async () => {
    const manager = newManager({}, 1);
    await does(manager, 'count calls');
    expect((await does(manager, 'count calls')).result).toBe(2);
  });

  it('gets its context', async () => {
    const manager = newManager();
    const limited = made.task(executor, { name: 'limited', limits: { softLimitMs: 60_000 } });
    const run = await manager.start(limited, { do: 'context' }, { id: 'a-run', idempotencyKey: 'a-key' });
    expect(await run.result()).toEqual({
      runId: 'a-run',
      attempt: 1,
      itemIndex: null,
      idempotencyKey: 'a-key',
      deadlineAt: expect.any(Number),
      aborted: false,
      members: ['function', 'function'],
    });
  });

  it('tells its progress and its log, all of it before the run ends', async () => {
    const manager = newManager();
    const events = manager.events();
    const run = await does(manager, 'say', 50);
    expect(run.progress).toEqual({ done: 50, total: 50, note: 'at 50' });
    const lines: string[] = [];
    for await (const event of events) {
      if (event.type === 'run:log') lines.push(event.message);
      if (event.type === 'run:completed') break;
    }
    expect(lines).toEqual(Array.from({ length: 50 }, (_, at) => `line ${at + 1}`));
  });

  it('is told of a wrong progress where it tells it', async () => {
    expect((await does(newManager(), 'wrong progress')).error).toMatchObject({ name: 'RangeError' });
  });

  it('may write without end: what is too much is left out, and said', async () => {
    const lines: string[] = [];
    const logger = {
      debug: () => lines.push('x'),
      info: () => 0,
      warn: (_: object, line?: string) => lines.push(String(line)),
      error: () => 0,
    };
    const run = await does(newManager({ logger }), 'flood', 200_000);
    expect(run.status).toBe('completed');
    expect(run.progress?.done).toBe(199_999);
    expect(lines.length).toBeLessThan(150_000);
    expect(lines.at(-1)).toContain('lines were left out');
  });

  it('keeps name, message and code of what it throws', async () => {
    const manager = newManager();
    const run = await manager.start(task, {
      do: 'throw',
      with: { name: 'DiskError', message: 'full', code: 'ENOSPC' },
    });
    const { cause } = (await run.result().catch((error: unknown) => error)) as TaskError;
    expect(cause).toMatchObject({ name: 'DiskError', message: 'full', code: 'ENOSPC' });
    expect((await run.settled()).error).toMatchObject({ code: 'HANDLER_FAILED', name: 'DiskError', message: 'full' });
    const other = await manager.start(task, { do: 'throw a TypeError' });
    expect(((await other.result().catch((error: unknown) => error)) as TaskError).cause).toBeInstanceOf(TypeError);
    expect((await does(manager, 'throw null')).error?.message).toBe('null');
  });

  it('is tried again by the policy of its task, and steers it as an inline one does', async () => {
    const manager = newManager();
    const retry = { maxAttempts: 3, initialDelayMs: 1 };
    const tried = made.task(executor, { name: 'tried', retry });
    const ends = async (deed: Deed) => (await manager.start(tried, deed)).settled();
    expect(await ends({ do: 'throw', with: { name: 'E', message: 'no' } })).toMatchObject({
      attempt: 3,
      status: 'failed',
    });
    const final = await ends({ do: 'throw ours', with: ['NON_RETRYABLE', 'never'] });
    expect(final).toMatchObject({ attempt: 1, error: { code: 'NON_RETRYABLE', message: 'never' } });
    const later = await manager.start(tried, {
      do: 'throw ours',
      with: ['RETRY_LATER', 'later', { delayMs: 600_000 }],
    });
    await until(async () => (await manager.get(later.id))?.status === 'retrying');
    expect(await manager.get(later.id)).toMatchObject({ attempt: 1 });
    await later.cancel();
  });

  it('sees its cancel, and why, and may tidy up', async () => {
    const manager = newManager();
    const run = await manager.start(task, { do: 'tidy up' });
    await atWork(manager, run.id);
    await run.cancel('enough');
    expect(await run.settled()).toMatchObject({
      status: 'cancelled',
      abandoned: false,
      result: { name: 'CancelledError', code: 'RUN_CANCELLED', details: { reason: 'enough' }, isError: true },
    });
  });

  it('hears of a cancel that comes while its thread is made, or with its call', async () => {
    const manager = newManager({ graceMs: 600_000 }, 1);
    for (let at = 0; at < 20; at += 1) {
      const run = await manager.start(task, { do: 'wait' });
      await until(async () => (await manager.get(run.id))?.status === 'running');
      await run.cancel();
      expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
    }
  });

  it('sees its soft limit', async () => {
    const limited = made.task(executor, { name: 'soft', limits: { softLimitMs: 1_500 } });
    const run = await newManager().start(limited, { do: 'tidy up' });
    expect(await run.result()).toMatchObject({
      name: 'TimeLimitError',
      code: 'TIME_LIMIT',
      details: { limit: 'soft' },
    });
  });

  it.each(['spin', 'spin in a regular expression'])('is ended in a loop when the grace is over: %s', async (deed) => {
    const manager = newManager({}, 1);
    const run = await manager.start(task, { do: deed });
    await atWork(manager, run.id);
    const cancelledAt = performance.now();
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
    const tookMs = performance.now() - cancelledAt;
    expect(tookMs).toBeGreaterThanOrEqual(GRACE_MS - 1);
    expect(tookMs).toBeLessThan(GRACE_MS + 250);
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0 });
    // Its place is free at once.
    expect((await does(manager, 'echo', 'next')).result).toBe('next');
  });

  it('is ended in a loop by its hard limit, and tried again', async () => {
    const limited = made.task(executor, {
      name: 'hard',
      limits: { hardLimitMs: 1_000 },
      retry: { maxAttempts: 2, initialDelayMs: 1 },
    });
    const run = await newManager({}, 1).start(limited, { do: 'spin' });
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      attempt: 2,
      abandoned: false,
      error: { code: 'TIME_LIMIT' },
      failures: [{ code: 'TIME_LIMIT' }, { code: 'TIME_LIMIT' }],
    });
  });

  it('is not touched when its neighbour is ended', async () => {
    const manager = newManager();
    const [looping, neighbour] = [
      await manager.start(task, { do: 'spin' }),
      await manager.start(task, { do: 'tidy up' }),
    ];
    await atWork(manager, looping.id);
    await atWork(manager, neighbour.id);
    await looping.cancel();
    expect((await looping.settled()).status).toBe('cancelled');
    expect((await manager.get(neighbour.id))?.status).toBe('running');
    await neighbour.cancel('now you');
    expect(await neighbour.settled()).toMatchObject({ result: { details: { reason: 'now you' } } });
  });

  it('is abandoned where nothing can end it in time, and keeps its place until it has ended', async () => {
    const manager = newManager({ graceMs: 1 }, 1);
    // SIGKILL leaves a child of the process alone, and ends the process at once.
    if (executor === 'process') return;
    const begun = `${fileURLToPath(await made.module('block', ''))}-begun`;
    const run = await manager.start(task, { do: 'block', with: { ms: 5_000, begun } });
    await until(() => existsSync(begun));
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: true });
    expect(await manager.counts()).toMatchObject({ atWork: 1, abandoned: 1 });
    const next = await manager.start(task, { do: 'echo', with: 'next' });
    expect(await next.result()).toBe('next');
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0 });
  });

  it.each([
    ['exit', 3],
    ['throw later', undefined],
    ['reject', undefined],
    // A process says on its way out that its heap was full, and jest takes that for its own worker's end.
    ...(executor === 'thread' ? ([['fill the heap', undefined]] as const) : []),
  ])('that brings its thread down fails alone: %s', async (deed, input) => {
    const manager = newManager();
    const [bad, good] = [
      await manager.start(task, { do: deed, with: input }),
      await manager.start(task, { do: 'tidy up' }),
    ];
    expect(await bad.settled()).toMatchObject({ status: 'failed', abandoned: false, error: { code: 'EXECUTOR_LOST' } });
    expect((await bad.settled()).error?.message).not.toContain('/');
    await atWork(manager, good.id);
    await good.cancel();
    expect(await good.settled()).toMatchObject({ status: 'cancelled', result: { code: 'RUN_CANCELLED' } });
    expect((await does(manager, 'echo', 1)).result).toBe(1);
  });

  it('that fills its stack fails with that', async () => {
    expect((await does(newManager(), 'fill the stack')).error).toMatchObject({
      name: 'RangeError',
      code: 'HANDLER_FAILED',
    });
  });

  it('that returns what cannot be cloned fails for good', async () => {
    const manager = newManager();
    const tried = made.task(executor, { name: 'tried', retry: { maxAttempts: 3, initialDelayMs: 1 } });
    const returned = await (await manager.start(tried, { do: 'return a function' })).settled();
    expect(returned).toMatchObject({ attempt: 1, error: { code: 'RESULT_INVALID' } });
    const given = await (await manager.start(tried, { do: 'echo', with: () => 1 })).settled();
    expect(given).toMatchObject({ attempt: 1, error: { code: 'INPUT_INVALID' } });
    expect((await does(manager, 'echo', 1)).result).toBe(1);
  });

  it('may post what it likes to its parent, also when it is over', async () => {
    const manager = newManager({}, 1);
    const posted = ['ready', null, 1, {}, { line: 'mine' }, { call: 1 }, { call: 2, end: null }, { abort: 1 }];
    expect((await does(manager, 'post', posted)).status).toBe('completed');
    expect((await does(manager, 'post when idle', posted)).status).toBe('completed');
    // It has been posted when the same thread or process has answered after it.
    await does(manager, 'post', []);
    expect((await does(manager, 'count calls')).result).toBe(4);
  });

  it('waits for a free place, and is never called when it is cancelled there', async () => {
    const manager = newManager({}, 1);
    const first = await manager.start(task, { do: 'wait' });
    await atWork(manager, first.id);
    const [second, third] = [
      await manager.start(task, { do: 'count calls' }),
      await manager.start(task, { do: 'count calls' }),
    ];
    const inline = await manager.start('inline', () => 'goes on');
    expect(await inline.result()).toBe('goes on');
    expect((await manager.get(second.id))?.status).toBe('queued');
    await second.cancel();
    expect((await second.settled()).startedAt).toBeNull();
    await first.cancel();
    expect(await third.result()).toBe(2);
  });

  it('in a loop is ended by close() within its grace and a second', async () => {
    const manager = newManager();
    const run = await manager.start(task, { do: 'spin' });
    await atWork(manager, run.id);
    const closedAt = performance.now();
    expect(await manager.close({ graceMs: 100 })).toEqual({ completed: 0, interrupted: 1, waiting: 0, abandoned: 0 });
    expect(performance.now() - closedAt).toBeLessThan(1_100);
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      abandoned: false,
      error: { code: 'RUN_INTERRUPTED' },
    });
  });

  it('whose module is missing, broken or has no handler fails for good, and says why', async () => {
    const manager = newManager();
    const ends = async (name: string, url: URL) => {
      const broken = defineTask({
        name,
        executor,
        module: threadModule<{ default: ThreadHandler<unknown, unknown> }>(url),
        retry: { maxAttempts: 3, initialDelayMs: 1 },
      });
      return (await manager.start(broken, 1)).settled();
    };
    const missing = await ends('missing', new URL('file:///nowhere/module.mjs'));
    expect(missing).toMatchObject({ attempt: 1, error: { code: 'NON_RETRYABLE' } });
    expect(missing.error?.message).toBe('The module of task missing has no handler: it cannot be loaded');
    const broken = await ends('broken', await made.module('broken.mjs', 'export default (;'));
    expect(broken.error?.message).toContain('cannot be loaded');
    const empty = await ends('empty', await made.module('empty.mjs', 'export const other = 1;'));
    expect(empty.error?.message).toContain('exports no function');
  });

  it('may be an export named handler', async () => {
    const url = await made.module('named.mjs', 'export const handler = (input) => input * 2;');
    const named = defineTask({
      name: 'named',
      executor,
      module: threadModule<{ handler: ThreadHandler<number, number> }>(url),
    });
    const doubled: number = await (await newManager().start(named, 21)).result();
    expect(doubled).toBe(42);
  });
});

describe('a handler in a process', () => {
  it('whose environment is none fails as one whose process could not be made', async () => {
    const manager = newManager({ executors: [processes({ env: { A: 'no \0 text' } })] });
    const run = await manager.start(made.task('process'), { do: 'echo' });
    expect((await run.settled()).error).toMatchObject({
      code: 'EXECUTOR_LOST',
      message: 'The process of this attempt could not be made',
    });
  });

  it('that aborts takes nobody along', async () => {
    const manager = newManager();
    const run = await manager.start(made.task('process'), { do: 'abort' });
    expect((await run.settled()).error?.code).toBe('EXECUTOR_LOST');
    expect(
      await (await manager.start(made.task('process', { name: 'another' }), { do: 'echo', with: 1 })).result(),
    ).toBe(1);
  });
});

describe('a thread that ends without a handler', () => {
  it('takes no call along that has not begun', async () => {
    const manager = newManager({}, 4);
    const task = made.task('thread');
    const messages = new Set<string | undefined>();
    for (let round = 0; round < 25; round += 1) {
      await (await manager.start(task, { do: 'exit when idle', with: 3 })).settled();
      for (let at = 0; at < 6; at += 1) {
        const run = await manager.start(task, { do: 'where' });
        void run.settled().then(({ error }) => messages.add(error?.message));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await until(async () => (await manager.counts()).total.running + (await manager.counts()).total.queued === 0);
    }
    expect([...messages].filter((message) => message?.includes('could not be made'))).toEqual([]);
  });
});

describe('a process that was idle for long', () => {
  it('is given no call while it ends', async () => {
    const clock = new ManualClock();
    const manager = newManager({ clock, executors: [processes({ maxProcesses: 1, idleMs: 1_000 })] });
    const task = made.task('process');
    const where = async () => ((await (await manager.start(task, { do: 'where' })).result()) as { pid: number }).pid;
    const first = await where();
    clock.advance(1_000);
    expect(await where()).not.toBe(first);
  });
});

describe('errors of ours', () => {
  it('cross a thread as themselves', async () => {
    const { pack, unpack } = await import('../../src/executors/outside/carried-error.js');
    const sent = (error: unknown) => unpack(structuredClone(pack(error)));
    expect(sent(new RetryLaterError(5, 'later'))).toMatchObject({ code: 'RETRY_LATER', delayMs: 5, message: 'later' });
    expect(sent(new NonRetryableError('no', { details: { a: 1 } }))).toBeInstanceOf(NonRetryableError);
    expect(sent(new TaskError('BACKEND', 'away'))).toMatchObject({
      code: 'BACKEND',
      message: 'away',
      name: 'TaskError',
    });
    expect(sent(undefined)).toBeUndefined();
    expect(
      sent({
        get message() {
          throw new Error('hostile');
        },
      }),
    ).toBeInstanceOf(Error);
  });
});
