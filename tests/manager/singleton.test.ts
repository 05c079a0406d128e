import { describe, expect, it } from '@jest/globals';
import { TaskManager, taskManager } from '../../src/manager/task-manager.js';
import { FakeClock } from '../fake-clock.js';
import { codeOf } from './workbench.js';

describe('taskManager', () => {
  it('is one ordinary manager that can be configured once, before its first use', async () => {
    expect(taskManager).toBeInstanceOf(TaskManager);
    expect(() => taskManager.configure({ concurrency: 0 })).toThrow(RangeError);
    taskManager.configure({ concurrency: 1, clock: new FakeClock() });
    expect(() => taskManager.configure({ concurrency: 2 })).toThrow('once');
    expect(await (await taskManager.start('a', () => 'one')).result()).toBe('one');
    await taskManager.close();
    expect(await codeOf(taskManager.start('b', () => 1))).toBe('MANAGER_CLOSED');
  });

  it('cannot be configured after its first use', async () => {
    const manager = new TaskManager();
    await manager.open();
    expect(() => manager.configure({})).toThrow('before the first use');
    await manager.close();
  });

  it('made with options cannot be configured', () => {
    expect(() => new TaskManager({}).configure({})).toThrow('without options');
  });

  it('refuses unknown and wrong options when it is made', () => {
    expect(() => new TaskManager({ workers: 4 } as object)).toThrow(/no option "workers"/);
    expect(() => new TaskManager({ graceMs: -1 })).toThrow(RangeError);
    expect(() => new TaskManager({ tasks: {} as never })).toThrow(TypeError);
    expect(() => new TaskManager('fast' as never)).toThrow(TypeError);
  });

  it.each([
    ['logger', null],
    ['logger', { info: () => undefined }],
    ['clock', { now: () => 0 }],
    ['clock', 1],
    ['random', 0.5],
  ])('refuses a %s of another type at once: %j', (option, value) => {
    expect(() => new TaskManager({ [option]: value })).toThrow(new RegExp(`^${option} must be `));
  });
});
