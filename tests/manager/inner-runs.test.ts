import { describe, expect, it, jest } from '@jest/globals';
import { NonRetryableError, RetryLaterError, TaskError } from '../../src/task/errors.js';
import { newManager } from './workbench.js';

const policy = { maxAttempts: 3, initialDelayMs: 0 } as const;

describe('a run whose handler lets the failure of another run through', () => {
  it.each<[string, () => unknown]>([
    ['NON_RETRYABLE', () => new NonRetryableError('inner')],
    ['RETRY_LATER', () => new RetryLaterError(0, 'inner')],
    ['INPUT_INVALID', () => new TaskError('INPUT_INVALID', 'inner')],
    ['TIME_LIMIT', () => new TaskError('TIME_LIMIT', 'inner')],
  ])('has failed like any other, and is tried again by its own policy: %s', async (code, thrown) => {
    const { manager, clock } = newManager();
    const inner = await manager.start('inner', () => Promise.reject(thrown() as Error));
    await clock.run(1_000);
    expect(await inner.settled()).toMatchObject({ status: 'failed', error: { code } });
    const handler = jest.fn(() => inner.result());
    const tried = await manager.start('tried', handler, { retry: policy });
    const once = await manager.start('once', handler);
    await clock.run(1_000);
    const error = { code: 'HANDLER_FAILED', message: 'Run inner failed: inner', exposed: true };
    expect(await tried.settled()).toMatchObject({ status: 'failed', attempt: 3, error });
    expect(await once.settled()).toMatchObject({ status: 'failed', attempt: 1, error });
    expect(handler).toHaveBeenCalledTimes(4);
  });

  it('is not cancelled because that was', async () => {
    const { manager, clock } = newManager();
    const inner = await manager.start('inner', () => 1, { delayMs: 1_000 });
    const outer = await manager.start('outer', () => inner.result());
    await inner.cancel('enough');
    await clock.run(0);
    expect(await outer.settled()).toMatchObject({ status: 'failed', error: { code: 'HANDLER_FAILED' } });
    const error: unknown = await outer.result().catch((caught: unknown) => caught);
    expect((error as TaskError).cause).toMatchObject({ code: 'RUN_CANCELLED', message: expect.any(String) });
  });
});
