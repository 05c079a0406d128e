import { describe, expect, it, jest } from '@jest/globals';
import type { ChildTools } from '../../../src/manager/child-runs.js';
import { ParentsHere } from '../../../src/manager/parents-here.js';
import { type PickedUp, prepare } from '../../../src/manager/pick-up.js';
import type { StoredRun } from '../../../src/ports/backend.js';
import { Gate } from '../workbench.js';

/** A child of another process's run, tried again, on a backend that cannot say which children it has. */
function child() {
  const parent = new Gate<StoredRun | undefined>();
  const cancel = jest.fn();
  const backend = { find: () => parent.promise, childrenOf: () => Promise.reject(new Error('away')), cancel };
  const attempt = {
    run: { id: 'child', ordinal: 2, parent: { id: 'parent', ordinal: 1, depth: 1, key: null } } as StoredRun,
    mayBeRepeated: true,
    refuse: jest.fn(),
    interrupt: jest.fn(),
    takeOver: () => Promise.resolve(),
    record: { whenOver: () => undefined },
  } satisfies PickedUp;
  const source = { backend } as unknown as ChildTools['source'];
  return { parent, attempt, tools: { here: new ParentsHere(), logger: undefined, source } as unknown as ChildTools };
}

describe('a child that is picked up when its backend cannot say what it has left', () => {
  it.each<[string, (parent: Gate<StoredRun | undefined>) => void]>([
    ['nor what has become of its parent', (parent) => parent.fail(new Error('away'))],
    ['and its parent has gone', (parent) => parent.open(undefined)],
  ])('leaves no rejection that takes the process down: %s', async (_, answer) => {
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const { parent, attempt, tools } = child();
      const prepared = prepare(attempt, tools);
      // What is asked for at once may be answered in any order.
      await new Promise((resolve) => setImmediate(resolve));
      answer(parent);
      await prepared;
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });
});
