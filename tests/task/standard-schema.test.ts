import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { describeIssues, MAX_ISSUES, type StandardSchema } from '../../src/task/standard-schema.js';

describe('describeIssues', () => {
  it('gives each issue its JSON pointer', () => {
    const issues = [
      { message: 'the whole' },
      { message: 'the whole, too', path: [] },
      { message: 'deep', path: ['items', 0, { key: 'price' }] },
      { message: 'escaped', path: ['a/b', 'm~n', ''] },
    ];
    expect(describeIssues(issues)).toEqual([
      { pointer: '', detail: 'the whole' },
      { pointer: '', detail: 'the whole, too' },
      { pointer: '/items/0/price', detail: 'deep' },
      { pointer: '/a~1b/m~0n/', detail: 'escaped' },
    ]);
  });

  it('takes symbols as keys', () => {
    expect(describeIssues([{ message: 'no', path: [Symbol('s')] }])[0]?.pointer).toBe('/Symbol(s)');
  });

  it('is bounded, however much is wrong and however long it is told', () => {
    const long = 'x'.repeat(100_000);
    const issues = Array.from({ length: 100_000 }, () => ({ message: long, path: [long] }));
    const described = describeIssues(issues);
    expect(described).toHaveLength(MAX_ISSUES);
    expect(JSON.stringify(described).length).toBeLessThan(20 * 1_000);
  });

  it('reads what zod says', async () => {
    const schema: StandardSchema = z.object({ variants: z.array(z.object({ price: z.number() })) });
    const result = await schema['~standard'].validate({ variants: [{ price: 1 }, { price: 'free' }] });
    expect(describeIssues(result.issues ?? [])).toMatchObject([{ pointer: '/variants/1/price' }]);
  });
});
