import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { weightOf } from '../../src/task/weight.js';

const MIB = 1_048_576;

/** Repeats a member as often as it fits into 1 MiB of JSON, and parses that. */
function document(member: (at: number) => string, [open, close] = ['[', ']']): unknown {
  const members: string[] = [];
  let length = 2;
  for (let at = 0; length < MIB; at += 1) {
    const text = member(at);
    length += text.length + 1;
    members.push(text);
  }
  return JSON.parse(open + members.join() + close);
}

describe('weightOf', () => {
  it.each([undefined, null, true, 5, 1.5, 10n, Symbol('s'), 'x', ''])('%p weighs nothing by itself', (value) => {
    expect(weightOf(value)).toBe(0);
  });

  it('counts a byte for each character of a string, wherever it is', () => {
    expect(weightOf('x'.repeat(1_000))).toBe(1_024);
    expect(weightOf(['x'.repeat(1_000)])).toBe(1_024 + weightOf([1]));
    expect(weightOf({ text: 'x'.repeat(1_000) })).toBe(1_024 + weightOf({ text: 1 }));
  });

  // The bounds are what `JSON.parse` was measured to leave on the heap, in MiB, give or take a half.
  it.each<[string, number, unknown]>([
    ['empty arrays', 13.3, document(() => '[]')],
    ['empty objects', 21.3, document(() => '{}')],
    ['numbers', 4, document(() => '1')],
    ['arrays of one', 16, document(() => '[1]')],
    ['objects of one shape', 5, document(() => '{"a":1}')],
    ['objects each of another shape', 14.5, document((at) => `{"a${at.toString(36)}":1}`)],
    ['objects whose names are numbers', 14, document((at) => `{"${at * 1_000}":1}`)],
    ['members of one object', 6.9, document((at) => `"${at.toString(36)}":1`, ['{', '}'])],
    ['arrays in arrays', 13.3, document(() => `[${'[],'.repeat(349)}[]]`)],
    [
      'records',
      1.95,
      document((id) => JSON.stringify({ id, name: `name ${id}`, tags: ['a', 'b'], in: { x: 1, y: 2 } })),
    ],
  ])('of 1 MiB of JSON of %s is about what they take, %d MiB', (_what, mib, value) => {
    const weight = weightOf(value) / MIB;
    expect(weight).toBeGreaterThan(mib / 1.7);
    expect(weight).toBeLessThan(mib * 1.7);
  });

  it('counts what occurs twice once, and ends where things hold one another', () => {
    const shared = Array.from({ length: 200 }, (_, at) => [at]);
    expect(weightOf(Array.from({ length: 100 }, () => shared))).toBeLessThan(3 * weightOf(shared));
    const parent: { children: unknown[] } = { children: [] };
    for (let at = 0; at < 500; at += 1) parent.children.push({ parent, at });
    expect(weightOf(parent)).toBeLessThan(100_000);
    let ladder: unknown = [];
    for (let at = 0; at < 1_000; at += 1) ladder = [ladder, ladder];
    expect(weightOf(ladder)).toBeLessThan(MIB);
  });

  it('takes time for a sample only', () => {
    let reads = 0;
    const read = { enumerable: true, get: () => (reads += 1) };
    const members = Array.from({ length: 10_000 }, () => Object.defineProperty({}, 'read', read));
    expect(weightOf(members)).toBeGreaterThan(300_000);
    expect(reads).toBe(1_000);
  });

  it('finds in a sample what is big, on average', () => {
    const members: unknown[] = Array.from({ length: 4_000 }, () => 1);
    members[1_234] = 'x'.repeat(MIB);
    let sum = 0;
    for (let round = 0; round < 400; round += 1) sum += weightOf(members);
    expect(sum / 400 / MIB).toBeGreaterThan(0.6);
    expect(sum / 400 / MIB).toBeLessThan(1.5);
  });

  it('gives any other thing a small fixed weight, and objects of other realms their own', () => {
    for (const thing of [new Map([[1, 'x'.repeat(1_000)]]), new Date(), Buffer.alloc(1_000), Promise.resolve()])
      expect(weightOf(thing)).toBe(64);
    expect(weightOf(() => 1)).toBe(0);
    const foreign: unknown = runInNewContext('({ text: "x".repeat(1000), list: [1, 2] })');
    expect(weightOf(foreign)).toBe(weightOf({ text: 'x'.repeat(1_000), list: [1, 2] }));
  });

  it('never throws, whatever a getter or a proxy does', () => {
    const throws = () => {
      throw new Error('no');
    };
    for (const value of [
      Object.defineProperty({}, 'a', { enumerable: true, get: throws }),
      new Proxy({}, { ownKeys: throws }),
      new Proxy({}, { getPrototypeOf: throws }),
      Proxy.revocable({}, {}).proxy,
      new Proxy([1], { get: throws }),
    ])
      expect(weightOf([value])).toBeGreaterThan(0);
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (value) => weightOf(value) >= 0 && weightOf(value) < MIB),
    );
  });
});
