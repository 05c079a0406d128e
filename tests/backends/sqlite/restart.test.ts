import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineTask } from '../../../src/task/task.js';
import { FakeClock } from '../../fake-clock.js';
import { until } from '../../until.js';
import { aborted, codeOf, Gate } from '../../manager/workbench.js';
import { DurableBench } from './durable.js';

let bench: DurableBench;

beforeEach(async () => {
  bench = new DurableBench();
  await bench.open();
});

afterEach(() => bench.dispose());

describe('a run whose process was killed', () => {
  it('runs in the next process where it waited, in the same order, with the same input', async () => {
    const file = bench.newFile();
    const seen: unknown[] = [];
    const task = defineTask({ name: 'note', handler: (input: unknown) => void seen.push(input) });
    const before = bench.manager(file, { tasks: [task] });
    await before.queues.pause('default');
    const inputs = [{ at: new Date(0) }, [1, 2], 'x'.repeat(5_000), undefined];
    for (const [at, input] of inputs.entries()) await before.start(task, input, { id: `run-${at}` });
    await before.start(task, 'first', { id: 'first', priority: 1 });

    const after = bench.manager(await bench.crash(file), { tasks: [task] });
    expect(await after.queues.list()).toEqual([expect.objectContaining({ name: 'default', paused: true, queued: 5 })]);
    expect(seen).toEqual([]);
    await after.queues.resume('default');
    for (const id of ['run-0', 'run-1', 'run-2', 'run-3', 'first']) {
      expect(await after.handle(id).settled()).toMatchObject({ status: 'completed', attempt: 1 });
    }
    expect(seen).toEqual(['first', ...inputs]);
  });

  it('is tried again where it was at work, with the same attempt and the same key for its effects', async () => {
    const file = bench.newFile();
    const contexts: unknown[] = [];
    const gate = new Gate();
    const task = defineTask({
      name: 'work',
      handler: async (_input: unknown, { attempt, idempotencyKey }) => {
        contexts.push({ attempt, idempotencyKey });
        if (contexts.length === 1) await gate.promise;
        return 'done';
      },
    });
    const before = bench.manager(file, { tasks: [task] });
    await before.start(task, 1, { id: 'a' });
    await until(() => contexts.length === 1);

    const after = bench.manager(await bench.crash(file), { tasks: [task] });
    expect(await after.handle('a').settled()).toMatchObject({ status: 'completed', result: 'done', attempt: 1 });
    expect(contexts).toHaveLength(2);
    expect(contexts[1]).toEqual(contexts[0]);
    gate.open(undefined);
  });

  it('ends as CRASHED when more processes died at it than it may take', async () => {
    let file = bench.newFile();
    let begun = 0;
    const task = defineTask({
      name: 'killer',
      maxCrashes: 2,
      handler: (_: unknown, { signal }) => ((begun += 1), aborted(signal)),
    });
    await bench.manager(file, { tasks: [task] }).start(task, 1, { id: 'a' });
    for (let crashes = 1; crashes <= 3; crashes += 1) {
      await until(() => begun === crashes);
      file = await bench.crash(file);
      const manager = bench.manager(file, { tasks: [task] });
      await manager.open();
      if (crashes === 3) {
        expect(await manager.get('a')).toMatchObject({ status: 'failed', error: { code: 'CRASHED' } });
        expect((await manager.list({ deadLetters: true })).items).toHaveLength(1);
      }
    }
    expect(begun).toBe(3);
  });

  it("fails as RUN_INTERRUPTED under onCrash: 'fail', and is not tried again", async () => {
    const file = bench.newFile();
    let begun = 0;
    const task = defineTask({
      name: 'once',
      onCrash: 'fail',
      handler: (_: unknown, { signal }) => ((begun += 1), aborted(signal)),
    });
    await bench.manager(file, { tasks: [task] }).start(task, 1, { id: 'a' });
    await until(() => begun === 1);
    const after = bench.manager(await bench.crash(file), { tasks: [task] });
    expect(await codeOf(after.handle('a').result())).toBe('RUN_INTERRUPTED');
    expect(begun).toBe(1);
  });

  it('fails as RUN_INTERRUPTED where it was an ad-hoc function, which died with the process', async () => {
    const file = bench.newFile();
    const before = bench.manager(file);
    await before.start('at-work', ({ signal }) => aborted(signal));
    await before.start('later', () => 1, { delayMs: 1_000 });
    const after = bench.manager(await bench.crash(file));
    for (const id of ['at-work', 'later']) {
      expect(await after.handle(id).settled()).toMatchObject({
        status: 'failed',
        task: null,
        error: { code: 'RUN_INTERRUPTED' },
      });
    }
  });

  it('is cancelled where it was cancelling', async () => {
    const file = bench.newFile();
    let begun = 0;
    const task = defineTask({ name: 'deaf', handler: () => ((begun += 1), new Promise(() => undefined)) });
    const before = bench.manager(file, { tasks: [task] });
    const run = await before.start(task, 1, { id: 'a' });
    await until(() => begun === 1);
    const told = await run.cancel('no longer wanted');
    const clock = new FakeClock();
    const after = bench.manager(await bench.crash(file), { tasks: [task], clock });
    expect(await after.handle('a').settled()).toMatchObject({
      status: 'cancelled',
      cancelReason: 'no longer wanted',
      cancelRequestedAt: told?.cancelRequestedAt,
    });
    expect(begun).toBe(1);
  });

  it('waits for its next attempt where it did, and a crash uses none', async () => {
    const file = bench.newFile();
    const attempts: number[] = [];
    const retry = { maxAttempts: 2, initialDelayMs: 60_000, jitter: 'none' } as const;
    const task = defineTask({
      name: 'flaky',
      retry,
      handler: (_: unknown, { attempt }) => {
        attempts.push(attempt);
        throw new TypeError(`attempt ${attempt}`);
      },
    });
    const clock = new FakeClock();
    const before = bench.manager(file, { tasks: [task], clock });
    await before.start(task, 1, { id: 'a' });
    await until(async () => (await before.get('a'))?.status === 'retrying');
    const after = bench.manager(await bench.crash(file), { tasks: [task], clock });
    expect(await after.get('a')).toMatchObject({ status: 'retrying', attempt: 1, failures: [{ name: 'TypeError' }] });
    await clock.run(59_999);
    expect(attempts).toEqual([1]);
    await clock.run(1);
    const ended = after.handle('a').settled();
    expect(await ended).toMatchObject({ status: 'failed', attempt: 2, error: { message: 'attempt 2' } });
    expect(attempts).toContain(2);
  });

  it('begins at its time where it was scheduled, and at once where that has passed meanwhile', async () => {
    const file = bench.newFile();
    const seen: unknown[] = [];
    const task = defineTask({ name: 'later', handler: (input: unknown) => void seen.push(input) });
    const start = 1_700_000_000_000;
    const before = bench.manager(file, { tasks: [task], clock: new FakeClock(start) });
    await before.start(task, 'soon', { id: 'soon', delayMs: 1_000 });
    await before.start(task, 'late', { id: 'late', delayMs: 60_000 });
    await before.start(task, 'stale', { id: 'stale', delayMs: 1_000, expiresInMs: 2_000 });
    const image = await bench.crash(file);
    const clock = new FakeClock(start + 5_000);
    const after = bench.manager(image, { tasks: [task], clock });
    expect(await codeOf(after.handle('stale').result())).toBe('QUEUE_EXPIRED');
    await clock.run(1);
    await after.handle('soon').settled();
    expect(seen).toEqual(['soon']);
    expect(await after.get('late')).toMatchObject({ status: 'scheduled', dueAt: start + 60_000 });
    await clock.run(55_000);
    await after.handle('late').settled();
    expect(seen).toEqual(['soon', 'late']);
  });

  it('stays queued, visibly, where nobody registers its task any more, and runs when somebody does', async () => {
    const file = bench.newFile();
    const task = defineTask({ name: 'renamed', handler: () => 'done' });
    const before = bench.manager(file, { tasks: [task], clock: new FakeClock() });
    await before.start(task, 1, { id: 'a', delayMs: 1 });
    const after = bench.manager(await bench.crash(file));
    await until(async () => (await after.get('a'))?.status === 'queued');
    expect((await after.counts()).tasks).toMatchObject({ renamed: { queued: 1 } });
    after.register(task);
    expect(await after.handle('a').result()).toBe('done');
  });
});

