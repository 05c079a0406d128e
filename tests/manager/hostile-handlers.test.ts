import { describe, expect, it } from '@jest/globals';
import { RetryLaterError } from '../../src/task/errors.js';
import { newManager } from './workbench.js';

function boom(): never {
  throw new Error('boom');
}
const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;
const BRAND = Symbol.for('errand.TaskError');
const STEERS = Symbol.for('errand.steers');

describe('a handler that throws', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'no'],
    ['a symbol', Symbol('no')],
    ['a BigInt', 5n],
    ['a function', () => 1],
    [
      'an object whose getters throw',
      {
        get message() {
          return boom();
        },
        get name() {
          return boom();
        },
        get code() {
          return boom();
        },
      },
    ],
    ['an object whose toString throws', { toString: boom, valueOf: boom, [Symbol.toPrimitive]: boom }],
    [
      'an object that looks like ours and throws',
      {
        [BRAND]: true,
        get code() {
          return boom();
        },
        get details() {
          return boom();
        },
      },
    ],
    ['an object that looks like ours with a code that is none', { [BRAND]: true, code: 'NONE' }],
    ['an object that looks like a RetryLaterError without details', { [BRAND]: true, code: 'NON_RETRYABLE' }],
    ['a proxy that refuses everything', new Proxy({}, { get: boom, has: boom, getPrototypeOf: boom, ownKeys: boom })],
    ['an error that is its own cause', Object.assign(new Error('mine'), { cause: cyclic })],
  ])('%s, at once or later, has failed, and its slot is free', async (_what, thrown) => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const handlers = [
      () => {
        throw thrown;
      },
      async () => {
        throw thrown;
      },
      async () => {
        await Promise.resolve();
        throw thrown;
      },
    ];
    for (const handler of handlers) {
      const run = await manager.start('a', handler, { retry: { maxAttempts: 2, initialDelayMs: 0 } });
      await clock.run(10);
      const ended = await run.settled();
      expect(ended).toMatchObject({
        status: 'failed',
        error: { message: expect.any(String), name: expect.any(String) },
      });
      const error = await run.result().catch((caught: unknown) => caught);
      expect((error as { cause: unknown }).cause).toBe(thrown);
      expect((await manager.counts()).atWork).toBe(0);
    }
  });

  it('a RetryLaterError of another copy, without its details, is tried again at once', async () => {
    const { manager, clock } = newManager();
    const thrown: unknown = { [BRAND]: true, [STEERS]: true, code: 'RETRY_LATER' };
    let calls = 0;
    const run = await manager.start('a', () => ((calls += 1) === 1 ? Promise.reject(thrown as Error) : 'later'));
    await clock.run(10);
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 1 });
  });
});

describe('a handler that throws a RetryLaterError', () => {
  it.each<[string, PropertyDescriptor]>([
    ['cannot be read', { get: boom }],
    ['is no number', { value: NaN }],
  ])('whose delay %s is tried again at once, and later runs are delivered', async (_what, delay) => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const thrown = Object.defineProperties(new RetryLaterError(5), { delayMs: delay, details: delay });
    let calls = 0;
    const run = await manager.start('a', () => {
      calls += 1;
      if (calls === 1) throw thrown;
      return calls;
    });
    const next = await manager.start('b', () => 'b');
    await clock.run(10);
    expect([await run.result(), await next.result()]).toEqual([2, 'b']);
  });
});

describe('a handler that returns', () => {
  const error = new Error('a value');
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['NaN', NaN],
    ['a BigInt', 2n ** 70n],
    ['a symbol', Symbol.for('x')],
    ['a cycle', cyclic],
    ['an error', error],
    ['a function', boom],
    ['an object with a then that is no function', { then: 5 }],
    ['an object whose toJSON throws', { toJSON: boom }],
    ['an object without a prototype', Object.create(null)],
  ])('%s has completed with it', async (_what, value) => {
    const { manager } = newManager();
    const now = await manager.start('now', () => value);
    const later = await manager.start('later', async () => value);
    expect(await now.result()).toBe(value);
    expect(await later.result()).toBe(value);
    expect((await later.settled()).result).toBe(value);
  });

  it.each<[string, object]>([
    ['whose then throws', { then: boom }],
    [
      'whose then cannot be read',
      {
        get then() {
          return boom();
        },
      },
    ],
    ['that rejects', { then: (_resolve: unknown, reject: (error: unknown) => void) => reject(new Error('boom')) }],
    [
      'that rejects and then resolves',
      {
        then: (resolve: () => void, reject: (error: unknown) => void) => {
          reject(new Error('boom'));
          resolve();
        },
      },
    ],
    ['that is a proxy that refuses everything', new Proxy({}, { get: boom })],
  ])('a thenable %s has failed', async (_what, thenable) => {
    const { manager } = newManager();
    const run = await manager.start('a', () => thenable);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { message: 'boom' } });
    expect((await manager.counts()).atWork).toBe(0);
  });

  it('a thenable that resolves twice and then throws has completed with the first value', async () => {
    const { manager } = newManager();
    const then = (resolve: (value: unknown) => void) => {
      resolve(1);
      resolve(2);
      boom();
    };
    const run = await manager.start('a', () => ({ then }));
    expect(await run.result()).toBe(1);
  });

  it('a promise with a then of its own is settled once, and so gives back one slot', async () => {
    const { manager } = newManager({ concurrency: 1 });
    const promise = Object.assign(Promise.resolve(1), {
      then: (resolve: (value: unknown) => void) => {
        for (const value of ['a', 'b', 'c']) resolve(value);
      },
    });
    const run = await manager.start('a', () => promise);
    // What the promise itself says, as for `await`.
    expect(await run.result()).toBe(1);
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0, dropped: 0 });
  });

  it('a thenable that never settles is at work until its hard limit', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', () => ({ then: () => undefined }), { hardLimitMs: 100 });
    await clock.run(100);
    expect(await run.settled()).toMatchObject({ status: 'failed', abandoned: true });
  });
});
