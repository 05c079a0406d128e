import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineTask, type Logger, memory, type TaskContext } from '../../src/index.js';
import { ForwardingBackend } from '../../src/testing/forwarding-backend.js';
import { settle } from '../fake-clock.js';
import { until } from '../until.js';
import { closeNow, Gate, newManager } from './workbench.js';

function logging() {
  const lines: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  const level = (name: string) => (fields: object, message: string) => {
    lines.push({ level: name, fields, message });
  };
  const logger: Logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
  return { lines, logger };
}

const BAD_ID =
  'id must be 1 to 128 of the characters A-Z a-z 0-9 _ . : @ - and begin with a letter, a digit or _; got "no valid id"';
const BAD_PRIORITY = 'priority must be an integer from -1000 to 1000; got Infinity';

/** Accepts a run when the test says so. */
class SlowBackend extends ForwardingBackend {
  readonly gate = new Gate();

  override async accept(...args: Parameters<ForwardingBackend['accept']>) {
    await this.gate.promise;
    return super.accept(...args);
  }
}

describe('fireAndForget', () => {
  it('starts runs of tasks and functions, and counts them', async () => {
    const { manager } = newManager();
    const done: unknown[] = [];
    const note = defineTask({ name: 'note', input: z.string(), handler: (input) => done.push(input) });
    manager.fireAndForget(note, 'a task', { tags: ['quick'] });
    manager.fireAndForget(() => done.push('a function'), { name: 'warm-cache' });
    await settle();
    expect(done).toEqual(['a task', 'a function']);
    const { items } = await manager.list();
    expect(items.map(({ id, task, tags }) => [id.split(':')[0], task, tags])).toEqual([
      ['warm-cache', null, []],
      [expect.any(String), 'note', ['quick']],
    ]);
    expect((await manager.counts()).fireAndForget).toEqual({ started: 2, refused: 0, failed: 0, pending: 0 });
  });

  it('logs and counts what is refused and what fails, and rejects nowhere', async () => {
    const { lines, logger } = logging();
    const { manager, clock } = newManager({ logger });
    const strict = defineTask({ name: 'strict', input: z.number(), handler: (n) => n });
    manager.fireAndForget(strict, 'no number' as unknown as number);
    manager.fireAndForget(strict, 1, { id: 'no valid id' });
    manager.fireAndForget(() => 1, { priority: Infinity });
    manager.fireAndForget(() => {
      throw new Error('on purpose');
    });
    await settle();
    expect((await manager.counts()).fireAndForget).toEqual({ started: 1, refused: 3, failed: 1, pending: 0 });
    await closeNow(manager, clock);
    manager.fireAndForget(strict, 1);
    await settle();
    const refused = 'A run that was fired and forgotten could not be started';
    expect(lines).toMatchObject([
      { level: 'warn', fields: { err: { message: 'on purpose' } }, message: 'A run failed' },
      { level: 'error', fields: { task: 'strict', err: { code: 'INPUT_INVALID' } }, message: refused },
      { level: 'error', fields: { task: 'strict', err: new RangeError(BAD_ID) }, message: refused },
      { level: 'error', fields: { task: null, err: new RangeError(BAD_PRIORITY) }, message: refused },
      { level: 'error', fields: { task: 'strict', err: { code: 'MANAGER_CLOSED' } }, message: refused },
    ]);
  });

  it.each([
    ['a promise', Promise.resolve()],
    ['nothing', undefined],
    ['an object', { name: 'a' }],
  ])('given %s throws at once', (_what, what) => {
    const { manager } = newManager();
    expect(() => manager.fireAndForget(what as unknown as () => void)).toThrow(TypeError);
  });

  it('ends what hangs after its hard limit, 60 s unless given', async () => {
    const { manager, clock } = newManager();
    const reasons: unknown[] = [];
    const hang = ({ signal }: { readonly signal: AbortSignal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          reject(new Error('stopped'));
        });
      });
    manager.fireAndForget(hang);
    manager.fireAndForget(hang, { hardLimitMs: 100 });
    const task = defineTask({ name: 'hangs', handler: (_input, ctx) => hang(ctx) });
    manager.fireAndForget(task, undefined, { hardLimitMs: 200 });
    manager.fireAndForget(task);
    const own = { hardLimitMs: 90_000 };
    manager.fireAndForget(defineTask({ name: 'own', limits: own, handler: (_input, ctx) => hang(ctx) }));
    await clock.run(59_999);
    expect(reasons).toMatchObject([{ limitMs: 100 }, { limitMs: 200 }]);
    await clock.run(1);
    expect(reasons.splice(0)).toMatchObject([
      { limitMs: 100 },
      { limitMs: 200 },
      { limitMs: 60_000 },
      { limitMs: 60_000 },
    ]);
    await clock.run(30_000);
    expect(reasons).toMatchObject([{ limitMs: 90_000 }]);
    expect((await manager.counts()).fireAndForget).toMatchObject({ started: 5, failed: 5, pending: 0 });
  });

  describe('when the manager closes', () => {
    it('is done before, also where it waited for a slot; what was merely started is not', async () => {
      const { manager, clock } = newManager({ concurrency: 1 });
      const done: unknown[] = [];
      const gate = new Gate();
      const owed = defineTask({ name: 'owed', handler: () => done.push('owed') });
      const waiting = defineTask({ name: 'waiting', handler: () => done.push('waiting') });
      await manager.start('first', () => gate.promise);
      const other = await manager.start(waiting);
      manager.fireAndForget(owed);
      manager.fireAndForget(() => done.push('a function'));
      const closing = manager.close({ graceMs: 1_000 });
      await settle();
      gate.open(1);
      await clock.run(0);
      expect(await closing).toEqual({ completed: 3, interrupted: 0, waiting: 1, abandoned: 0 });
      expect(done).toEqual(['owed', 'a function']);
      expect((await other.settled()).status).toBe('cancelled');
    });

    it('is done with the runs that it starts, and with theirs', async () => {
      const { manager, clock } = newManager({ concurrency: 1 });
      const done: unknown[] = [];
      const gate = new Gate();
      const leaf = defineTask({ name: 'leaf', handler: () => done.push('leaf') });
      const branch = defineTask({
        name: 'branch',
        handler: async (_: undefined, ctx) => {
          await (await ctx.start(leaf)).result();
          done.push('branch');
        },
      });
      const root = async (ctx: TaskContext) => {
        await gate.promise;
        await (await ctx.start(branch)).result();
        done.push('root');
      };
      manager.fireAndForget(root);
      await settle();
      const closing = manager.close({ graceMs: 1_000 });
      await settle();
      gate.open(1);
      await clock.run(0);
      expect(await closing).toEqual({ completed: 3, interrupted: 0, waiting: 0, abandoned: 0 });
      expect(done).toEqual(['leaf', 'branch', 'root']);
    });

    it('refuses runs that others start', async () => {
      const { manager, clock } = newManager();
      const gate = new Gate();
      const leaf = defineTask({ name: 'leaf', handler: () => 1 });
      const other = defineTask({
        name: 'other',
        handler: async (_: undefined, ctx) => {
          await gate.promise;
          await ctx.start(leaf);
        },
      });
      const run = await manager.start(other);
      manager.fireAndForget(() => gate.promise);
      await settle();
      const closing = manager.close({ graceMs: 1_000 });
      gate.open(1);
      await clock.run(0);
      await closing;
      await expect(run.result()).rejects.toMatchObject({ code: 'RUN_INTERRUPTED' });
    });

    it('waits for starts that are being accepted', async () => {
      const backend = new SlowBackend(memory());
      const { manager, clock } = newManager({ backend });
      await manager.open();
      const done: unknown[] = [];
      manager.fireAndForget(() => done.push(1));
      const closing = manager.close({ graceMs: 1_000 });
      await settle();
      expect(manager.closing).toBe(true);
      await expect(manager.start('late', () => 1)).rejects.toMatchObject({ code: 'MANAGER_CLOSED' });
      backend.gate.open(1);
      await clock.run(0);
      await closing;
      expect([done, (await manager.counts()).fireAndForget]).toEqual([
        [1],
        { started: 1, refused: 0, failed: 0, pending: 0 },
      ]);
    });

    it('waits for resources that are being opened, no longer than the grace', async () => {
      const gate = new Gate<string>();
      const [patient, hasty] = [logging(), logging()].map(({ lines, logger }) => {
        const closed: unknown[] = [];
        const db = { open: () => gate.promise, close: (value: unknown) => closed.push(value) };
        return { ...newManager({ logger, resources: { db } }), lines, closed };
      });
      if (patient === undefined || hasty === undefined) throw new Error('there are two');
      const done: string[] = [];
      patient.manager.fireAndForget(() => done.push('patient'));
      hasty.manager.fireAndForget(() => done.push('hasty'));
      const closing = [patient.manager.close({ graceMs: 1_000 }), hasty.manager.close({ graceMs: 100 })];
      await hasty.clock.run(100);
      await until(() => hasty.lines.some(({ level }) => level === 'error'));
      gate.open('the db');
      await until(() => done.length === 1);
      await Promise.all(closing);
      expect([done, patient.closed, hasty.closed]).toEqual([['patient'], ['the db'], ['the db']]);
    });

    it('is told too late after the grace, and said in the log', async () => {
      const { lines, logger } = logging();
      const { manager, clock } = newManager({ logger, concurrency: 1 });
      const hang = new Gate();
      await manager.start('first', () => hang.promise);
      manager.fireAndForget(() => 1);
      const closing = manager.close({ graceMs: 100 });
      await clock.run(2_000);
      expect(await closing).toMatchObject({ waiting: 1, abandoned: 1 });
      expect(lines.map(({ message }) => message)).toContain(
        'The manager closes before a run has ended that was fired and forgotten',
      );
      hang.open(1);
      await until(async () => (await manager.counts()).fireAndForget.pending === 0);
    });

    it('does not wait for what is not due yet, nor for what is kept', async () => {
      class LastingBackend extends ForwardingBackend {
        override get durable(): boolean {
          return true;
        }
      }
      const later = newManager();
      later.manager.fireAndForget(() => 1, { delayMs: 60_000 });
      const kept = newManager({ backend: new LastingBackend(memory()), concurrency: 1 });
      const gate = new Gate();
      await kept.manager.start('first', () => gate.promise);
      kept.manager.fireAndForget(defineTask({ name: 't', handler: () => 1 }));
      await settle();
      const closing = [later, kept].map(({ manager }) => manager.close({ graceMs: 10_000 }));
      gate.open(1);
      await settle();
      expect(await Promise.all(closing)).toMatchObject([{ waiting: 1 }, { waiting: 1 }]);
    });
  });
});
