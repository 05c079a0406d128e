import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import type { Claim, FleetBook, Place } from '../../../src/backends/bullmq/book/book.js';
import { MIGRATIONS } from '../../../src/backends/bullmq/postgres/postgres-migrations.js';
import { postgresForTests } from '../../servers/postgres.js';
import { until } from '../../until.js';
import { bookContract } from './book-contract.js';
import { ENDED, LIVE, OVER } from '../../../src/backends/bullmq/postgres/postgres-note-functions.js';
import { ownSchema, type OwnSchema } from './own-schema.js';

const postgres = await postgresForTests();

postgres.describe('the book on PostgreSQL', () => {
  bookContract(async () => {
    const own = ownSchema(postgres.url);
    return { book: own.book(), other: own.book(), dispose: () => own.drop() };
  });

  /** Statements on our tables that wait for a lock. */
  const WAITING = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'`;
  const LANE = 'default|run|t|';
  let schema: OwnSchema;

  beforeEach(() => {
    schema = ownSchema(postgres.url);
  });

  afterEach(() => schema.drop());

  async function opened(): Promise<FleetBook> {
    const book = schema.book();
    await book.open();
    return book;
  }

  function placeOf(ordinal: number, lane = LANE): Place {
    return { jobId: `job${ordinal}`, lane, ordinal, versionBase: 0, since: 1_000.5 };
  }

  function claimOf(id: string, more: Partial<Claim> = {}): Claim {
    const place = { jobId: `job of ${id}`, lane: LANE, ordinal: 1, versionBase: 0, since: 1_000 };
    const nothing = { replaces: null, key: null, job: null, schedule: null, redrives: null, expiresAt: null };
    return { id, place, ...nothing, ...more };
  }

  describe('the tables', () => {
    it('are made once, however many processes open them at once', async () => {
      const heads = await Promise.all(Array.from({ length: 8 }, () => schema.book().open()));
      expect(new Set(heads.map(({ storeId }) => storeId)).size).toBe(1);
      expect(await schema.query('SELECT version FROM @migrations')).toEqual(
        MIGRATIONS.map((_, index) => ({ version: index + 1 })),
      );
    });

    it('of a newer Errand are refused', async () => {
      await opened();
      await schema.query('INSERT INTO @migrations VALUES (99)');
      await expect(schema.book().open()).rejects.toMatchObject({
        code: 'BACKEND',
        message: expect.stringContaining('newer Errand') as unknown,
      });
    });

    it('are not made by halves', async () => {
      await schema.query('CREATE SCHEMA ' + schema.name);
      await schema.query('CREATE TABLE @turns (somebody_elses text)');
      await expect(schema.book().open()).rejects.toThrow('turns');
      const tables = await schema.query('SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace', [
        schema.name,
      ]);
      expect(tables).toEqual([{ relname: 'turns' }]);
    });
  });

  describe('places', () => {
    it('of one turn are one statement', async () => {
      const book = await opened();
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          book.place({ id: `run${index}`, place: placeOf(index) }, index === 7 ? 5_000 : null),
        ),
      );
      const written = await schema.query(
        'SELECT count(DISTINCT xmin::text)::int AS writes, count(*)::int FROM @places',
      );
      expect(written).toEqual([{ writes: 1, count: 100 }]);
      expect(await book.placesOf(['run3', 'none'])).toEqual([placeOf(3), undefined]);
      expect(await book.expired(5_000, 10)).toEqual([{ lane: LANE, jobId: 'job7' }]);
    });

    it('with one ordinal are on one page', async () => {
      const book = await opened();
      const ordinals = [5, 4, 4, 4, 3];
      await Promise.all(
        ordinals.map((ordinal, index) =>
          book.place({ id: `run${index}`, place: { ...placeOf(ordinal), jobId: `j${index}` } }, null),
        ),
      );
      const first = await book.page(Infinity, 2);
      expect(first.map(({ place }) => place.ordinal)).toEqual([5, 4, 4, 4]);
      const second = await book.page(4, 2);
      expect(second.map(({ id }) => id)).toEqual(['run4']);
    });

    it('are found by an index, whatever is asked', async () => {
      const book = await opened();
      await schema.query(
        `INSERT INTO @places SELECT 'r' || n, n, 0, 0, 'r' || n, '${LANE}' FROM generate_series(1, 20000) n`,
      );
      await schema.query('ANALYZE @places');
      const asked = [
        `ordinal < 9e99 ORDER BY ordinal DESC FETCH FIRST 10 ROWS WITH TIES`,
        `split_part(lane, '|', 2) = 'import' AND split_part(lane, '|', 2) <> 'run' ORDER BY ordinal DESC`,
        `id = ANY (ARRAY['r1', 'r2'])`,
      ];
      for (const which of asked) {
        const plan = await schema.query(`EXPLAIN SELECT * FROM @places WHERE ${which}`);
        expect(JSON.stringify(plan)).toMatch(/Index (Only )?Scan/);
        expect(JSON.stringify(plan)).not.toMatch(/Seq Scan/);
      }
      expect(await book.ofKind('import')).toEqual([]);
    });
  });

  describe('children', () => {
    it("are found by an index, and runs that are nobody's are not in it", async () => {
      const book = await opened();
      await schema.query(
        `INSERT INTO @places SELECT 'r' || n, n, 0, 0, 'r' || n, '${LANE}', CASE WHEN n % 10 = 0 THEN 'p' || n / 100 END,
          CASE WHEN n % 10 = 0 THEN 7 END FROM generate_series(1, 20000) n`,
      );
      await schema.query('VACUUM ANALYZE @places');
      const plan = await schema.query(`EXPLAIN SELECT * FROM @places p WHERE parent_id = 'p3' AND parent_ordinal = 7`);
      expect(JSON.stringify(plan)).toContain('places_parent');
      expect(await book.childrenOf({ id: 'p3', ordinal: 7 }, 'unended')).toHaveLength(10);
    });
  });

  describe('notes', () => {
    it('are found by an index, whatever is asked', async () => {
      await opened();
      await schema.query(
        `INSERT INTO @notes (job_id, lane, id, delivery, end_status, finished_at, gone, cancel_text)
      SELECT 'j' || n, '${LANE}', 'r' || n, 1, CASE WHEN n % 2 = 0 THEN 'failed' END, n, true,
        CASE WHEN n % 1000 = 1 THEN '{}' END
      FROM generate_series(1, 20000) n`,
      );
      await schema.query('VACUUM ANALYZE @notes');
      const asked = {
        notes_live: `SELECT count(*) FROM @notes WHERE lane = ANY (ARRAY['${LANE}']) AND ${LIVE} GROUP BY lane`,
        notes_over: `SELECT count(*)::int FROM @notes WHERE lane = '${LANE}' AND ${OVER}`,
        notes_ended: `SELECT id FROM @notes n WHERE lane = '${LANE}' AND end_status = 'failed' AND ${ENDED} AND NOT at_work
        ORDER BY finished_at LIMIT 5`,
      };
      for (const [index, statement] of Object.entries(asked)) {
        expect(JSON.stringify(await schema.query(`EXPLAIN ${statement}`))).toContain(`${index} on notes`);
      }
    });
  });

  describe('keys', () => {
    const key = (name: string, maxKeys: number) => ({ name, fingerprint: 'f', at: 1_000, keepMs: 500, maxKeys });

    it('are counted only when there may be too many, and then one in a hundred goes', async () => {
      const book = await opened();
      for (let n = 0; n < 300; n++) {
        const claim = claimOf(`run${n}`, { key: key(`k${n}`, 300) });
        expect(await book.claim(claim)).toMatchObject({ type: 'claimed' });
      }
      expect(await book.claim(claimOf('more', { key: key('more', 300) }))).toEqual({ type: 'no room for keys' });
      for (const n of [5, 3, 4, 6, 7]) {
        const end = { jobId: `job of run${n}`, id: `run${n}`, lane: LANE, held: false, text: '{}' } as const;
        expect(await book.end({ ...end, status: 'failed', finishedAt: 1_100 + n, keyName: `k${n}` })).toBe(true);
      }
      expect(await book.claim(claimOf('more', { key: key('more', 300) }))).toMatchObject({ type: 'claimed' });
      expect(await book.haveKeys(['run3', 'run4', 'run5', 'run6', 'more'])).toEqual([false, false, false, true, true]);
      await book.claim(claimOf('b', { key: key('b', 300) }));
      await book.claim(claimOf('c', { key: key('c', 300) }));
      expect(await schema.query('SELECT count(*)::int FROM @keys')).toEqual([{ count: 300 }]);
    });

    it('of many claims at once leave as many as there may be', async () => {
      const [book, other] = [await opened(), schema.book()];
      const claims = await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          (n % 2 ? book : other).claim(claimOf(`run${n}`, { key: key(`k${n}`, 10) })),
        ),
      );
      const count = Number((await schema.query('SELECT count(*)::int AS n FROM @keys'))[0]?.['n']);
      expect(claims.filter((claim) => claim.type === 'claimed')).toHaveLength(count);
      // Those that are being made by others are not counted: at most one for each connection.
      expect(count).toBeGreaterThanOrEqual(10);
      expect(count).toBeLessThanOrEqual(18);
    });
  });

  describe('a text', () => {
    it('may say anything that JSON can', async () => {
      const book = await opened();
      const odd = '\u0000 \ud800 "\\ \u2028 𝄞';
      const next = { id: 's', version: 2, settings: { input: JSON.stringify(odd) } };
      await book.saveSchedule(next as never, null);
      expect(await book.schedules()).toEqual([next]);
      expect(await book.requestCancel(LANE, 'j', { reason: odd, by: 'me', at: 1 })).toEqual({
        reason: odd,
        by: 'me',
        at: 1,
      });
      const [note] = await book.notesOf(['j']);
      expect(note?.cancel?.reason).toBe(odd);
    });
  });

  describe('two transactions that wait for one another', () => {
    it('are both done: ours is tried again', async () => {
      const book = await opened();
      await book.place({ id: 'r', place: placeOf(1) }, null);
      await book.retryAt(LANE, 'job1', 1, 5);
      let forgotten: Promise<void> | undefined;
      await schema.transaction(async (query) => {
        await query('UPDATE @notes SET delivery = 1');
        forgotten = book.forget([{ id: 'r', jobId: 'job1', lane: LANE }]);
        await until(async () => (await schema.query(WAITING, [schema.name])).length === 1);
        // It has waited for longer, so it is the one that the server ends when it finds out.
        await query('UPDATE @places SET ordinal = 2');
      });
      await forgotten;
      expect(await book.placesOf(['r'])).toEqual([undefined]);
      expect(await book.notesOf(['job1'])).toEqual([undefined]);
    });
  });

  describe('lanes of ad-hoc functions', () => {
    const lane = 'default|run||p%1';

    it('go with the last run of a process that is gone', async () => {
      const book = await opened();
      await book.beat('p:1', 10);
      await Promise.all([
        book.addLane(lane),
        book.addLane(LANE),
        book.place({ id: 'r', place: placeOf(1, lane) }, null),
      ]);
      await book.bury('p:1');
      expect((await book.head()).lanes).toEqual([LANE, lane]);
      await book.forget([{ id: 'r', jobId: 'job1', lane }]);
      expect((await book.head()).lanes).toEqual([LANE]);
    });

    it('stay while their process is there', async () => {
      const book = await opened();
      await book.beat('p:1', 10);
      await Promise.all([book.addLane(lane), book.place({ id: 'r', place: placeOf(1, lane) }, null)]);
      await book.forget([{ id: 'r', jobId: 'job1', lane }]);
      expect((await book.head()).lanes).toEqual([lane]);
    });
  });
});
