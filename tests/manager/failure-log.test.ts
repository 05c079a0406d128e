import { describe, expect, it, jest } from '@jest/globals';
import { TaskError } from '../../src/task/errors.js';
import { defineTask } from '../../src/task/task.js';
import { newManager } from './workbench.js';

function newLog() {
  const warn = jest.fn();
  return { warn, logger: { debug: jest.fn(), info: jest.fn(), warn, error: jest.fn() } };
}

function failing(thrown: unknown) {
  return defineTask({
    name: 't',
    handler: () => {
      throw thrown;
    },
  });
}

describe('the log of a run that has failed', () => {
  it.each([
    ['an error of the handler', new Error('broken')],
    ['a TaskError that is not about the input', new TaskError('NON_RETRYABLE', 'no use')],
  ])('has what was thrown, stack and all: %s', async (_what, thrown) => {
    const { warn, logger } = newLog();
    const { manager } = newManager({ logger });
    const run = await manager.start(failing(thrown), undefined, { id: 'r' });
    await run.settled();
    expect(warn.mock.calls).toEqual([[{ runId: 'r', task: 't', err: thrown }, 'A run failed']]);
  });

  it('has code and message alone where the input was wrong', async () => {
    const { warn, logger } = newLog();
    const { manager } = newManager({ logger });
    const thrown = new TaskError('INPUT_INVALID', 'The file has no header', { cause: new Error('inner') });
    const run = await manager.start(failing(thrown), undefined, { id: 'r' });
    await run.settled();
    const fields = { runId: 'r', task: 't', code: 'INPUT_INVALID', reason: 'The file has no header' };
    expect(warn.mock.calls).toEqual([[fields, 'A run failed']]);
  });

  it('has code and message alone where the caller did not want it any more', async () => {
    const { warn, logger } = newLog();
    const { manager, clock } = newManager({ logger });
    await manager.queues.pause('default');
    const run = await manager.start(failing(1), undefined, { id: 'r', expiresInMs: 10 });
    await clock.run(10);
    await run.settled();
    expect(warn.mock.calls).toEqual([
      [expect.objectContaining({ code: 'QUEUE_EXPIRED', reason: expect.any(String) }), 'A run failed'],
    ]);
  });

  it('has what was thrown where the handler let the wrong input of another run through', async () => {
    const { warn, logger } = newLog();
    const { manager } = newManager({ logger });
    const inner = await manager.start(failing(new TaskError('INPUT_INVALID', 'wrong')), undefined, { id: 'inner' });
    await inner.settled();
    const outer = await manager.start('outer', () => inner.result());
    await outer.settled();
    expect(warn).toHaveBeenLastCalledWith(
      { runId: 'outer', task: null, err: expect.objectContaining({ code: 'INPUT_INVALID' }) },
      'A run failed',
    );
  });
});
