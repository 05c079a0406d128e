import { beforeEach, describe, expect, it } from '@jest/globals';
import type { FleetBook } from '../../../src/backends/bullmq/book/book.js';
import type { BookSubject } from './book-contract.js';
import { claimOf, endOf, LANE, NOON, placed, placeOf } from './book-samples.js';

const PARENT = { id: 'p', ordinal: NOON * 4096 };

/** What a book promises of children and of steps. */
export function bookFamily(subject: () => BookSubject): void {
  let book: FleetBook;
  let other: FleetBook;
  beforeEach(() => void ({ book, other } = subject()));

  const children = async (which: 'all' | 'unended' = 'all', parent = PARENT): Promise<string[]> =>
    (await other.childrenOf(parent, which)).map(({ id }) => id).sort();

  describe('the children of a run', () => {
    it('are those that were placed or claimed so, where they are', async () => {
      const [a, b] = [placed('a'), placed('b', { jobId: 'x', versionBase: 2 ** 24, since: NOON - 5 })];
      const c = claimOf('c', { parent: PARENT });
      await Promise.all([book.place(a, null, PARENT), book.place(b, null, PARENT), book.place(placed('d'), null)]);
      await book.claim(c);
      await book.claim(claimOf('e'));
      const found = [...(await other.childrenOf(PARENT, 'all'))].sort((x, y) => (x.id < y.id ? -1 : 1));
      expect(found).toEqual([a, b, { id: 'c', place: c.place }]);
      expect(await other.placesOf(['a', 'b', 'c'])).toEqual([a.place, b.place, c.place]);
    });

    it('are not those of another run of its id', async () => {
      await book.place(placed('a'), null, PARENT);
      await book.place(placed('b'), null, { ...PARENT, ordinal: PARENT.ordinal + 1 });
      await book.place(placed('c'), null, { ...PARENT, id: 'p2' });
      expect([await children(), await children('all', { id: 'p', ordinal: 1 })]).toEqual([['a'], []]);
    });

    it('are found however many there are', async () => {
      const all = Array.from({ length: 1_200 }, (_, n) => `c${n}`).sort();
      await Promise.all(all.map((id) => book.place(placed(id), null, PARENT)));
      expect(await children()).toEqual(all);
      expect(await children('unended')).toEqual(all);
    });

    it('go with their records, and not with earlier ones of their ids', async () => {
      await book.place(placed('a'), null, PARENT);
      await book.place(placed('b'), null, PARENT);
      await book.forget([
        { id: 'a', jobId: 'a', lane: LANE },
        { id: 'b', jobId: 'earlier', lane: LANE },
      ]);
      expect(await children()).toEqual(['b']);
    });

    it('do not have a run among them that has taken the id of one', async () => {
      await book.claim(claimOf('a', { parent: PARENT }));
      await book.claim(claimOf('b', { parent: PARENT }));
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }));
      await book.claim(claimOf('b', { place: placeOf('next-b'), replaces: 'job-b', parent: PARENT }));
      expect(await children()).toEqual(['b']);
      expect(await other.childrenOf(PARENT, 'all')).toMatchObject([{ place: { jobId: 'next-b' } }]);
    });

    it('do not have one among them whose start was taken back', async () => {
      const claim = claimOf('a', { parent: PARENT });
      await book.claim(claim);
      await book.unclaim(claim);
      expect(await children()).toEqual([]);
    });

    it('that have not ended are those whose end is not booked', async () => {
      for (const id of ['a', 'b', 'c']) await book.claim(claimOf(id, { parent: PARENT }));
      await book.end(endOf('job-a'));
      await book.end(endOf('job-c', { held: true }));
      expect([await children('unended'), await children()]).toEqual([['b'], ['a', 'b', 'c']]);
    });
  });

  describe('a step', () => {
    const step = (key: string, text: string) => ({ key, text, stalls: 3 });
    const noteOf = async (jobId: string) => (await other.notesOf([jobId]))[0];
    const steps = async (jobId: string) => Object.fromEntries(await other.stepsOf(jobId));

    it('is kept, and the stalls that it was kept after', async () => {
      expect(await book.keepStep(LANE, 'a', 1, step('x', '{"v":1}'))).toBe('{"v":1}');
      expect(await book.keepStep(LANE, 'a', 1, { ...step('y', ''), stalls: 4 })).toBe('');
      expect(await book.keepStep(LANE, 'b', 1, step('x', 'other'))).toBe('other');
      expect(await steps('a')).toEqual({ x: '{"v":1}', y: '' });
      expect(await noteOf('a')).toMatchObject({ steps: true, stallsBefore: 4, delivery: 1 });
      expect(await other.deliver(LANE, 'a', 2)).toMatchObject({ steps: true, delivery: 2 });
      expect(await steps('none')).toEqual({});
    });

    it('stays as it was kept first, whoever comes later', async () => {
      const all = ['1', '2', '3', '4'];
      const kept = await Promise.all(
        all.map((text, n) => (n % 2 ? book : other).keepStep(LANE, 'a', 1, step('x', text))),
      );
      expect(new Set(kept).size).toBe(1);
      expect(await steps('a')).toEqual({ x: kept[0] });
    });

    it('of an earlier delivery is refused, and of a run that has ended', async () => {
      await book.keepStep(LANE, 'a', 1, step('x', 'first'));
      await book.deliver(LANE, 'a', 10);
      await book.end(endOf('b'));
      expect(await book.keepStep(LANE, 'a', 9, step('y', 'old'))).toBeNull();
      expect(await book.keepStep(LANE, 'a', 9, step('x', 'old'))).toBeNull();
      expect(await book.keepStep(LANE, 'b', 1, step('x', 'old'))).toBeNull();
      expect(await book.keepStep(LANE, 'a', 10, step('x', 'new'))).toBe('first');
      expect([await steps('a'), await steps('b')]).toEqual([{ x: 'first' }, {}]);
    });

    it.each([
      ['when it is said that the run has ended', () => book.dropSteps('job-a')],
      ['with an end that is booked', () => book.end(endOf('job-a'))],
      ['with an end that a handler holds', () => book.end(endOf('job-a', { held: true }))],
      ['with the record', () => book.forget([{ id: 'a', jobId: 'job-a', lane: LANE }])],
      ['when another run takes the id', () => book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }))],
    ])('goes %s', async (_when, go: () => Promise<unknown>) => {
      await book.claim(claimOf('a'));
      await book.keepStep(LANE, 'job-a', 1, step('x', '1'));
      await book.keepStep(LANE, 'job-b', 1, step('x', '1'));
      await go();
      expect([await steps('job-a'), await steps('job-b')]).toEqual([{}, { x: '1' }]);
    });

    it('stays while the run waits for its next attempt', async () => {
      await book.keepStep(LANE, 'a', 1, step('x', '1'));
      await book.hold(LANE, 'a', 1, { text: 'h', dueAt: NOON });
      await book.retryAt(LANE, 'a', 1, NOON);
      await book.requestCancel(LANE, 'a', { at: NOON, by: 'ann', reason: null });
      await book.dropCancel(LANE, 'a');
      expect([await steps('a'), await noteOf('a')]).toMatchObject([{ x: '1' }, { steps: true, stallsBefore: 3 }]);
    });
  });
}
