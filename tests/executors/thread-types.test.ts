import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { threadModule } from '../../src/executors/thread/index.js';
import type { TaskManager } from '../../src/manager/task-manager.js';
import { defineTask, type Task } from '../../src/task/task.js';
import type { ThreadContext } from '../../src/task/thread-module.js';

interface Size {
  readonly width: number;
}

/** What `typeof import('./resize.js')` would be. */
interface ResizeModule {
  readonly default: (input: Size, ctx: ThreadContext) => Promise<string>;
}

interface NamedModule {
  readonly handler: (input: Size) => number;
}

const url = new URL('file:///resize.js');
const module = threadModule<ResizeModule>(url);
const base = { name: 'resize', module };

const talk = (_input: Size, ctx: ThreadContext) => {
  // @ts-expect-error -- what belongs to the process of the manager is not there
  return ctx.start as unknown;
};

/** What the compiler is to accept, and what it is to refuse: checked when the tests are compiled. */
const checked = () => {
  const resize = defineTask({ ...base, executor: 'thread' });
  resize satisfies Task<Size, string>;
  defineTask({ ...base, executor: 'process' }) satisfies Task<Size, string>;
  defineTask({ name: 'n', executor: 'thread', module: threadModule<NamedModule>(url) }) satisfies Task<Size, number>;
  const given = z.object({ width: z.string().transform(Number) });
  defineTask({ ...base, executor: 'thread', input: given }) satisfies Task<{ width: string }, string>;
  // @ts-expect-error -- the result is a string
  resize satisfies Task<Size, number>;
  // @ts-expect-error -- the module takes a number, the schema gives a string
  defineTask({ ...base, executor: 'thread', input: z.object({ width: z.string() }) });
  // @ts-expect-error -- the work is in the module or here, not in both
  defineTask({ ...base, executor: 'thread', handler: () => 'here' });
  // @ts-expect-error -- no executor calls the handler of the module
  defineTask(base);
  // @ts-expect-error -- a thread cannot call a function of this one
  defineTask({ name: 'resize', executor: 'thread', handler: () => 'here' });
  // @ts-expect-error -- the module exports no handler
  threadModule<{ readonly other: () => void }>(url);
  const started = (manager: TaskManager) => {
    void manager.start(resize, { width: 1 }).then((run) => run.result() satisfies Promise<string>);
    // @ts-expect-error -- the module takes a number
    void manager.start(resize, { width: 'wide' });
  };
  return started;
};

describe('the types of a task whose handler is in a module', () => {
  it('follow from the module', () => {
    expect([typeof checked, typeof talk]).toEqual(['function', 'function']);
  });
});
