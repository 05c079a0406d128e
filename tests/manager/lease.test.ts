import { describe, expect, it, jest } from '@jest/globals';
import { inlineExecutor } from '../../src/executors/inline/inline-executor.js';
import { AtWork } from '../../src/manager/at-work.js';
import type { ChildTools } from '../../src/manager/child-runs.js';
import { RunAttempt } from '../../src/manager/run-attempt.js';
import { resolveOptions } from '../../src/manager/resolve-options.js';
import { RunFiles } from '../../src/manager/run-files.js';
import { Slots } from '../../src/manager/slots.js';
import type { Backend, StoredRun } from '../../src/ports/backend.js';
import { defineTask, resolveTask } from '../../src/task/task.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { TimerQueue } from '../../src/timing/timer-queue.js';
import { FakeClock, settle } from '../fake-clock.js';
import { aborted, Gate } from './workbench.js';

/** One attempt on a backend that answers as a test says; what only durable backends do cannot be seen on memory. */
function attemptOn(backend: Partial<Backend>, handler: (ctx: TaskContext) => unknown) {
  const clock = new FakeClock();
  const error = jest.fn();
  const slots = new Slots({ concurrency: 1 }, clock, () => undefined);
  const tally = { abandoned: 0, dropped: 0 };
  const task = resolveTask(
    defineTask({ name: 't', limits: { hardLimitMs: 1_000 }, handler: (_input: unknown, ctx) => handler(ctx) }),
  );
  const run = {
    ...{ id: 'a', kind: 'run', task: 't', input: 1, attempt: 1, delays: 0, status: 'running' },
    ...{ parent: null, hardLimitMs: null },
  } as StoredRun;
  const attempt = new RunAttempt({ run }, task, {
    backend: backend as Backend,
    clock,
    slots,
    tally,
    timers: new TimerQueue(clock),
    executorOf: () => inlineExecutor,
    resources: { values: {} },
    random: () => 0,
    graceMs: 100,
    logger: { debug: jest.fn(), info: jest.fn(), warn: jest.fn(), error },
    files: new RunFiles({ options: resolveOptions({}), backend: backend as Backend }),
    atWork: new AtWork(),
    children: {} as ChildTools,
  });
  return { attempt, clock, slots, tally, error };
}

describe('a lost lease', () => {
  it('aborts the signal with LEASE_LOST, and what the handler then does concerns nobody', async () => {
    const settleCalls = jest.fn(() => false);
    let reason: unknown;
    const { attempt, slots, tally } = attemptOn({ settle: settleCalls }, (ctx) =>
      aborted(ctx.signal).catch((why: unknown) => {
        reason = why;
        throw why;
      }),
    );
    attempt.begin();
    attempt.lost();
    expect(slots.atWork).toBe(1);
    await settle();
    expect(reason).toMatchObject({ code: 'LEASE_LOST' });
    expect([slots.atWork, tally.dropped, settleCalls.mock.calls.length]).toEqual([0, 1, 1]);
  });

  it('keeps the slot of a handler that does not stop', async () => {
    const gate = new Gate();
    const { attempt, clock, slots, tally } = attemptOn(
      { settle: () => false, release: () => undefined },
      () => gate.promise,
    );
    attempt.begin();
    attempt.lost();
    await clock.run(10_000);
    expect([slots.atWork, tally.abandoned]).toEqual([1, 1]);
    gate.open(undefined);
    await settle();
    expect([slots.atWork, tally.abandoned]).toEqual([0, 0]);
  });

  it('of an attempt that has not begun frees its slot, and nothing begins or is reported', async () => {
    const handler = jest.fn();
    const { attempt, clock, slots, tally, error } = attemptOn({}, handler);
    attempt.lost();
    expect(slots.atWork).toBe(0);
    attempt.lost();
    attempt.begin();
    await clock.run(10_000);
    expect([slots.atWork, tally, handler.mock.calls.length]).toEqual([0, { abandoned: 0, dropped: 0 }, 0]);
    expect(error).not.toHaveBeenCalled();
  });

  it('of an attempt that has not begun keeps no close waiting', async () => {
    const { attempt } = attemptOn({}, () => undefined);
    const recorded = jest.fn();
    attempt.record.when(recorded);
    attempt.lost();
    expect([attempt.record.answered, recorded.mock.calls.length]).toEqual([true, 1]);
  });
});

describe('an attempt that was ended before it began', () => {
  it('never calls its handler, and leaves no timer', async () => {
    const handler = jest.fn();
    const { attempt, clock, slots, tally } = attemptOn({ settle: () => true, release: () => undefined }, handler);
    attempt.cancel({ by: 'test', reason: null });
    await clock.run(100);
    expect([slots.atWork, tally.abandoned]).toEqual([1, 1]);
    attempt.begin();
    expect([slots.atWork, tally.abandoned, clock.pending]).toEqual([0, 0, 0]);
    expect(handler).not.toHaveBeenCalled();
  });
});

describe('a backend that fails', () => {
  const broken = () => {
    throw new Error('disk full');
  };

  it.each([
    ['throws', broken],
    ['rejects', () => Promise.reject(new Error('disk full'))],
  ])('and %s when an outcome is reported is logged, and the slot is free', async (_what, fails) => {
    const { attempt, slots, error } = attemptOn({ settle: fails }, () => 'value');
    attempt.begin();
    await settle();
    expect(slots.atWork).toBe(0);
    expect(error).toHaveBeenCalledWith(
      expect.objectContaining({ runId: 'a' }),
      expect.stringContaining('could not be recorded'),
    );
  });

  it('when progress and lines are told disturbs no handler', async () => {
    const settled = jest.fn<(...args: unknown[]) => boolean>(() => true);
    const { attempt, slots } = attemptOn({ settle: settled, progress: broken, log: broken }, (ctx) => {
      ctx.progress(1);
      ctx.log.info('hello');
      ctx.progress(2);
      return 'value';
    });
    attempt.begin();
    await settle();
    expect(settled).toHaveBeenCalledWith(expect.anything(), { type: 'completed', value: 'value' }, false);
    expect(slots.atWork).toBe(0);
  });

  it('when a late handler is released is logged, and the slot is free', async () => {
    const gate = new Gate();
    const { attempt, clock, slots, error } = attemptOn({ settle: () => true, release: broken }, () => gate.promise);
    attempt.begin();
    await clock.run(1_000);
    gate.open(undefined);
    await settle();
    expect([slots.atWork, error.mock.calls.length]).toEqual([0, 1]);
  });
});
