import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { FleetBook } from '../../../src/backends/bullmq/book/book.js';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import { bookFamily } from './book-contract-family.js';
import { bookNotes } from './book-contract-notes.js';
import {
  claimOf,
  endOf,
  IMPORTS,
  keyOf,
  LANE,
  listed,
  NOON,
  OTHER_LANE,
  placed,
  placeOf,
  scheduleOf,
} from './book-samples.js';

/** Books of two processes of one fleet that nobody else uses. */
export interface BookSubject {
  readonly book: FleetBook;
  readonly other: FleetBook;
  dispose(): Promise<void>;
}

/** What every book promises. */
export function bookContract(makeBook: () => Promise<BookSubject>): void {
  let subject: BookSubject;
  let book: FleetBook;
  let other: FleetBook;

  beforeEach(async () => {
    subject = await makeBook();
    ({ book, other } = subject);
    await book.open();
    await book.addLane(LANE);
  });

  afterEach(() => subject.dispose());

  describe('a place', () => {
    it('is found again, as it was', async () => {
      const [a, b] = [placed('a'), placed('b', { jobId: 'x', versionBase: 2 ** 24, since: NOON - 5 })];
      await Promise.all([book.place(a, null), book.place(b, null)]);
      expect(await other.placesOf(['b', 'none', 'a'])).toEqual([b.place, undefined, a.place]);
      expect(await other.placesOf([])).toEqual([]);
    });

    it('is listed in the order of ordinals, newest first, from where one wants', async () => {
      const runs = ['a', 'b', 'c', 'd'].map((id) => placed(id));
      await Promise.all(runs.map((run) => book.place(run, null)));
      expect(await other.page(Infinity, 2)).toEqual([runs[3], runs[2]]);
      expect(await other.page(runs[2]?.place.ordinal ?? 0, 2)).toEqual([runs[1], runs[0]]);
      expect(await other.page(runs[0]?.place.ordinal ?? 0, 2)).toEqual([]);
    });

    it('is listed by kind', async () => {
      const first = placed('a', { lane: IMPORTS });
      const second = claimOf('b', { place: placeOf('job-b', { lane: IMPORTS }) });
      await book.place(first, null);
      await book.place(placed('c'), null);
      await book.claim(second);
      expect(await other.ofKind('import')).toEqual([{ id: 'b', place: second.place }, first]);
      await book.forget([{ id: 'a', jobId: 'a', lane: IMPORTS }]);
      expect(await other.ofKind('import')).toHaveLength(1);
    });

    it('is kept for each of very many that come in one turn', async () => {
      const runs = Array.from({ length: 2_500 }, (_, n) => placed(`r${n}`));
      await Promise.all(runs.map((run) => book.place(run, run.place.ordinal)));
      expect(await other.page(Infinity, 3_000)).toHaveLength(2_500);
      expect(await other.expired(Infinity, 10)).toHaveLength(10);
    });

    it('goes with its run, and not with an earlier job of that', async () => {
      await book.place(placed('a'), null);
      await book.forget([{ id: 'a', jobId: 'earlier', lane: LANE }]);
      expect(await listed(book)).toEqual(['a']);
      await book.forget([{ id: 'a', jobId: 'a', lane: LANE }]);
      expect(await listed(book)).toEqual([]);
      expect(await book.placesOf(['a'])).toEqual([undefined]);
    });
  });

  describe('a claim', () => {
    it('makes a place', async () => {
      const claim = claimOf('a');
      expect(await book.claim(claim)).toEqual({ type: 'claimed', place: claim.place });
      expect(await other.placesOf(['a'])).toEqual([claim.place]);
      expect(await listed(other)).toEqual(['a']);
    });

    it('of a taken id is refused, and says where that is', async () => {
      const [first, second] = [claimOf('a'), claimOf('a', { place: placeOf('other') })];
      await book.claim(first);
      expect(await other.claim(second)).toEqual({ type: 'id taken', place: first.place });
      expect(await book.placesOf(['a'])).toEqual([first.place]);
    });

    it('of one id is won by one of many', async () => {
      const claims = Array.from({ length: 40 }, (_, n) => claimOf('a', { place: placeOf(`j${n}`) }));
      const answers = await Promise.all(claims.map((claim, n) => (n % 2 ? book : other).claim(claim)));
      const won = answers.filter(({ type }) => type === 'claimed');
      expect(won).toHaveLength(1);
      expect(answers.filter(({ type }) => type === 'id taken')).toHaveLength(39);
      expect(await book.placesOf(['a'])).toEqual([won[0] && 'place' in won[0] ? won[0].place : null]);
    });

    it('takes the id of an ended run, once', async () => {
      await book.claim(claimOf('a'));
      const next = (n: number) => claimOf('a', { place: placeOf(`next-${n}`), replaces: 'job-a' });
      const answers = await Promise.all([1, 2, 3, 4].map((n) => (n % 2 ? book : other).claim(next(n))));
      expect(answers.map(({ type }) => type).sort()).toEqual(['claimed', 'id taken', 'id taken', 'id taken']);
      expect(await listed(book)).toEqual(['a']);
    });

    it('takes an id of which nothing is left, whatever it was to replace', async () => {
      expect(await book.claim(claimOf('a', { replaces: 'gone' }))).toMatchObject({ type: 'claimed' });
    });

    it('gives the next run of an id a higher ordinal and version base', async () => {
      const old = placeOf('old', { ordinal: NOON * 4096 + 9e9, versionBase: 5 * 2 ** 24 });
      await book.claim(claimOf('a', { place: old }));
      const answer = await other.claim(claimOf('a', { replaces: 'old' }));
      const place = 'place' in answer ? answer.place : undefined;
      expect(place).toMatchObject({ jobId: 'job-a', ordinal: old.ordinal + 1, versionBase: 6 * 2 ** 24, since: NOON });
      expect(await book.placesOf(['a'])).toEqual([place]);
      expect(await book.page(Infinity, 5)).toEqual([{ id: 'a', place }]);
    });

    it('keeps a higher ordinal and version base than those of the old run', async () => {
      await book.claim(claimOf('a'));
      const claim = claimOf('a', { place: placeOf('next', { versionBase: 8 * 2 ** 24 }), replaces: 'job-a' });
      expect(await book.claim(claim)).toEqual({ type: 'claimed', place: claim.place });
    });

    it('lets go what is kept of the run that it replaces', async () => {
      await book.claim(claimOf('a', { expiresAt: NOON }));
      await book.end(endOf('job-a'));
      await book.letGo(LANE, 'job-a');
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }));
      expect(await book.notesOf(['job-a'])).toEqual([undefined]);
      expect(await book.oldestEnds(LANE, 'cancelled', 5)).toEqual([]);
      expect(await book.expired(NOON, 5)).toEqual([]);
    });

    it('leaves the end of the old run to whoever may be given its job', async () => {
      await book.claim(claimOf('a'));
      await book.end(endOf('job-a'));
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }));
      expect(await book.notesOf(['job-a'])).toMatchObject([{ end: 'end of job-a' }]);
      expect([await book.cancels(LANE), await book.oldestEnds(LANE, 'cancelled', 5)]).toEqual([1, []]);
      await book.letGo(LANE, 'job-a');
      expect([await book.cancels(LANE), await book.notesOf(['job-a'])]).toEqual([0, [undefined]]);
    });

    it('leaves the end of the old run to whoever may be given its job, also where a handler has held it', async () => {
      await book.claim(claimOf('a'));
      await book.end(endOf('job-a', { held: true }));
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }));
      expect(await book.notesOf(['job-a'])).toMatchObject([{ end: 'end of job-a' }]);
      expect([await book.cancels(LANE), await book.heldEnds(5)]).toEqual([1, []]);
      await book.letGo(LANE, 'job-a');
      expect([await book.cancels(LANE), await book.notesOf(['job-a'])]).toEqual([0, [undefined]]);
    });

    it('lets a cancel go that came too late for the old run', async () => {
      await book.claim(claimOf('a'));
      await book.requestCancel(LANE, 'job-a', { reason: null, by: 'ann', at: NOON });
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }));
      expect([await book.cancels(LANE), await book.notesOf(['job-a'])]).toEqual([0, [undefined]]);
    });

    it('can be taken back, with all that it claimed', async () => {
      const claim = claimOf('a', { key: keyOf('k'), job: '{}', redrives: 'failed', expiresAt: NOON });
      await book.claim(claim);
      await other.unclaim(claim);
      expect(await listed(book)).toEqual([]);
      expect(await book.unadded(Infinity, 5)).toEqual([]);
      expect(await book.expired(NOON, 5)).toEqual([]);
      expect(await book.notesOf(['failed'])).toEqual([undefined]);
      expect(await book.claim(claim)).toMatchObject({ type: 'claimed' });
    });

    it('of another job is not taken back', async () => {
      const mine = claimOf('a', { place: placeOf('mine'), key: keyOf('k') });
      await book.claim(claimOf('a', { key: keyOf('k') }));
      await book.unclaim(mine);
      expect(await listed(book)).toEqual(['a']);
      expect(await book.haveKeys(['a'])).toEqual([true]);
    });

    it('with the text of a job shows that until the job was added', async () => {
      const job = JSON.stringify({ input: 'x'.repeat(100_000) + '\n\u0000ä' });
      await book.claim(claimOf('a', { job }));
      expect(await other.unadded(NOON, 5)).toEqual([]);
      expect(await other.unadded(NOON + 1, 5)).toEqual([job]);
      await other.added('job-a');
      expect(await book.unadded(NOON + 1, 5)).toEqual([]);
    });

    it('redrives a run once', async () => {
      const [first, second] = [claimOf('a', { redrives: 'failed' }), claimOf('b', { redrives: 'failed' })];
      const answers = await Promise.all([book.claim(first), other.claim(second)]);
      const [won, lost] = answers[0].type === 'claimed' ? ['a', answers[1]] : ['b', answers[0]];
      expect(lost).toEqual({ type: 'redriven', by: won });
      expect(await book.notesOf(['failed'])).toMatchObject([{ redrivenBy: won }]);
      expect(await listed(book)).toEqual([won]);
    });

    it('with a schedule needs it to be at that version, and keeps the next', async () => {
      await book.saveSchedule(scheduleOf('s', 1), null);
      const claim = (id: string) =>
        claimOf(id, { job: '{}', schedule: { next: scheduleOf('s', 2), expectedVersion: 1 } });
      const answers = await Promise.all([book.claim(claim('a')), other.claim(claim('b'))]);
      expect(answers.map(({ type }) => type).sort()).toEqual(['claimed', 'other schedule']);
      expect(await book.schedules()).toEqual([scheduleOf('s', 2)]);
      expect(await listed(book)).toHaveLength(1);
    });

    it('that is refused leaves a schedule as it was', async () => {
      await book.saveSchedule(scheduleOf('s', 1), null);
      await book.claim(claimOf('a'));
      const schedule = { next: scheduleOf('s', 2), expectedVersion: 1 };
      expect(await book.claim(claimOf('a', { place: placeOf('x'), schedule }))).toMatchObject({ type: 'id taken' });
      expect(await book.schedules()).toEqual([scheduleOf('s', 1)]);
    });
  });

  describe('a key', () => {
    it('stands for the first run that claims it', async () => {
      const claims = ['a', 'b', 'c'].map((id) => claimOf(id, { key: keyOf('k', { fingerprint: id }) }));
      const answers = await Promise.all(claims.map((claim, n) => (n % 2 ? book : other).claim(claim)));
      const won = claims[answers.findIndex(({ type }) => type === 'claimed')]?.id;
      const taken = { type: 'key taken', id: won, fingerprint: won, expired: false };
      expect(answers.filter(({ type }) => type !== 'claimed')).toEqual([taken, taken]);
      expect(await listed(book)).toEqual([won]);
      expect(await book.haveKeys(['a', 'b', 'c', 'none'])).toEqual(['a', 'b', 'c', 'none'].map((id) => id === won));
    });

    it('is not claimed where the id is taken', async () => {
      await book.claim(claimOf('a'));
      await book.claim(claimOf('a', { place: placeOf('x'), key: keyOf('k') }));
      expect(await book.claim(claimOf('b', { key: keyOf('k') }))).toMatchObject({ type: 'claimed' });
    });

    it('says that its time is over, and goes when it is told to', async () => {
      await book.claim(claimOf('a', { key: keyOf('k') }));
      const later = claimOf('b', { key: keyOf('k', { at: NOON + 1_000 }) });
      expect(await book.claim(later)).toMatchObject({ type: 'key taken', id: 'a', expired: true });
      await book.dropKey('k', 'another');
      expect(await book.claim(later)).toMatchObject({ type: 'key taken' });
      await other.dropKey('k', 'a');
      expect(await book.haveKeys(['a'])).toEqual([false]);
      expect(await book.claim(later)).toMatchObject({ type: 'claimed' });
    });

    it('may be kept for ever, and as many as one likes', async () => {
      const key = (name: string) => keyOf(name, { keepMs: Infinity, maxKeys: Infinity });
      expect(await book.claim(claimOf('a', { key: key('1') }))).toMatchObject({ type: 'claimed' });
      expect(await book.claim(claimOf('b', { key: key('2') }))).toMatchObject({ type: 'claimed' });
      expect(await book.claim(claimOf('c', { key: key('1') }))).toMatchObject({ id: 'a', expired: false });
    });

    it('makes room for another where its run has ended, the one first that ended first', async () => {
      const claim = (id: string) => claimOf(id, { key: keyOf(id, { maxKeys: 3 }) });
      for (const id of ['active', 'second', 'first']) await book.claim(claim(id));
      await book.keyEnded('second', 'second', NOON + 20);
      await book.end(endOf('job-first', { keyName: 'first' }));
      expect(await book.claim(claim('d'))).toMatchObject({ type: 'claimed' });
      expect(await book.haveKeys(['active', 'second', 'first', 'd'])).toEqual([true, true, false, true]);
      expect(await book.claim(claim('e'))).toMatchObject({ type: 'claimed' });
      expect(await book.claim(claim('f'))).toEqual({ type: 'no room for keys' });
      expect(await book.placesOf(['f'])).toEqual([undefined]);
    });

    it('goes when its time is over and its run has ended, whichever comes first', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await book.claim(claimOf(id, { key: keyOf(id) }));
      const kept = () => book.haveKeys(['a', 'b', 'c', 'd']);
      await book.keyEnded('a', 'another', NOON + 10);
      await book.keyEnded('none', 'a', NOON + 10);
      await book.keyEnded('d', 'a', NOON + 1_001);
      await book.keyEnded('a', 'a', NOON + 10);
      await book.dropKeys(NOON + 999, 10);
      expect(await kept()).toEqual([true, true, true, true]);
      await book.dropKeys(NOON + 1_000, 10);
      expect(await kept()).toEqual([false, true, true, true]);
      await book.keyEnded('b', 'b', NOON + 1_001);
      await book.end(endOf('job-c', { keyName: 'c', finishedAt: NOON + 1_001 }));
      expect(await kept()).toEqual([false, false, false, true]);
    });

    it('stands for the next run of its id, beside the key of that', async () => {
      await book.claim(claimOf('a', { key: keyOf('old') }));
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a', key: keyOf('new') }));
      expect(await book.claim(claimOf('b', { key: keyOf('old') }))).toMatchObject({ type: 'key taken', id: 'a' });
      await book.dropKey('old', 'a');
      expect(await book.haveKeys(['a'])).toEqual([true]);
    });

    it('goes with its run', async () => {
      await book.claim(claimOf('a', { key: keyOf('k') }));
      await book.forget([{ id: 'a', jobId: 'job-a', lane: LANE }]);
      expect(await book.claim(claimOf('b', { key: keyOf('k') }))).toMatchObject({ type: 'claimed' });
    });

    it('keeps the end of its run from retention until it goes', async () => {
      await book.claim(claimOf('a', { key: keyOf('k') }));
      await book.end(endOf('job-a', { keyName: 'k' }));
      expect(await book.oldestEnds(LANE, 'cancelled', 5)).toEqual([]);
      expect(await book.tallies([LANE], NOON)).toMatchObject([{ ended: { cancelled: 1 } }]);
      await book.dropKeys(NOON + 1_000, 5);
      expect(await book.oldestEnds(LANE, 'cancelled', 5)).toEqual([{ jobId: 'job-a', id: 'a', finishedAt: NOON + 10 }]);
      expect(await book.tallies([LANE], NOON)).toMatchObject([{ ended: { cancelled: 1 } }]);
    });
  });

  bookNotes(() => subject);
  bookFamily(() => subject);

  describe('what the fleet shares', () => {
    it('has an id of its own, the same for all processes', async () => {
      const [first, second] = await Promise.all([book.open(), other.open()]);
      expect(first.storeId).toMatch(/^.{8,}$/);
      expect([second.storeId, (await other.head()).storeId]).toEqual([first.storeId, first.storeId]);
    });

    it('has lanes and paused queues', async () => {
      await book.addLane(OTHER_LANE);
      await book.addLane(OTHER_LANE);
      await book.pauseQueue('slow', true);
      const head = await other.head();
      expect([[...head.lanes].sort(), head.pausedQueues]).toEqual([[LANE, OTHER_LANE].sort(), ['slow']]);
      await other.pauseQueue('slow', false);
      expect((await book.head()).pausedQueues).toEqual([]);
    });

    it('keeps a schedule in the place of the version that is expected, one of two', async () => {
      expect(await book.saveSchedule(scheduleOf('s', 2), 1)).toBe(false);
      expect(await book.saveSchedule(scheduleOf('s', 1), null)).toBe(true);
      expect(await other.saveSchedule(scheduleOf('s', 1), null)).toBe(false);
      const saved = [book.saveSchedule(scheduleOf('s', 2), 1), other.saveSchedule(scheduleOf('s', 2), 1)];
      expect((await Promise.all(saved)).sort()).toEqual([false, true]);
      expect(await book.schedules()).toEqual([scheduleOf('s', 2)]);
      expect([await other.removeSchedule('s'), await book.removeSchedule('s')]).toEqual([true, false]);
      expect(await book.schedules()).toEqual([]);
    });

    it('tells which processes are gone', async () => {
      await book.beat('p', 0);
      await other.beat('q', 60_000);
      expect(await other.deadProcesses()).toEqual(['p']);
      await book.beat('p', 60_000);
      await other.beat('q', 0);
      expect(await book.deadProcesses()).toEqual(['q']);
    });

    it('takes none for gone whose clock is wrong', async () => {
      const now = jest.spyOn(Date, 'now').mockReturnValue(NOON - 1e9);
      await book.beat('p', 60_000);
      now.mockReturnValue(NOON + 1e9);
      expect(await other.deadProcesses()).toEqual([]);
      now.mockRestore();
    });

    it('forgets a process with its lanes', async () => {
      const lanes = ['p', 'q'].map((process) => laneNameOf({ queue: 'default', kind: 'run', task: null, process }));
      for (const lane of lanes) await book.addLane(lane);
      await book.beat('p', 0);
      await other.bury('p');
      expect(await book.deadProcesses()).toEqual([]);
      expect([...(await book.head()).lanes].sort()).toEqual([LANE, lanes[1]].sort());
    });

    it('gives a turn to one at a time', async () => {
      const turns = Array.from({ length: 10 }, (_, n) => (n % 2 ? book : other).turn('sweep', 60_000));
      expect((await Promise.all(turns)).filter(Boolean)).toHaveLength(1);
      expect(await book.turn('other', 20)).toBe(true);
      while (!(await other.turn('other', 20)));
    });
  });
}
