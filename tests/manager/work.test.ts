import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.js';
import { memory, TaskManager } from '../../src/index.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { queueFilter } from '../../src/manager/resolve-work.js';
import { defineTask } from '../../src/task/task.js';
import { temporaryFolders } from '../temporary-folder.js';

const newFolder = temporaryFolders();
const mail = defineTask({ name: 'mail', queue: 'mail.out', handler: () => 'sent' });
const report = defineTask({ name: 'report', queue: 'reports', handler: () => 'written' });

/** A process on a file: makes a manager, lets it be used, and closes it. */
async function process<T>(
  file: string,
  options: ManagerOptions,
  use: (manager: TaskManager) => Promise<T>,
): Promise<T> {
  const manager = new TaskManager({ tasks: [mail, report], ...options, backend: sqlite({ file }) });
  try {
    return await use(manager);
  } finally {
    await manager.close({ graceMs: 0 });
  }
}

describe('a manager without work', () => {
  it('accepts, cancels and reads, and leaves the work to another', async () => {
    const file = join(await newFolder(), 'errand.db');
    await process(file, { work: false }, async (manager) => {
      await manager.start(mail, undefined, { id: 'kept' });
      await manager.start(mail, undefined, { id: 'unwanted' });
      expect(await manager.cancel('unwanted')).toMatchObject({ status: 'cancelled' });
      expect(await manager.get('kept')).toMatchObject({ status: 'queued' });
      expect(await manager.counts()).toMatchObject({ atWork: 0, total: { queued: 1, cancelled: 1 } });
    });
    await process(file, {}, async (manager) => {
      expect(await manager.handle('kept').result()).toBe('sent');
    });
  });

  it('refuses functions, which no other process has, and says what to do', async () => {
    const file = join(await newFolder(), 'errand.db');
    await process(file, { work: false }, async (manager) => {
      const started = manager.start('nightly', () => 'done');
      await expect(started).rejects.toMatchObject({ code: 'BACKEND', message: expect.stringContaining('make a task') });
      expect(await manager.get('nightly')).toBeUndefined();
    });
  });

  it.each([{ work: false }, { queues: ['a'] }])('in memory is refused: %p', (option) => {
    const made = () => new TaskManager({ ...option, backend: memory() });
    expect(made).toThrow(RangeError);
    expect(made).toThrow(/needs a backend that keeps runs for other processes/);
  });

  it.each([0, 'no', null])('is asked for with true or false: %p is refused', (work) => {
    expect(() => new TaskManager({ work } as object)).toThrow(/^work must be true or false/);
  });
});

describe('a manager of some queues', () => {
  it('handles the tasks of these and functions; the others wait for who handles them', async () => {
    const file = join(await newFolder(), 'errand.db');
    await process(file, { queues: ['mail.*'] }, async (manager) => {
      const waiting = await manager.start(report);
      expect(await (await manager.start(mail)).result()).toBe('sent');
      expect(await (await manager.start('now', () => 'done', { queue: 'elsewhere' })).result()).toBe('done');
      expect(await waiting.snapshot()).toMatchObject({ status: 'queued', queue: 'reports' });
    });
    await process(file, { queues: ['reports'] }, async (manager) => {
      const { items } = await manager.list({ task: 'report' });
      expect(await manager.handle(items[0]?.id ?? '').result()).toBe('written');
    });
  });

  it.each<[unknown, RegExp]>([
    ['mail', /^queues must be an array/],
    [[], /^queues must name one queue at least/],
    [['a b'], /^queues must hold names of queues.*got "a b"$/],
    [[''], /^queues must hold names of queues/],
    [[1], /^queues must hold names of queues/],
  ])('is asked for by names and patterns: %p is refused', (queues, message) => {
    expect(() => new TaskManager({ queues, backend: sqlite({ file: 'never-made.db' }) } as ManagerOptions)).toThrow(
      message,
    );
  });

  it('cannot be one without work, too', () => {
    const options = { work: false, queues: ['a'], backend: sqlite({ file: 'never-made.db' }) };
    expect(() => new TaskManager(options)).toThrow(/leave one of them out/);
  });
});

describe('a pattern of queues', () => {
  it.each<[string, string, boolean]>([
    ['mail', 'mail', true],
    ['mail', 'mails', false],
    ['*', 'anything', true],
    ['mail.*', 'mail.out', true],
    ['mail.*', 'mail.', true],
    ['mail.*', 'mailXout', false],
    ['*.slow', 'a.slow', true],
    ['a*b*c', 'aXbYc', true],
    ['a*b*c', 'acb', false],
    ['ab*ba', 'aba', false],
    ['a*a', 'a', false],
    ['a**', 'abc', true],
  ])('%s and the queue %s: %p', (pattern, queue, chosen) => {
    expect(queueFilter(['other', pattern])(queue)).toBe(chosen);
  });

  it('with many stars takes no time to speak of', () => {
    expect(queueFilter(['a*'.repeat(60) + 'b'])('a'.repeat(128))).toBe(false);
  });
});