describe('a run that has ended', () => {
  it('is shown as ended, by its handle too, only when a crash cannot take that back', async () => {
    const file = bench.newFile();
    const gate = new Gate();
    let begun = 0;
    const task = defineTask({ name: 'once', handler: () => ((begun += 1), gate.promise) });
    const run = await bench.manager(file, { tasks: [task] }).start(task, 1, { id: 'a' });
    await until(() => begun === 1);
    gate.open('done');
    let shown = await run.snapshot();
    while (shown?.status === 'running') shown = await run.snapshot();
    const after = bench.manager(await bench.crash(file), { tasks: [task] });
    expect(await after.handle('a').settled()).toMatchObject({ status: 'completed', result: 'done' });
    expect(begun).toBe(1);
  });

  it('is what it was, after a crash as after a close', async () => {
    const file = bench.newFile();
    const cause = Object.assign(new RangeError('too far'), { code: 'E_FAR' });
    const good = defineTask({ name: 'good', handler: () => ({ at: new Date(7), n: 5n }) });
    const bad = defineTask({
      name: 'bad',
      handler: () => {
        throw cause;
      },
    });
    const before = bench.manager(file, { tasks: [good, bad] });
    const runs = [
      await before.start(good, 1, { id: 'good', tags: ['a', 'b'], owner: 'me' }),
      await before.start(bad, { some: 'input' }, { id: 'bad' }),
    ];
    const ended = await Promise.all(runs.map((run) => run.settled()));
    const image = await bench.crash(file);
    await before.close();
    for (const each of [image, file]) {
      const after = bench.manager(each, { tasks: [good, bad] });
      expect(await Promise.all(['good', 'bad'].map((id) => after.get(id)))).toEqual(ended);
      await expect(after.handle('bad').result()).rejects.toMatchObject({
        code: 'HANDLER_FAILED',
        cause: { name: 'RangeError', message: 'too far', code: 'E_FAR' },
      });
      const again = await after.redrive('bad');
      expect(await again.settled()).toMatchObject({ status: 'failed', redriveOf: 'bad' });
      expect(await codeOf(after.redrive('bad'))).toBe('RUN_CONFLICT');
    }
  });

  it('is not run again', async () => {
    const file = bench.newFile();
    let begun = 0;
    const task = defineTask({ name: 'count', handler: () => (begun += 1) });
    const before = bench.manager(file, { tasks: [task], concurrency: 4 });
    const runs = await Promise.all(Array.from({ length: 50 }, () => before.start(task, 1)));
    await Promise.all(runs.map((run) => run.settled()));
    const after = bench.manager(await bench.crash(file), { tasks: [task] });
    expect((await after.counts()).total).toMatchObject({ completed: 50, queued: 0, running: 0 });
    expect(begun).toBe(50);
  });
});

