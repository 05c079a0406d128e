import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { codeOf, hang, newManager } from './workbench.js';

describe('redrive', () => {
  let broken = true;
  const task = defineTask({
    name: 't',
    handler: (input: { n: number }) => {
      if (broken) throw new Error('no');
      return input.n;
    },
  });

  it('starts a new run with the same task, input, tags, priority and owner', async () => {
    broken = true;
    const { manager } = newManager();
    const failed = await manager.start(task, { n: 7 }, { tags: ['x'], priority: 3, owner: 'me' });
    const before = await failed.settled();
    broken = false;
    const run = await manager.redrive(failed.id);
    expect(await run.settled()).toMatchObject({
      status: 'completed',
      result: 7,
      task: 't',
      tags: ['x'],
      priority: 3,
      owner: 'me',
      redriveOf: failed.id,
    });
    const after = await manager.get(failed.id);
    expect(after).toEqual({ ...before, redrivenBy: run.id, version: after?.version });
    expect(after?.status).toBe('failed');
  });

  it('takes the run from the dead letters, where a run that was not redriven stays', async () => {
    broken = true;
    const { manager } = newManager();
    const runs = [await manager.start(task, { n: 1 }), await manager.start(task, { n: 2 })];
    await Promise.all(runs.map((run) => run.settled()));
    broken = false;
    await manager.redrive(runs[0]?.id ?? '');
    const { items } = await manager.list({ deadLetters: true });
    expect(items.map(({ id }) => id)).toEqual([runs[1]?.id]);
  });

  it('is refused the second time, also when both come at once', async () => {
    broken = true;
    const { manager } = newManager();
    const failed = await manager.start(task, { n: 1 });
    await failed.settled();
    const answers = await Promise.all([codeOf(manager.redrive(failed.id)), codeOf(manager.redrive(failed.id))]);
    expect(answers).toEqual([{ resolved: expect.anything() }, 'RUN_CONFLICT']);
    expect(await codeOf(manager.redrive(failed.id))).toBe('RUN_CONFLICT');
  });

  it('is for failed runs of a task alone', async () => {
    broken = false;
    const { manager } = newManager();
    await (await manager.start(task, { n: 1 }, { id: 'completed' })).settled();
    await manager.start(task, { n: 1 }, { id: 'scheduled', delayMs: 1_000 });
    await (await manager.start('ad-hoc', () => Promise.reject(new Error('no')))).settled();
    for (const id of ['completed', 'scheduled', 'ad-hoc'])
      expect(await codeOf(manager.redrive(id))).toBe('RUN_CONFLICT');
    expect(await codeOf(manager.redrive('nobody'))).toBe('RUN_NOT_FOUND');
  });

  it('that does not fit in the queue leaves the run in the dead letters', async () => {
    broken = true;
    const { manager } = newManager({ queueLimit: 1 });
    const failed = await manager.start(task, { n: 1 });
    await failed.settled();
    await manager.start('waits', hang, { delayMs: 1_000 });
    expect(await codeOf(manager.redrive(failed.id))).toBe('QUEUE_FULL');
    expect((await manager.list({ deadLetters: true })).items).toHaveLength(1);
  });
});
