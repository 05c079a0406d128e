import { describe, expect, it } from '@jest/globals';
import { NonRetryableError } from '../../src/task/errors.js';
import type { Run } from '../../src/task/run.js';
import { describeError, resultError } from '../../src/task/run-error.js';

const throws = (): never => {
  throw new Error('hostile');
};

describe('what a handler threw', () => {
  it('is shown to callers when it is a TaskError', () => {
    expect(describeError(new NonRetryableError('bad address'), 2)).toEqual({
      code: 'NON_RETRYABLE',
      name: 'NonRetryableError',
      message: 'bad address',
      attempt: 2,
      exposed: true,
    });
  });

  it('is kept, but not shown, when it is any other error', () => {
    expect(describeError(new TypeError('secret'), 1)).toEqual({
      code: 'HANDLER_FAILED',
      name: 'TypeError',
      message: 'secret',
      attempt: 1,
      exposed: false,
    });
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a string', 'no', 'no'],
    ['a symbol', Symbol('no'), 'Symbol(no)'],
    ['a bigint', 5n, '5'],
    ['a function', () => 1, 'a function was thrown'],
    ['a class', Map, 'a function was thrown'],
    ['an object without a message', {}, 'an object without a message was thrown'],
    ['an object without a prototype', Object.create(null), 'an object without a message was thrown'],
    ['an object whose message is no string', { message: 5 }, 'an object without a message was thrown'],
    [
      'a getter that throws',
      Object.defineProperty({}, 'message', { get: throws }),
      'an object without a message was thrown',
    ],
    [
      'a proxy that throws',
      new Proxy({}, { get: throws, has: throws, getPrototypeOf: throws }),
      'an object without a message was thrown',
    ],
    ['a toString that throws', { toString: throws, message: 'm' }, 'm'],
  ])('may be %s', (_, thrown, message) => {
    expect(describeError(thrown, 1)).toMatchObject({ code: 'HANDLER_FAILED', message, exposed: false });
  });

  it('is cut to a bearable length', () => {
    const endless = Object.assign(new Error('x'.repeat(1_000_000)), { name: 'n'.repeat(1_000) });
    const { name, message } = describeError(endless, 1);
    expect([name.length, message.length, describeError('y'.repeat(1_000_000), 1).message.length]).toEqual([
      100, 2_000, 2_000,
    ]);
  });
});

describe('what result() rejects with', () => {
  const run = (fields: Partial<Run>): Run =>
    ({ id: 'r1', attempt: 2, cancelReason: null, error: null, ...fields }) as Run;

  it('says why the run failed, and what was thrown is its cause', () => {
    const cause = new Error('boom');
    const error = resultError(run({ status: 'failed', error: describeError(cause, 2) }), cause);
    expect(error).toMatchObject({ name: 'TaskError', code: 'HANDLER_FAILED', message: 'Run r1 failed: boom' });
    expect(error.cause).toBe(cause);
    expect(error.details).toEqual({ runId: 'r1', status: 'failed', attempt: 2 });
  });

  it('is RUN_CANCELLED for a cancelled run, with the reason if there is one', () => {
    const plain = resultError(run({ status: 'cancelled' }), undefined);
    expect(plain).toMatchObject({ code: 'RUN_CANCELLED', message: 'Run r1 was cancelled' });
    const reasoned = resultError(run({ status: 'cancelled', cancelReason: 'user left' }), undefined);
    expect(reasoned.message).toBe('Run r1 was cancelled: user left');
  });
});
