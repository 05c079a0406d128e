import { describe, expect, it, jest } from '@jest/globals';
import { onAbort } from '../../src/timing/on-abort.js';

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
