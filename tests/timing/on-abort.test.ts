import { describe, expect, it, jest } from '@jest/globals';
import { onAbort, unlessAborted } from '../../src/timing/on-abort.js';

function spied() {
  const controller = new AbortController();
  const { signal } = controller;
  return {
    controller,
    signal,
    add: jest.spyOn(signal, 'addEventListener'),
    remove: jest.spyOn(signal, 'removeEventListener'),
  };
}

describe('onAbort', () => {
  it('calls everybody once, in order, on a single listener', () => {
    const { controller, signal, add, remove } = spied();
    const called: number[] = [];
    for (let n = 0; n < 20; n += 1) onAbort(signal, () => called.push(n));
    controller.abort();
    expect(called).toEqual(Array.from({ length: 20 }, (_, n) => n));
    expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1]);
  });

  it('calls at once where the signal has aborted, and adds no listener', () => {
    const { controller, signal, add } = spied();
    controller.abort();
    const callback = jest.fn();
    onAbort(signal, callback)();
    expect([callback.mock.calls.length, add.mock.calls.length]).toEqual([1, 0]);
  });

  it('forgets a callback, and with the last one the listener', () => {
    const { controller, signal, remove } = spied();
    const callback = jest.fn();
    const first = onAbort(signal, callback);
    const second = onAbort(signal, callback);
    first();
    first();
    expect(remove).not.toHaveBeenCalled();
    second();
    expect(remove).toHaveBeenCalledTimes(1);
    controller.abort();
    expect(callback).not.toHaveBeenCalled();
  });

  it('listens again after everybody had gone', () => {
    const { controller, signal, add } = spied();
    onAbort(signal, () => undefined)();
    const callback = jest.fn();
    onAbort(signal, callback);
    controller.abort();
    expect([callback.mock.calls.length, add.mock.calls.length]).toEqual([1, 2]);
  });

  it('lets a callback forget another that is still to be called', () => {
    const { controller, signal } = spied();
    const callback = jest.fn();
    const forget: (() => void)[] = [];
    onAbort(signal, () => forget.forEach((each) => each()));
    forget.push(onAbort(signal, callback));
    controller.abort();
    expect(callback).not.toHaveBeenCalled();
  });
});

describe('unlessAborted', () => {
  it('resolves with what the wait ends with, and forgets the signal', async () => {
    const { controller, signal, add, remove } = spied();
    const giveUp = jest.fn();
    let end: (value: string) => void = () => undefined;
    const waiting = unlessAborted<string>(signal, (done) => {
      end = done;
      return giveUp;
    });
    end('here');
    expect(await waiting).toBe('here');
    controller.abort();
    expect(giveUp).not.toHaveBeenCalled();
    expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1]);
  });

  it('rejects with the reason as soon as the signal aborts, and gives the wait up', async () => {
    const { controller, signal, add, remove } = spied();
    const giveUp = jest.fn();
    const waiting = unlessAborted(signal, () => giveUp);
    controller.abort(null);
    expect(giveUp).toHaveBeenCalledTimes(1);
    await expect(waiting).rejects.toBeNull();
    expect([add.mock.calls.length, remove.mock.calls.length]).toEqual([1, 1]);
  });

  it('does not begin to wait where the signal has aborted', async () => {
    const begin = jest.fn(() => () => undefined);
    await expect(unlessAborted(AbortSignal.abort('gone'), begin)).rejects.toBe('gone');
    expect(begin).not.toHaveBeenCalled();
  });

  it('resolves where the wait is over at once, and leaves no listener', async () => {
    const { signal, add } = spied();
    const over = unlessAborted<string>(signal, (done) => {
      done('already');
      return () => undefined;
    });
    expect(await over).toBe('already');
    expect(add).not.toHaveBeenCalled();
    const without = unlessAborted<string>(undefined, (done) => {
      done('without a signal');
      return () => undefined;
    });
    expect(await without).toBe('without a signal');
  });
});
