import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../src/testing/index.js';

describe('ManualClock', () => {
  it('fires in the order of times, each timer at exactly its own', () => {
    const clock = new ManualClock(1_000);
    const fired: unknown[] = [];
    for (const delayMs of [30, 10, 20, 10]) clock.after(delayMs, () => fired.push([delayMs, clock.now()]));
    clock.advance(25);
    expect(fired).toEqual([
      [10, 1_010],
      [10, 1_010],
      [20, 1_020],
    ]);
    expect([clock.now(), clock.monotonic(), clock.pending, clock.nextInMs]).toEqual([1_025, 25, 1, 5]);
  });

  it('fires what callbacks set within the same stretch, and nothing that was cancelled', () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    const cancelled = clock.after(5, () => fired.push('cancelled'));
    clock.after(1, () => {
      cancelled.cancel();
      clock.after(4, () => fired.push('set within'));
    });
    clock.advance(5);
    expect(fired).toEqual(['set within']);
  });

  it('fires nothing by itself, and nothing on a jump of the time of day', () => {
    const clock = new ManualClock(0);
    let fired = 0;
    clock.after(0, () => (fired += 1));
    clock.jump(1e9);
    expect([fired, clock.now(), clock.monotonic()]).toEqual([0, 1e9, 0]);
    clock.advance(0);
    expect(fired).toBe(1);
  });

  it('lets what is ready go on between timers when it runs', async () => {
    const clock = new ManualClock();
    const order: number[] = [];
    const wait = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
    void (async () => {
      for (const step of [1, 2, 3]) {
        await wait(10);
        order.push(step);
      }
    })();
    await clock.run(30);
    expect(order).toEqual([1, 2, 3]);
  });

  it('tells how many timers would keep a process up', () => {
    const clock = new ManualClock();
    const timer = clock.after(1, () => undefined);
    clock.after(1, () => undefined);
    timer.unref();
    expect([clock.pending, clock.pendingRefed]).toEqual([2, 1]);
    timer.ref();
    expect(clock.pendingRefed).toBe(2);
  });

  it('wakes who waits for a timer to be set', async () => {
    const clock = new ManualClock();
    const waiting = clock.untilPending(2);
    clock.after(1, () => undefined);
    clock.after(1, () => undefined);
    await waiting;
    expect(clock.pending).toBe(2);
  });

  it.each([NaN, Infinity, -1])('refuses a delay of %p', (delayMs) => {
    const clock = new ManualClock();
    expect(() => clock.after(delayMs, () => undefined)).toThrow(RangeError);
    expect(() => clock.advance(delayMs)).toThrow(RangeError);
  });
});
