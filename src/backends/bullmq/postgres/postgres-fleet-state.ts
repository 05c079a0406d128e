import type { StoredSchedule } from '../../../ports/schedules.js';
import type { BookHead } from '../book/book.js';
import type { PostgresTables } from './postgres-tables.js';

/** By the server's clock, in epoch ms. */
const NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::float8';

/** What belongs to no single run: lanes, pauses, schedules, and the processes of the fleet. */
export class PostgresFleetState {
  readonly #tables: PostgresTables;

  constructor(tables: PostgresTables) {
    this.#tables = tables;
  }

  async head(): Promise<BookHead> {
    const rows = await this.#tables.rows<BookHead>(
      'read what there is',
      `SELECT id AS "storeId", ARRAY(SELECT name FROM @lanes ORDER BY name)::text[] AS lanes,
        ARRAY(SELECT name FROM @paused_queues ORDER BY name)::text[] AS "pausedQueues"
      FROM @store`,
    );
    const [head] = rows;
    if (head === undefined) throw new Error('the table "store" has no row');
    return head;
  }

  async addLane(lane: string): Promise<void> {
    await this.#tables.rows('add a lane', 'INSERT INTO @lanes VALUES ($1) ON CONFLICT DO NOTHING', [lane]);
  }

  async pauseQueue(queue: string, paused: boolean): Promise<void> {
    if (paused) {
      await this.#tables.rows('pause a queue', 'INSERT INTO @paused_queues VALUES ($1) ON CONFLICT DO NOTHING', [
        queue,
      ]);
    } else {
      await this.#tables.rows('resume a queue', 'DELETE FROM @paused_queues WHERE name = $1', [queue]);
    }
  }

  async schedules(): Promise<readonly StoredSchedule[]> {
    const rows = await this.#tables.rows<{ text: string }>(
      'read schedules',
      'SELECT schedule_text AS text FROM @schedules ORDER BY id',
    );
    return rows.map(({ text }) => JSON.parse(text) as StoredSchedule);
  }

  async saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    const { id, version } = schedule;
    const text = JSON.stringify(schedule);
    const changed =
      expectedVersion === null
        ? await this.#tables.changed(
            'add a schedule',
            'INSERT INTO @schedules VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
            [id, version, text],
          )
        : await this.#tables.changed(
            'change a schedule',
            'UPDATE @schedules SET version = $2, schedule_text = $3 WHERE id = $1 AND version = $4',
            [id, version, text, expectedVersion],
          );
    return changed > 0;
  }

  async removeSchedule(id: string): Promise<boolean> {
    return (await this.#tables.changed('remove a schedule', 'DELETE FROM @schedules WHERE id = $1', [id])) > 0;
  }

  async beat(processId: string, forMs: number): Promise<void> {
    await this.#tables.rows(
      'say that this process is there',
      `INSERT INTO @processes VALUES ($1, ${NOW} + $2) ON CONFLICT (id) DO UPDATE SET until = excluded.until`,
      [processId, forMs],
    );
  }

  async deadProcesses(): Promise<readonly string[]> {
    const rows = await this.#tables.rows<{ id: string }>(
      'look for processes that are gone',
      `SELECT id FROM @processes WHERE until <= ${NOW} ORDER BY until`,
    );
    return rows.map(({ id }) => id);
  }

  async bury(processId: string): Promise<void> {
    await this.#tables.rows('forget a process', 'SELECT @bury($1)', [processId]);
  }

  /** By the server's clock, which is one for all. */
  async turn(name: string, forMs: number): Promise<boolean> {
    const changed = await this.#tables.changed(
      'take a turn',
      `INSERT INTO @turns AS t VALUES ($1, clock_timestamp() + make_interval(secs => $2::float8 / 1000))
      ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE t.until <= clock_timestamp()`,
      [name, forMs],
    );
    return changed > 0;
  }
}
