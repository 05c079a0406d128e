import { describe, expect, it } from '@jest/globals';
import { parsePreferWait } from '../../src/koa/prefer.js';

describe('parsePreferWait', () => {
  it.each<[string | string[] | undefined, number | undefined]>([
    [undefined, undefined],
    ['', undefined],
    ['wait=5', 5],
    ['WAIT = 5', 5],
    ['wait=0', 0],
    ['wait=30', 30],
    ['wait=31', 30],
    ['wait=99999999999999999999999', 30],
    ['respond-async, wait=10', 10],
    ['respond-async;foo, wait=10;bar="x,y"', 10],
    ['handling=lenient; x="a, wait=3", wait=7', 7],
    ['wait=1, wait=2', 1],
    [['return=minimal', 'wait=4'], 4],
    ['wait="2"', 2],
    ['respond-async, wait = "12" ; x', 12],
    ['x="wait=3", wait="7"', 7],
    [['wait=4', 'wait=5'], 4],
    [['respond-async', 'wait="5"', 'wait=6'], 5],
    ['wait="2', undefined],
    ['wait="2"3', undefined],
    ['wait="a, wait=2"', undefined],
    ['wait', undefined],
    ['wait=', undefined],
    ['wait=-1', undefined],
    ['wait=1.5', undefined],
    ['wait=abc, wait=2', undefined],
    ['await=2', undefined],
    ['x="wait=3', undefined],
  ])('reads %j as %j', (header, seconds) => {
    expect(parsePreferWait(header)).toBe(seconds);
  });

  it('is not slowed down by a header that is made for it', () => {
    const begun = performance.now();
    for (const header of ['"\\'.repeat(8_000), '"'.repeat(15_000), ' '.repeat(15_000), `wait=${'1'.repeat(15_000)}`]) {
      parsePreferWait(header);
    }
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});
