import { describe, expect, it } from '@jest/globals';
import {
  checkDuration,
  checkIdempotencyKey,
  checkInteger,
  checkLimit,
  checkName,
  checkOptions,
  checkPriority,
  checkTags,
  isIdempotencyKey,
  isName,
  isTag,
  show,
} from '../../src/task/checks.js';
import { MAX_DURATION_MS } from '../../src/task/errors.js';

function nameOfThrown(fn: () => unknown): string {
  try {
    fn();
    return 'nothing';
  } catch (error) {
    return (error as Error).name;
  }
}

describe('a name', () => {
  it.each(['a', '_', '0', 'nightly-report', 'a.b:c@d_E-9', '__proto__', 'constructor', 'a'.repeat(128)])(
    '%j is one',
    (name) => {
      expect(isName(name)).toBe(true);
      expect(checkName('id', name)).toBe(name);
    },
  );

  it.each([
    '',
    '-a',
    '.a',
    ':',
    'a b',
    'a/b',
    'ä',
    'a\n',
    '\na',
    'a\0',
    'a'.repeat(129),
    'x'.repeat(10_240),
    '../x',
    5,
    null,
    undefined,
    ['a'],
  ])('%j is none', (name) => {
    expect(isName(name)).toBe(false);
    expect(nameOfThrown(() => checkName('id', name))).toBe('RangeError');
  });
});

describe('tags', () => {
  it('are at most 16 of 1 to 64 characters', () => {
    const tags = Array.from({ length: 16 }, (_, n) => `tag-${n}`);
    expect(checkTags(tags)).toEqual(tags);
    expect(checkTags([])).toEqual([]);
    expect([isTag('a'.repeat(64)), isTag('a'.repeat(65))]).toEqual([true, false]);
  });

  it('are copied, so that later changes of the array change nothing', () => {
    const tags = ['a'];
    const checked = checkTags(tags);
    tags.push('b c');
    expect(checked).toEqual(['a']);
  });

  it.each([
    ['too many', Array(17).fill('a'), 'RangeError'],
    ['a hole', Array(1), 'RangeError'],
    ['a number', [1], 'RangeError'],
    ['no array', 'a', 'TypeError'],
    ['nothing', undefined, 'TypeError'],
  ])('with %s are refused', (_, tags, name) => {
    expect(nameOfThrown(() => checkTags(tags))).toBe(name);
  });
});

describe('an idempotency key', () => {
  it.each(['!', '~', 'a b'.replace(' ', '-'), 'k'.repeat(255)])('%j is one', (key) => {
    expect(checkIdempotencyKey(key)).toBe(key);
  });

  it.each(['', ' ', 'a b', 'é', '\x7f', 'a\n', 'k'.repeat(256), 5, undefined])('%j is none', (key) => {
    expect(isIdempotencyKey(key)).toBe(false);
    expect(nameOfThrown(() => checkIdempotencyKey(key))).toBe('RangeError');
  });
});

describe('numbers', () => {
  it.each([
    ['an integer within its range', () => checkInteger('n', 5, { min: 5, max: 5 }), 'nothing'],
    ['a fraction', () => checkInteger('n', 5.5, { min: 1 }), 'RangeError'],
    ['an integer below', () => checkInteger('n', 0, { min: 1 }), 'RangeError'],
    ['an integer above', () => checkInteger('n', 6, { min: 1, max: 5 }), 'RangeError'],
    ['an unsafe integer', () => checkInteger('n', 2 ** 53, { min: 1 }), 'RangeError'],
    ['NaN', () => checkInteger('n', NaN, { min: 1 }), 'RangeError'],
    ['digits in a string', () => checkInteger('n', '5', { min: 1 }), 'TypeError'],
    ['a bigint', () => checkInteger('n', 5n, { min: 1 }), 'TypeError'],
    ['an infinite limit', () => checkLimit('n', Infinity), 'nothing'],
    ['a limit of 0', () => checkLimit('n', 0), 'RangeError'],
    ['a limit of minus infinity', () => checkLimit('n', -Infinity), 'RangeError'],
    ['a duration of a fraction', () => checkDuration('n', 0.5), 'nothing'],
    ['a duration of ten years', () => checkDuration('n', MAX_DURATION_MS), 'nothing'],
    ['a longer duration', () => checkDuration('n', MAX_DURATION_MS + 1), 'RangeError'],
    ['a negative duration', () => checkDuration('n', -1), 'RangeError'],
    ['a duration that is NaN', () => checkDuration('n', NaN), 'RangeError'],
    ['a duration in words', () => checkDuration('n', '5s'), 'TypeError'],
    ['a priority at its end', () => checkPriority(-1_000), 'nothing'],
    ['a priority beyond', () => checkPriority(1_001), 'RangeError'],
  ])('%s', (_, check, name) => {
    expect(nameOfThrown(check)).toBe(name);
  });

  it('are named in the message, with what was expected and what came', () => {
    expect(() => checkInteger('batchSize', 0, { min: 1, max: 9 })).toThrow(
      'batchSize must be an integer from 1 to 9; got 0',
    );
  });
});

describe('options', () => {
  it('may hold what is known', () => {
    expect(nameOfThrown(() => checkOptions('it', { a: 1 }, ['a', 'b']))).toBe('nothing');
    expect(nameOfThrown(() => checkOptions('it', Object.create(null), ['a']))).toBe('nothing');
  });

  it('that are unknown are refused by name', () => {
    expect(() => checkOptions('a task', { nmae: 1 }, ['name'])).toThrow('a task has no option "nmae"; it takes name');
    expect(() => checkOptions('it', JSON.parse('{"__proto__":1}'), ['a'])).toThrow('"__proto__"');
  });

  it.each([null, undefined, 5, 'text', [], () => 1])('must be an object', (value) => {
    expect(nameOfThrown(() => checkOptions('it', value, []))).toBe('TypeError');
  });
});

describe('show', () => {
  it('is short, on one line, and calls no code of the value', () => {
    const hostile = { toString: () => expect('called').toBe('not called'), toJSON: () => expect('called').toBe('not') };
    expect([hostile, [hostile], () => 1, Symbol('s'), 5n, null, undefined].map(show)).toEqual([
      'an object',
      'an array',
      'a function',
      'Symbol(s)',
      '5',
      'null',
      'undefined',
    ]);
    expect(show('a\nb')).toBe('"a\\nb"');
    expect(show('x'.repeat(10_000)).length).toBeLessThan(70);
  });
});
