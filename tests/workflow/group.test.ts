import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

import { defineTask } from '../../src/task/task.js';
import { each, group } from '../../src/workflow/group.js';
import { defineWorkflow } from '../../src/workflow/workflow-task.js';
import { aborted, Crowd, newManager } from '../manager/workbench.js';

const half = defineTask({ name: 'half', input: z.number(), handler: (n) => n / 2 });
const spell = defineTask({ name: 'spell', input: z.number(), handler: (n) => `number ${n}` });
const odd = defineTask({
  name: 'odd',
  input: z.number(),
  handler: (n) => {
    if (n % 2 === 0) throw new Error('even');
    return n;
  },
});

describe('a group', () => {
  it('gives all of its tasks the same input, and has their results in their order', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start(group([spell, half]), 8);
    await clock.run(0);
    const [text, number]: [string, number] = await run.result();
    expect([text, number]).toEqual(['number 8', 4]);
    expect(await run.snapshot()).toMatchObject({ task: 'group2:spell:half', progress: { done: 2, total: 2 } });
  });

  it('has all of its parts at work at once, and progress over those that have ended', async () => {
    const { manager, clock } = newManager();
    const crowd = new Crowd();
    const waits = defineTask({ name: 'waits', handler: crowd.handler });
    const run = await manager.start(each(waits), [1, 2, 3]);
    await clock.run(0);
    expect(crowd.atWork).toBe(3);
    crowd.gates.shift()?.open('first');
    await clock.run(1_000);
    expect(await run.snapshot()).toMatchObject({ status: 'running', progress: { done: 1, total: 3 } });
    await crowd.leave(clock);
    await expect(run.result()).resolves.toEqual(['first', undefined, undefined]);
  });

  it('cancels the other parts and fails as soon as one has failed', async () => {
    const { manager, clock } = newManager();
    const reasons: unknown[] = [];
    const waits = defineTask({
      name: 'waits',
      handler: (_input: unknown, { signal }) => aborted(signal).catch((reason: unknown) => void reasons.push(reason)),
    });
    const run = await manager.start(group([waits, odd]), 2);
    await clock.run(0);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'CHILD_FAILED' } });
    expect(reasons).toEqual([expect.objectContaining({ code: 'RUN_CANCELLED', by: 'parent' })]);
  });

  it('lets the other parts end, and then fails with the counts, where it collects', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start(each(odd, { children: 'collect' }), [1, 2, 3, 4]);
    await clock.run(0);
    const error: unknown = await run.result().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'CHILD_FAILED', message: expect.stringContaining('2 of 4 runs') });
    expect(error).toMatchObject({ cause: { details: { total: 4, succeeded: 2, failed: 2, cancelled: 0 } } });
    const { items } = await manager.list({ task: 'odd', status: ['completed'] });
    expect(items.map(({ result }) => result)).toEqual([3, 1]);
  });

  it('says which item of a list is wrong', async () => {
    const { manager } = newManager();
    const started = manager.start(each(half), [1, 'two' as unknown as number]);
    await expect(started).rejects.toMatchObject({ code: 'INPUT_INVALID', details: { issues: [{ pointer: '/1' }] } });
    await expect(manager.startNamed('each1:half', 7)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(manager.startNamed('each1:half', Array(10_001).fill(1))).rejects.toThrow('at most 10000 items');
  });

  it('of an empty list has completed with an empty list', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start(each(half), []);
    await clock.run(0);
    expect(await run.result()).toEqual([]);
  });

  it('of 1,000 items ends at a concurrency of 1', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const items = Array.from({ length: 1_000 }, (_, at) => at);
    const run = await manager.start(each(half), items);
    await clock.run(0);
    expect(await run.result()).toEqual(items.map((n) => n / 2));
  });

  it('refuses what is no array of tasks, no policy or no option', () => {
    expect(() => group(half as unknown as [])).toThrow('group takes an array of tasks');
    expect(() => group([])).toThrow('a group must have at least one task');
    expect(() => group([half], { children: 'maybe' as 'collect' })).toThrow("'fail-fast' or 'collect'");
    expect(() => each(half, { concurrency: 2 } as object)).toThrow('concurrency');
  });
});

describe('a workflow with a definition of its own', () => {
  it('is started by its name, with its own settings', async () => {
    const both = defineWorkflow({ name: 'both', priority: 7, queue: 'pairs' }, group([half, spell]));
    const { manager, clock } = newManager({ tasks: [both] });
    const run = await manager.startNamed('both', 2);
    await clock.run(0);
    expect(await run.result()).toEqual([1, 'number 2']);
    expect(await run.snapshot()).toMatchObject({ task: 'both', priority: 7, queue: 'pairs' });
    expect(manager.hasTask('half')).toBe(true);
  });

  it('is made of a workflow, and of what a task may be defined with', () => {
    expect(() => defineWorkflow({ name: 'x' }, half)).toThrow('got the task half');
    expect(() => defineWorkflow({ name: 'x', handler: () => 1 } as never, group([half]))).toThrow('handler');
  });

  it('is started by a schedule', async () => {
    const nightly = defineWorkflow({ name: 'nightly' }, each(half));
    const { manager, clock } = newManager({ tasks: [nightly] });
    await manager.schedules.put('every-minute', { task: 'nightly', input: [2, 4], everyMs: 60_000 });
    await clock.run(60_000);
    const { items } = await manager.list({ task: 'nightly' });
    expect(items).toMatchObject([{ status: 'completed', result: [1, 2] }]);
  });
});
