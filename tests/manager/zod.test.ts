import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { defineTask } from '../../src/task/task.js';
import { codeOf, newManager } from './workbench.js';

const FAULT = { message: "The input could not be checked: the task's schema threw" };

let unhandled: unknown[];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  unhandled = [];
  process.on('unhandledRejection', note);
});

afterEach(() => {
  process.off('unhandledRejection', note);
});

/** Node tells of rejections that nobody handles after the microtasks of a turn. */
async function nextTurn(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function gone(): Promise<never> {
  throw new Error('the price list is gone');
}

/** Gives the promise of another function, as what was compiled for older platforms does. */
function hidden(): Promise<never> {
  return gone();
}

describe('an asynchronous schema of zod that rejects is refused, and ends no process', () => {
  const deep = { deep: ['text'] };

  it.each<[string, z.ZodType | mini.ZodMiniType, unknown]>([
    ['a transform', z.string().transform(gone), 'text'],
    ['a refinement', z.object({ deep: z.array(z.string().refine(gone)) }), deep],
    ['a check', z.object({ deep: z.array(z.string().check(gone)) }), deep],
    ['a custom type', z.union([z.number(), z.custom(gone)]), 'text'],
    ['a preprocessing', z.preprocess(gone, z.string()), 'text'],
    ['a refinement in a part that is read later', z.object({ deep: z.lazy(() => z.array(z.custom(gone))) }), deep],
    ['a refinement of mini', mini.object({ deep: mini.array(mini.string().check(mini.refine(gone))) }), deep],
  ])('in %s, at the first start already', async (_what, schema, input) => {
    const { manager } = newManager();
    const task = defineTask({ name: 't', input: schema, handler: () => 1 });
    await expect(manager.start(task, input)).rejects.toMatchObject(FAULT);
    await nextTurn();
    expect(unhandled).toEqual([]);
  });

  it('in a function that does not say that it is asynchronous, once it was seen to be', async () => {
    const { manager } = newManager();
    const input = z.string().refine((text) => (text === 'good' ? Promise.resolve(true) : hidden()));
    const task = defineTask({ name: 't', input, handler: () => 1 });
    await manager.start(task, 'good');
    await expect(manager.start(task, 'bad')).rejects.toMatchObject(FAULT);
    await nextTurn();
    expect(unhandled).toEqual([]);
  });
});

describe('an asynchronous schema of zod', () => {
  it('is asked once for each parsing, and gives the handler what it made', async () => {
    const { manager } = newManager();
    let asked = 0;
    const input = z.object({ n: z.string().transform(async (text) => ((asked += 1), Number(text))) });
    const task = defineTask({ name: 't', input, handler: ({ n }) => n + 1 });
    expect(await (await manager.start(task, { n: '4' })).result()).toBe(5);
    expect(asked).toBe(2); // at the start, and before the attempt
  });

  it('refuses with where the input is wrong', async () => {
    const { manager } = newManager();
    const input = z.object({ id: z.string().refine(async (id) => id === 'known', 'nobody knows it') });
    const task = defineTask({ name: 't', input, handler: () => 1 });
    await expect(manager.start(task, { id: 'x' })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      details: { issues: [{ pointer: '/id', detail: 'nobody knows it' }] },
    });
    expect(await codeOf(manager.start(task, 5 as never))).toBe('INPUT_INVALID');
  });

  it('may contain itself', async () => {
    const { manager } = newManager();
    const node = z.object({
      name: z.string().refine(async (name) => name !== ''),
      get children() {
        return z.array(node);
      },
    });
    const task = defineTask({ name: 't', input: node, handler: ({ children }) => children.length });
    const run = await manager.start(task, { name: 'a', children: [{ name: 'b', children: [] }] });
    expect(await run.result()).toBe(1);
  });
});

it('a default of a schema of zod is made for inputs only', async () => {
  let made = 0;
  const input = z.object({ id: z.string().default(() => ((made += 1), 'made')) });
  const { manager } = newManager();
  const task = defineTask({ name: 't', input, handler: ({ id }) => id });
  expect(await (await manager.start(task, { id: 'given' })).result()).toBe('given');
  expect(made).toBe(0);
});
