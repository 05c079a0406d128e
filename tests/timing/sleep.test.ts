import { describe, expect, it, jest } from '@jest/globals';
import { sleep } from '../../src/timing/sleep.js';
import { FakeClock, settle } from '../fake-clock.js';

const state = async (promise: Promise<unknown>): Promise<string> => {
  const settled = promise.then(
    () => 'resolved',
    () => 'rejected',
  );
  return Promise.race([settled, settle().then(() => 'pending')]);
};

describe('sleep', () => {
  it('ends after exactly its delay', async () => {
    const clock = new FakeClock();
    const waiting = sleep(1_000, { clock });
    clock.advance(999);
    expect(await state(waiting)).toBe('pending');
    clock.advance(1);
    expect(await state(waiting)).toBe('resolved');
  });

  it('may be longer than setTimeout can count', async () => {
    const clock = new FakeClock();
    const waiting = sleep(2 ** 40, { clock });
    clock.advance(2 ** 40 - 1);
    expect(await state(waiting)).toBe('pending');
    clock.advance(1);
    await waiting;
  });

  it('rejects with the reason of the signal, whatever it is, as soon as that aborts', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const waiting = sleep(1_000, { clock, signal: controller.signal });
    controller.abort(null);
    await expect(waiting).rejects.toBeNull();
    expect(clock.pending).toBe(0);
  });

  it('rejects at once when the signal has aborted before', async () => {
    const clock = new FakeClock();
    await expect(sleep(1_000, { clock, signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    expect(clock.pending).toBe(0);
  });

  it('leaves no listener behind', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const add = jest.spyOn(signal, 'addEventListener');
    const remove = jest.spyOn(signal, 'removeEventListener');
    const waiting = sleep(5, { clock, signal });
    clock.advance(5);
    await waiting;
    expect(remove.mock.calls.map(([, listener]) => listener)).toEqual(add.mock.calls.map(([, listener]) => listener));
  });

  it.each([-1, NaN, Infinity, -Infinity])('refuses %d ms', async (delayMs) => {
    await expect(sleep(delayMs)).rejects.toMatchObject({ name: 'RangeError' });
  });

  it('runs on the computer’s clock unless given another', async () => {
    const before = performance.now();
    await sleep(5);
    expect(performance.now() - before).toBeGreaterThan(3);
  });
});
