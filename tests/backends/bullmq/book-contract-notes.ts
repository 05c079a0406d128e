import { beforeEach, describe, expect, it } from '@jest/globals';
import type { FleetBook, LaneTally } from '../../../src/backends/bullmq/book/book.js';
import type { BookSubject } from './book-contract.js';
import { claimOf, endOf, LANE, NOON, OTHER_LANE, placed, placeOf } from './book-samples.js';

const CANCEL = { reason: 'enough', by: 'ann', at: NOON };
const NO_ENDS = { completed: 0, failed: 0, cancelled: 0 };
const NOTHING: LaneTally = {
  ...{ held: 0, cancelling: 0, heldRetrying: 0, heldQueued: 0, retrying: 0 },
  ended: NO_ENDS,
  keyed: NO_ENDS,
};

/** What a book promises of what it keeps beside jobs. */
export function bookNotes(subject: () => BookSubject): void {
  let book: FleetBook;
  let other: FleetBook;
  beforeEach(() => void ({ book, other } = subject()));

  const noteOf = async (jobId: string) => (await other.notesOf([jobId]))[0];
  const tally = async () => (await other.tallies([LANE], NOON))[0];

  describe('a note', () => {
    it('is there for runs that need one', async () => {
      await book.place(placed('a'), null);
      await book.requestCancel(LANE, 'b', CANCEL);
      expect(await other.notesOf(['a', 'b'])).toEqual([
        undefined,
        {
          ...{ cancel: CANCEL, end: null, held: null, left: null, delivery: 0 },
          ...{ checkpoint: null, stallsBefore: 0, steps: false, redrivenBy: null },
        },
      ]);
      expect(await other.notesOf([])).toEqual([]);
    });

    it('goes with its run', async () => {
      await book.requestCancel(LANE, 'a', CANCEL);
      await book.hold(LANE, 'a', 1, { text: 'h', dueAt: NOON + 1 });
      await book.end(endOf('b', { held: true }));
      await book.retryAt(LANE, 'c', 1, NOON + 1);
      await book.forget(['a', 'b', 'c'].map((id) => ({ id, jobId: id, lane: LANE })));
      expect(await book.notesOf(['a', 'b', 'c'])).toEqual([undefined, undefined, undefined]);
      expect([await tally(), await book.cancels(LANE)]).toEqual([NOTHING, 0]);
    });
  });

  describe('a cancel', () => {
    it('is kept as it was asked for first', async () => {
      const second = { ...CANCEL, by: 'bob', reason: null };
      expect(await book.requestCancel(LANE, 'a', CANCEL)).toEqual(CANCEL);
      expect(await other.requestCancel(LANE, 'a', second)).toEqual(CANCEL);
    });

    it('is one among many that ask at once', async () => {
      const requests = ['ann', 'bob', 'cid'].map((by, n) =>
        (n % 2 ? book : other).requestCancel(LANE, 'a', { ...CANCEL, by }),
      );
      const kept = await Promise.all(requests);
      expect(new Set(kept.map((cancel) => cancel?.by)).size).toBe(1);
    });

    it('is not kept where an end is booked', async () => {
      await book.end(endOf('a'));
      expect(await book.requestCancel(LANE, 'a', CANCEL)).toBeNull();
      expect(await noteOf('a')).toMatchObject({ cancel: null });
    });

    it('counts until the job is gone', async () => {
      const counts = [await other.cancels(LANE)];
      await book.requestCancel(LANE, 'a', CANCEL);
      counts.push(await other.cancels(LANE));
      await book.end(endOf('a'));
      counts.push(await other.cancels(LANE));
      await book.letGo(LANE, 'a');
      counts.push(await other.cancels(LANE));
      expect(counts).toEqual([0, 1, 1, 0]);
      expect(await other.cancels(OTHER_LANE)).toBe(0);
    });

    it('is to be seen to until the job is gone', async () => {
      await book.addLane(OTHER_LANE);
      await book.requestCancel(LANE, 'a', CANCEL);
      await book.end(endOf('b', { lane: OTHER_LANE }));
      await book.end(endOf('held', { held: true }));
      const jobs = await other.toCancel(10);
      expect(jobs).toHaveLength(2);
      expect(jobs).toEqual(
        expect.arrayContaining([
          { lane: LANE, jobId: 'a' },
          { lane: OTHER_LANE, jobId: 'b' },
        ]),
      );
      await book.dropCancel(LANE, 'a');
      await book.letGo(OTHER_LANE, 'b');
      expect(await other.toCancel(10)).toEqual([]);
    });

    it('is seen to some time where there are too many for once', async () => {
      await book.addLane(OTHER_LANE);
      const all = Array.from({ length: 12 }, (_, n) => `j${n}`);
      for (const id of all) await book.requestCancel(all.indexOf(id) % 2 ? LANE : OTHER_LANE, id, CANCEL);
      const seen = new Set<string>();
      while (seen.size < all.length) {
        const jobs = await book.toCancel(3);
        expect(jobs).toHaveLength(3);
        for (const { jobId } of jobs) seen.add(jobId);
      }
    });

    it('counts no more where a handler holds the end', async () => {
      await book.requestCancel(LANE, 'a', CANCEL);
      await book.end(endOf('a', { held: true }));
      expect([await book.cancels(LANE), await book.toCancel(5)]).toEqual([0, []]);
      await book.dropCancel(LANE, 'a');
      expect(await noteOf('a')).toMatchObject({ cancel: CANCEL });
    });

    it('that comes too late goes', async () => {
      await book.requestCancel(LANE, 'a', CANCEL);
      await other.dropCancel(LANE, 'a');
      expect([await book.cancels(LANE), await noteOf('a')]).toEqual([0, undefined]);
    });
  });

  describe('an end', () => {
    it('is booked once', async () => {
      const ends = ['x', 'y', 'z'].map((text, n) => (n % 2 ? book : other).end(endOf('a', { text })));
      const booked = await Promise.all(ends);
      expect(booked.filter(Boolean)).toHaveLength(1);
      expect((await noteOf('a'))?.end).toBe(['x', 'y', 'z'][booked.indexOf(true)]);
    });

    it('takes the place of a cancel, a retry and a time to begin', async () => {
      await book.place(placed('a'), NOON);
      await book.requestCancel(LANE, 'a', CANCEL);
      await book.hold(LANE, 'a', 1, { text: 'h', dueAt: NOON + 1 });
      await book.end(endOf('a'));
      expect(await tally()).toEqual({ ...NOTHING, ended: { ...NO_ENDS, cancelled: 1 } });
      expect(await noteOf('a')).toMatchObject({ cancel: CANCEL, held: null });
      expect(await book.expired(NOON, 5)).toEqual([]);
    });

    it('is shown to retention, the oldest first', async () => {
      for (const [n, id] of ['c', 'a', 'b'].entries()) await book.end(endOf(`job-${id}`, { finishedAt: NOON - n }));
      await book.end(endOf('job-d', { status: 'failed' }));
      expect(await other.oldestEnds(LANE, 'cancelled', 2)).toEqual([
        { jobId: 'job-b', id: 'b', finishedAt: NOON - 2 },
        { jobId: 'job-a', id: 'a', finishedAt: NOON - 1 },
      ]);
      await book.forget([{ id: 'b', jobId: 'job-b', lane: LANE }]);
      expect(await other.oldestEnds(LANE, 'cancelled', 1)).toMatchObject([{ id: 'a' }]);
    });

    it('that a handler holds is one to be looked after, some time also where there are many', async () => {
      await book.addLane(OTHER_LANE);
      const all = ['a', 'b', 'c', 'd', 'e'];
      for (const [n, id] of all.entries()) await book.end(endOf(id, { held: true, lane: n % 2 ? LANE : OTHER_LANE }));
      await book.end(endOf('not-held'));
      const seen = new Set<string>();
      while (seen.size < all.length) {
        const jobs = await other.heldEnds(2);
        expect(jobs).toHaveLength(2);
        for (const { jobId } of jobs) seen.add(jobId);
      }
      expect([...seen].sort()).toEqual(all);
      for (const [n, id] of all.entries()) await book.letGo(n % 2 ? LANE : OTHER_LANE, id);
      expect(await book.heldEnds(5)).toEqual([]);
    });

    it('that a handler holds is shown to retention when that has settled', async () => {
      await book.end(endOf('a', { held: true, status: 'failed' }));
      expect(await book.oldestEnds(LANE, 'failed', 5)).toEqual([]);
      expect(await tally()).toEqual({ ...NOTHING, held: 1, ended: { ...NO_ENDS, failed: 1 } });
      expect(await book.cancels(LANE)).toBe(0);
      await other.letGo(LANE, 'a');
      expect(await book.oldestEnds(LANE, 'failed', 5)).toMatchObject([{ id: 'a' }]);
      expect(await tally()).toEqual({ ...NOTHING, ended: { ...NO_ENDS, failed: 1 } });
    });
  });

  describe('a wait for the next attempt', () => {
    it('is counted until it is over or the job is delivered', async () => {
      await book.retryAt(LANE, 'a', 1, NOON + 1);
      await book.retryAt(LANE, 'b', 1, NOON);
      await book.retryAt(LANE, 'c', 1, NOON + 1);
      expect(await tally()).toEqual({ ...NOTHING, retrying: 2 });
      await other.deliver(LANE, 'a', 2);
      expect(await tally()).toEqual({ ...NOTHING, retrying: 1 });
    });

    it('is held while the handler is still at work', async () => {
      expect(await book.hold(LANE, 'a', 1, { text: 'state', dueAt: NOON + 1 })).toBe(true);
      expect(await book.hold(LANE, 'b', 1, { text: 'state', dueAt: NOON })).toBe(true);
      expect(await tally()).toEqual({ ...NOTHING, held: 2, heldRetrying: 1, heldQueued: 1, retrying: 1 });
      expect(await noteOf('a')).toMatchObject({ held: 'state', delivery: 1 });
      await other.retryAt(LANE, 'a', 1, NOON + 1);
      expect(await tally()).toEqual({ ...NOTHING, held: 1, heldQueued: 1, retrying: 1 });
      expect(await noteOf('a')).toMatchObject({ held: null });
    });

    it('is not held by an earlier delivery, nor where the run has ended', async () => {
      await book.deliver(LANE, 'a', 2);
      await book.end(endOf('b'));
      expect(await book.hold(LANE, 'a', 1, { text: 'h', dueAt: NOON })).toBe(false);
      expect(await book.hold(LANE, 'b', 1, { text: 'h', dueAt: NOON })).toBe(false);
      expect(await tally()).toMatchObject({ held: 0 });
    });

    it('is not changed by an earlier delivery, nor where the run has ended', async () => {
      await book.deliver(LANE, 'a', 2);
      await other.hold(LANE, 'a', 2, { text: 'state', dueAt: NOON + 1 });
      await book.end(endOf('b'));
      const before = await tally();
      await book.retryAt(LANE, 'a', 1, NOON + 9);
      await book.retryAt(LANE, 'b', 1, NOON + 9);
      expect(await book.deliver(LANE, 'a', 1)).toMatchObject({ held: 'state', left: null, delivery: 2 });
      expect([await noteOf('a'), await tally()]).toMatchObject([{ held: 'state', delivery: 2 }, before]);
    });

    it('leaves what was held to the next delivery', async () => {
      await book.hold(LANE, 'a', 1, { text: 'state', dueAt: NOON + 1 });
      expect(await other.deliver(LANE, 'a', 2)).toMatchObject({ held: null, left: 'state', delivery: 2 });
      expect(await other.deliver(LANE, 'a', 3)).toMatchObject({ held: null, left: 'state', delivery: 3 });
      expect(await tally()).toEqual(NOTHING);
    });
  });

  describe('a checkpoint', () => {
    it('is kept, and the stalls that it was kept after', async () => {
      expect(await book.checkpoint(LANE, 'a', 1, { text: 'here', stalls: 3 })).toBe(true);
      expect(await noteOf('a')).toMatchObject({ checkpoint: 'here', stallsBefore: 3, delivery: 1 });
      expect(await other.deliver(LANE, 'a', 2)).toMatchObject({ checkpoint: 'here', delivery: 2 });
    });

    it('of an earlier delivery is refused, and of a run that has ended', async () => {
      await book.deliver(LANE, 'a', 10);
      await book.end(endOf('b'));
      expect(await book.checkpoint(LANE, 'a', 9, { text: 'old', stalls: 0 })).toBe(false);
      expect(await book.checkpoint(LANE, 'b', 1, { text: 'old', stalls: 0 })).toBe(false);
      expect(await book.checkpoint(LANE, 'a', 10, { text: 'new', stalls: 0 })).toBe(true);
      expect(await noteOf('a')).toMatchObject({ checkpoint: 'new' });
    });
  });

  describe('a time to begin', () => {
    it('is over for the runs that have not begun by then', async () => {
      await book.place(placed('a'), NOON + 1);
      await book.place(placed('b', { jobId: 'job-b', lane: OTHER_LANE }), NOON);
      await book.claim(claimOf('c', { expiresAt: NOON - 1 }));
      await book.place(placed('d'), null);
      expect(await other.expired(NOON, 5)).toEqual([
        { lane: LANE, jobId: 'job-c' },
        { lane: OTHER_LANE, jobId: 'job-b' },
      ]);
      await other.unexpire(['job-b', 'job-c', 'none']);
      await other.unexpire([]);
      expect(await book.expired(NOON, 5)).toEqual([]);
      expect(await book.expired(NOON + 1, 5)).toEqual([{ lane: LANE, jobId: 'a' }]);
    });

    it('is of no interest for a run whose id another has taken', async () => {
      await book.claim(claimOf('a', { expiresAt: NOON }));
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }));
      expect(await book.expired(NOON, 5)).toEqual([]);
    });
  });

  describe('a tally', () => {
    it('is one of each lane, in their order', async () => {
      await book.requestCancel(LANE, 'a', CANCEL);
      await book.retryAt(OTHER_LANE, 'b', 1, NOON + 1);
      expect(await other.tallies([OTHER_LANE, LANE], NOON)).toEqual([
        { ...NOTHING, retrying: 1 },
        { ...NOTHING, cancelling: 1 },
      ]);
      expect(await other.tallies([], NOON)).toEqual([]);
    });
  });
}