describe('an idempotency key', () => {
  it('gives the same run after a crash, and is refused for anything else', async () => {
    const file = bench.newFile();
    let begun = 0;
    const task = defineTask({ name: 'pay', handler: () => (begun += 1) });
    const before = bench.manager(file, { tasks: [task] });
    const run = await before.start(task, 1, { idempotencyKey: 'k' });
    await run.settled();
    const after = bench.manager(await bench.crash(file), { tasks: [task] });
    const again = await after.start(task, 1, { idempotencyKey: 'k' });
    expect([again.id, again.replayed, await again.result()]).toEqual([run.id, true, 1]);
    expect(await codeOf(after.start(task, 2, { idempotencyKey: 'k' }))).toBe('KEY_REUSED');
    expect(begun).toBe(1);
  });

  it('makes one run, however many starts there are at once', async () => {
    let begun = 0;
    const task = defineTask({ name: 'pay', handler: () => (begun += 1) });
    const manager = bench.manager(bench.newFile(), { tasks: [task] });
    const starts = Array.from({ length: 1_000 }, (_, n) =>
      manager.start(task, n % 200, { idempotencyKey: `k${n % 200}` }),
    );
    const runs = await Promise.all(starts);
    await Promise.all(runs.map((run) => run.settled()));
    expect([new Set(runs.map(({ id }) => id)).size, begun]).toEqual([200, 200]);
    expect(runs.filter(({ replayed }) => replayed)).toHaveLength(800);
  });
});

describe('close', () => {
  it('gives back what is still at work: the next process makes the attempt again, and it was no crash', async () => {
    const file = bench.newFile();
    const attempts: number[] = [];
    const task = defineTask({
      name: 'long',
      maxCrashes: 0,
      handler: (_: unknown, { attempt, signal }) => {
        attempts.push(attempt);
        return attempts.length === 1 ? aborted(signal) : 'done';
      },
    });
    const before = bench.manager(file, { tasks: [task], concurrency: 1 });
    const run = await before.start(task, 1, { id: 'a' });
    const waiting = await before.start(task, 1, { id: 'b' });
    const left = [codeOf(run.result()), codeOf(waiting.result()), codeOf(waiting.settled())];
    await until(() => attempts.length === 1);
    expect(await before.close({ graceMs: 0 })).toMatchObject({ completed: 0, interrupted: 1, waiting: 1 });
    expect(await Promise.all(left)).toEqual(['MANAGER_CLOSED', 'MANAGER_CLOSED', 'MANAGER_CLOSED']);
    const after = bench.manager(file, { tasks: [task] });
    for (const id of ['a', 'b'])
      expect(await after.handle(id).settled()).toMatchObject({ status: 'completed', attempt: 1 });
    expect(attempts).toEqual([1, 1, 1]);
  });
});

describe('what cannot be stored', () => {
  it('is refused as input, and fails the run as result', async () => {
    const task = defineTask({ name: 'map', handler: () => new Map() });
    const manager = bench.manager(bench.newFile(), { tasks: [task] });
    await expect(manager.start(task, { fn: () => 1 })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: 'The input cannot be stored: it holds a function',
    });
    const run = await manager.start(task, 1);
    expect(await codeOf(run.result())).toBe('RESULT_INVALID');
    expect((await run.settled()).error?.message).toBe('What the handler returned cannot be stored: it holds a Map');
  });
});
