import { describe, expect, it } from '@jest/globals';
import { RateWindow } from '../../src/manager/rate-window.js';

/** A window with starts at these times. */
function windowWith(count: number, starts: readonly number[]): RateWindow {
  const window = new RateWindow(count, 100);
  for (const at of starts) window.note(at);
  return window;
}

describe('a rate window', () => {
  it('has as many free starts as the last ones leave', () => {
    expect(windowWith(3, []).free(0, 10)).toBe(3);
    expect(windowWith(3, [0, 40]).free(50, 10)).toBe(1);
    expect(windowWith(3, [0, 40]).free(100, 10)).toBe(2);
    expect(windowWith(3, [0, 40, 50, 110]).free(120, 10)).toBe(0);
    expect(windowWith(3, [0, 40, 50, 110]).free(140, 10)).toBe(1);
    expect(windowWith(3, [0, 40, 50, 110]).free(150, 10)).toBe(2);
  });

  it('names no more than is asked for', () => {
    expect(windowWith(3, []).free(0, 2)).toBe(2);
    expect(windowWith(3, [0, 0, 0]).free(200, 1)).toBe(1);
  });
});
