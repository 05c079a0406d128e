import { describe, expect, it } from '@jest/globals';
import type { ChildRequest } from '../../../src/manager/child-request.js';
import type { ChildRun } from '../../../src/manager/child-run.js';
import { KeyedChildren } from '../../../src/manager/keyed-children.js';
import type { HandleSource } from '../../../src/manager/run-handle.js';
import type { StoredRun } from '../../../src/ports/backend.js';
import { settle } from '../../fake-clock.js';

describe('a child with a key whose cancel is under way, as an earlier process has asked for it', () => {
  it('is started anew once it has ended', async () => {
    const parent = { ordinal: 1 } as StoredRun;
    const cancelling = { id: 'c', task: 'child', status: 'cancelling', parent: { ordinal: 1 } } as StoredRun;
    const anew = { ...cancelling, status: 'queued' } as StoredRun;
    const answers = [
      { run: cancelling, replayed: true },
      { run: anew, replayed: false },
    ];
    const waits: (() => void)[] = [];
    const backend = {
      watch: (_run: unknown, _moment: unknown, done: () => void) => waits.push(done),
      unwatch: () => 0,
    };
    const adopted: unknown[] = [];
    const children = new KeyedChildren(
      { run: parent, steps: undefined, mayHaveEarlier: true, signal: () => new AbortController().signal },
      {
        source: { find: () => Promise.resolve(cancelling), backend } as unknown as HandleSource,
        accept: () => Promise.resolve(answers.shift() ?? { run: anew, replayed: false }),
        adopt: (run) => {
          adopted.push(run);
          return { run } as unknown as ChildRun;
        },
      },
    );
    const request = { start: { name: 'child', input: 1 }, options: { id: 'c' }, key: 'k' } as ChildRequest;
    const started = children.start(request, 'k');
    await settle();
    expect(adopted).toEqual([]);
    for (const done of waits) done();
    await started;
    expect(adopted).toEqual([anew]);
  });
});
