import { describe, expect, it, jest } from '@jest/globals';
import { LazyAbort } from '../../src/timing/lazy-abort.js';

describe('a lazy abort', () => {
  it('makes its controller when the signal is first read, and only one', () => {
    let made = 0;
    const Original = AbortController;
    globalThis.AbortController = class extends Original {
      constructor() {
        super();
        made += 1;
      }
    };
    try {
      const abort = new LazyAbort();
      abort.abort('early');
      expect(made).toBe(0);
      expect(abort.signal).toBe(abort.signal);
      expect(made).toBe(1);
    } finally {
      globalThis.AbortController = Original;
    }
  });

  it('aborts a signal that somebody holds, in the same turn', () => {
    const abort = new LazyAbort();
    const heard = jest.fn();
    abort.signal.addEventListener('abort', heard);
    expect([abort.aborted, abort.signal.aborted, abort.reason]).toEqual([false, false, undefined]);
    abort.abort('why');
    expect(heard).toHaveBeenCalledTimes(1);
    expect([abort.aborted, abort.signal.aborted, abort.reason, abort.signal.reason]).toEqual([
      true,
      true,
      'why',
      'why',
    ]);
  });

  it.each(['before', 'after'])('keeps its first reason when the signal is read %s', (when) => {
    const abort = new LazyAbort();
    if (when === 'before') expect(abort.signal.aborted).toBe(false);
    abort.abort('first');
    abort.abort('second');
    expect([abort.reason, abort.signal.reason]).toEqual(['first', 'first']);
  });

  it.each([null, false, 0, 'text'])('may be aborted with %j', (reason) => {
    const abort = new LazyAbort();
    abort.abort(reason);
    expect([abort.reason, abort.signal.reason]).toEqual([reason, reason]);
  });
});
