import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Heap } from '../../src/timing/heap.js';

interface Member {
  key: number;
  index: number;
}

const step = fc.record({ act: fc.constantFrom('add', 'change', 'remove'), nth: fc.nat(40), key: fc.nat(100) });

describe('a heap', () => {
  it('gives its members in their order, whoever came, moved and left from the middle', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const heap = new Heap<Member>((a, b) => a.key < b.key);
        const members: Member[] = [];
        for (const { act, nth, key } of steps) {
          const member = act === 'add' ? { key, index: -1 } : members[nth];
          if (member === undefined) continue;
          if (act === 'add') members.push(member);
          if (act === 'remove') {
            members.splice(nth, 1);
            heap.remove(member);
            expect(member.index).toBe(-1);
          } else {
            member.key = key;
            heap.put(member);
          }
          expect(heap.size).toBe(members.length);
        }
        expect(drain(heap)).toEqual(members.map(({ key }) => key).sort((a, b) => a - b));
      }),
    );
  });

  it('moves the one that fills a gap towards the front where that is its place', () => {
    const heap = new Heap<Member>((a, b) => a.key < b.key);
    const members = [1, 50, 2, 60, 70, 3, 4].map((key) => ({ key, index: -1 }));
    for (const member of members) heap.put(member);
    for (const member of members.filter(({ key }) => key === 60)) heap.remove(member);
    // Otherwise 4, which stands last, would come up at the next removal whatever its place.
    for (const key of [100, 101, 102]) heap.put({ key, index: -1 });
    expect(drain(heap)).toEqual([1, 2, 3, 4, 50, 70, 100, 101, 102]);
  });

  it('ignores those who are in it no more', () => {
    const heap = new Heap<Member>((a, b) => a.key < b.key);
    const members = [3, 1, 2].map((key) => ({ key, index: -1 }));
    for (const member of members) heap.put(member);
    heap.clear();
    for (const member of members) heap.remove(member);
    expect([heap.size, heap.first, members.map(({ index }) => index)]).toEqual([0, undefined, [-1, -1, -1]]);
  });
});

/** The keys of all members, in the order in which they come first. */
function drain(heap: Heap<Member>): number[] {
  const keys: number[] = [];
  for (let first = heap.first; first !== undefined; first = heap.first) {
    keys.push(first.key);
    heap.remove(first);
  }
  return keys;
}
