import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TimerQueue, type QueuedTimer } from '../../src/timing/timer-queue.js';
import { FakeClock } from '../fake-clock.js';

describe('a timer queue', () => {
  it('fires each timer at its own time, on one timer of the clock', () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: [string, number][] = [];
    for (const [name, delayMs] of Object.entries({ c: 300, a: 100, b: 200 })) {
      queue.after(delayMs, () => fired.push([name, clock.monotonic()]));
    }
    expect([queue.size, clock.pending]).toEqual([3, 1]);
    clock.advance(1_000);
    expect(fired).toEqual([
      ['a', 100],
      ['b', 200],
      ['c', 300],
    ]);
    expect([queue.size, clock.pending]).toEqual([0, 0]);
  });

  it('fires a timer that was set by another one', () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: number[] = [];
    queue.after(10, () => queue.after(10, () => fired.push(clock.monotonic())));
    clock.advance(100);
    expect(fired).toEqual([20]);
  });

  it('never fires a timer that another one of the same moment cancelled', () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: string[] = [];
    const timers: QueuedTimer[] = [];
    for (const name of ['a', 'b']) {
      timers.push(
        queue.after(10, () => {
          fired.push(name);
          for (const timer of timers) queue.cancel(timer);
        }),
      );
    }
    clock.advance(100);
    expect(fired).toHaveLength(1);
    expect([queue.size, clock.pending]).toEqual([0, 0]);
  });

  it('leaves no timer on the clock when its last one is cancelled, or all are cleared', () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const timer = queue.after(10, () => undefined);
    queue.cancel(timer);
    queue.cancel(timer);
    expect(clock.pending).toBe(0);
    for (const delayMs of [5, 6, 7]) queue.after(delayMs, () => expect(delayMs).toBe(0));
    queue.clear();
    expect([queue.size, clock.pending]).toEqual([0, 0]);
    clock.advance(100);
  });

  it.each([NaN, Infinity, -Infinity])('refuses a delay of %s, and its other timers still fire', (delayMs) => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: number[] = [];
    queue.after(20, () => fired.push(20));
    expect(() => queue.after(delayMs, () => fired.push(delayMs))).toThrow('delayMs must be a finite number');
    queue.after(10, () => fired.push(10));
    clock.advance(100);
    expect([fired, queue.size]).toEqual([[10, 20], 0]);
  });

  it('does not notice a jump of the time of day', () => {
    const clock = new FakeClock();
    const queue = new TimerQueue(clock);
    const fired: number[] = [];
    queue.after(100, () => fired.push(clock.monotonic()));
    clock.jump(-86_400_000);
    clock.advance(50);
    clock.jump(86_400_000);
    expect(fired).toEqual([]);
    clock.advance(50);
    expect(fired).toEqual([100]);
  });

  it('fires in order exactly those that are due and not cancelled, whatever is set, cancelled and awaited', () => {
    const command = fc.oneof(
      fc.record({ set: fc.nat({ max: 50 }) }),
      fc.record({ cancel: fc.nat({ max: 200 }) }),
      fc.record({ wait: fc.nat({ max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const clock = new FakeClock();
        const queue = new TimerQueue(clock);
        const timers: QueuedTimer[] = [];
        const expected = new Map<number, number>();
        const fired: number[] = [];
        for (const step of commands) {
          if ('set' in step) {
            const id = timers.length;
            expected.set(id, clock.monotonic() + step.set);
            timers.push(
              queue.after(step.set, () => {
                expect(expected.get(id)).toBe(clock.monotonic());
                expected.delete(id);
                fired.push(clock.monotonic());
              }),
            );
          } else if ('cancel' in step) {
            const timer = timers[step.cancel];
            if (timer) {
              queue.cancel(timer);
              expected.delete(step.cancel);
            }
          } else clock.advance(step.wait);
          expect(queue.size).toBe(expected.size);
          if (expected.size === 0) expect(clock.pending).toBe(0);
        }
        clock.advance(100);
        expect([queue.size, expected.size]).toEqual([0, 0]);
        expect(fired).toEqual(fired.toSorted((a, b) => a - b));
      }),
    );
  });
});
