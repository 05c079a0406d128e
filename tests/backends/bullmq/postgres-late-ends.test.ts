import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { BookedEnd, FleetBook } from '../../../src/backends/bullmq/book/book.js';
import { postgresForTests } from '../../servers/postgres.js';
import { until } from '../../until.js';
import { ownSchema, type OwnSchema } from './own-schema.js';

const postgres = await postgresForTests();
/** Statements on our tables that wait for a lock. */
const WAITING = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'`;
const LANE = 'default|run|t|';
const END: BookedEnd = {
  ...{ jobId: 'job1', lane: LANE, id: 'r', status: 'cancelled', finishedAt: 1_000, text: '{}', keyName: null },
  ...{ held: false, onlyIfCancelled: true },
};

postgres.describe('an end on PostgreSQL that counts only where the run was cancelled', () => {
  let schema: OwnSchema;
  let book: FleetBook;

  beforeEach(async () => {
    schema = ownSchema(postgres.url);
    book = schema.book();
    await book.open();
    await book.requestCancel(LANE, 'job1', { by: 'caller', reason: null, at: 900 });
  });
  afterEach(() => schema.drop());

  it.each([
    ['the note stays', 3],
    ['the note goes with it', 0],
  ])('does not where the cancel is just being let go, and %s', async (_what, delivery) => {
    await schema.query('UPDATE @notes SET delivery = $1', [delivery]);
    let ended: Promise<boolean> | undefined;
    await schema.transaction(async (query) => {
      await query(`SELECT @drop_cancel('job1')`);
      ended = book.end(END);
      await until(async () => (await schema.query(WAITING, [schema.name])).length === 1);
    });
    expect(await ended).toBe(false);
    expect((await book.notesOf(['job1']))[0]?.end ?? null).toBeNull();
  });

  it('does where the cancel is there, and is not let go any more', async () => {
    expect(await book.end(END)).toBe(true);
    await book.dropCancel(LANE, 'job1');
    expect((await book.notesOf(['job1']))[0]).toMatchObject({ end: '{}', cancel: { at: 900 } });
  });
});
