import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { systemClock } from '../../src/timing/system-clock.js';

describe('the system clock', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('is driven by fake timers', () => {
    jest.setSystemTime(1_000);
    const fired = jest.fn();
    systemClock.after(500, fired);
    const before = systemClock.monotonic();
    jest.advanceTimersByTime(499);
    expect(fired).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledTimes(1);
    expect([systemClock.now(), systemClock.monotonic() - before]).toEqual([1_500, 500]);
  });

  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 5 * 2 ** 31])('fires a timer of %d ms on time and once', (delayMs) => {
    const fired = jest.fn();
    systemClock.after(delayMs, fired);
    jest.advanceTimersByTime(delayMs - 1);
    expect(fired).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('cancels a long timer in any of its pieces', () => {
    const timer = systemClock.after(3 * 2 ** 31, () => expect('fired').toBe('cancelled'));
    jest.advanceTimersByTime(2 ** 32);
    timer.cancel();
    timer.cancel();
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([-1, -Infinity, NaN, Infinity])('refuses %d ms, which setTimeout would take as 1', (delayMs) => {
    expect(() => systemClock.after(delayMs, () => undefined)).toThrow(
      /a delay must be a finite number of milliseconds/,
    );
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('a timer of the system clock', () => {
  it('keeps the process up unless it is told not to', () => {
    const set = jest.spyOn(globalThis, 'setTimeout');
    const timer = systemClock.after(60_000, () => undefined);
    const timeout = set.mock.results[0]?.value as NodeJS.Timeout;
    const states = [timeout.hasRef()];
    timer.unref();
    states.push(timeout.hasRef());
    timer.ref();
    states.push(timeout.hasRef());
    timer.cancel();
    set.mockRestore();
    expect(states).toEqual([true, false, true]);
  });
});
