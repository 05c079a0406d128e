import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

import { defineTask, type Task } from '../../src/task/task.js';
import { chain, chord } from '../../src/workflow/chain.js';
import { each, group } from '../../src/workflow/group.js';

const length = defineTask({ name: 'length', input: z.string(), handler: (text) => text.length });
const double = defineTask({ name: 'double', input: z.number(), handler: (n) => n * 2 });
const sum = defineTask({ name: 'sum', input: z.array(z.number()), handler: (all) => all.reduce((a, b) => a + b, 0) });

/** What the compiler is to accept, and what it is to refuse: checked when the tests are compiled. */
const checked = () => {
  chain(length, double) satisfies Task<string, number>;
  chain(each(length), sum) satisfies Task<readonly string[], number>;
  chord(each(double), sum) satisfies Task<readonly number[], number>;
  group([length, each(length)]) satisfies Task<string & readonly string[], [number, number[]]>;
  // @ts-expect-error -- double gives a number, length takes a string
  chain(double, length);
  // @ts-expect-error -- double takes no list
  chord(each(double), double);
  // @ts-expect-error -- the chain takes a string
  chain(length, double) satisfies Task<number, number>;
};

describe('the types of workflows', () => {
  it('follow from those of their parts', () => {
    expect(checked).not.toThrow();
  });
});
