import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import {
  CancelledError,
  ERROR_CODES,
  hasCode,
  isTaskError,
  MAX_DURATION_MS,
  NonRetryableError,
  RetryLaterError,
  TaskError,
  TimeLimitError,
} from '../../src/task/errors.js';

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new Error('hostile');
    },
  },
);

describe('a TaskError', () => {
  it('carries a code, a message, details and a cause', () => {
    const cause = new Error('why');
    const error = new TaskError('QUEUE_FULL', 'no room', { cause, details: { limit: 5 } });
    expect(error).toMatchObject({
      name: 'TaskError',
      code: 'QUEUE_FULL',
      message: 'no room',
      cause,
      details: { limit: 5 },
    });
  });

  it('has no cause unless given one, but may have one that is undefined', () => {
    expect('cause' in new TaskError('BACKEND', 'no')).toBe(false);
    expect('cause' in new TaskError('BACKEND', 'no', { cause: undefined })).toBe(true);
  });

  it('shows its name, code and details, and nothing else, when it is listed', () => {
    expect(Object.keys(new TaskError('BACKEND', 'no')).toSorted()).toEqual(['code', 'details', 'name']);
  });
});

describe('the small subclasses', () => {
  it.each<[TaskError, string, string]>([
    [
      new CancelledError({ by: 'http', reason: 'user left' }),
      'RUN_CANCELLED',
      'The run was cancelled by http: user left',
    ],
    [new CancelledError({ by: 'caller', reason: null }), 'RUN_CANCELLED', 'The run was cancelled by caller'],
    [new TimeLimitError('soft', 500), 'TIME_LIMIT', 'The attempt passed its soft limit of 500 ms'],
    [new NonRetryableError('bad address'), 'NON_RETRYABLE', 'bad address'],
    [new RetryLaterError(500, 'busy'), 'RETRY_LATER', 'busy'],
  ])('%s carries its code', (error, code, message) => {
    expect(error).toMatchObject({ name: error.constructor.name, code, message });
    expect(isTaskError(error)).toBe(true);
  });

  it('carry their facts in the details too, which survive a copy', () => {
    expect(new CancelledError({ by: 'http', reason: null }).details).toEqual({ by: 'http', reason: null });
    expect(new TimeLimitError('hard', 7).details).toEqual({ limit: 'hard', limitMs: 7 });
    expect(new RetryLaterError(7, 'busy', { details: { host: 'a' } }).details).toEqual({ host: 'a', delayMs: 7 });
  });

  it.each([-1, NaN, Infinity, MAX_DURATION_MS + 1, '5', undefined])(
    'RetryLaterError refuses a delay of %p',
    (delayMs) => {
      expect(() => new RetryLaterError(delayMs as number)).toThrow(/delayMs must be a number of milliseconds/);
    },
  );
});

describe('isTaskError', () => {
  it('knows an error of another copy or realm by its brand', () => {
    const foreign: unknown = runInNewContext(
      "Object.defineProperty(new Error('far away'), Symbol.for('errand.TaskError'), { value: true })",
    );
    expect(foreign instanceof TaskError).toBe(false);
    expect(isTaskError(foreign)).toBe(true);
  });

  it.each([[null], [undefined], [0], ['TaskError'], [{ code: 'BACKEND' }], [new Error('no')], [() => 1], [hostile]])(
    'says no to anything else',
    (value) => {
      expect(isTaskError(value)).toBe(false);
      for (const code of ERROR_CODES) expect(hasCode(value, code)).toBe(false);
    },
  );

  it('hasCode asks for one code', () => {
    const error = new TaskError('BACKEND', 'no');
    expect([hasCode(error, 'BACKEND'), hasCode(error, 'QUEUE_FULL')]).toEqual([true, false]);
  });
});
