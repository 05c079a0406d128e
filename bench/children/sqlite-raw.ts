import Database from 'libsql';

const COLUMNS = `ordinal, id, kind, task, queue, priority, max_attempts, created_at, input,
  status, attempt, version, updated_at, started_at, finished_at, result, progress, rare`;
const STATE = `status = ?, attempt = ?, version = ?, updated_at = ?, started_at = ?, finished_at = ?, result = ?, progress = ?,
  rare = ?`;

/** The driver alone, with the statements that Errand gives it for plain runs, and its settings. */
export class RawRuns {
  readonly #database: Database.Database;
  readonly #insert: Database.Statement;
  readonly #update: Database.Statement;

  constructor(file: string) {
    this.#database = new Database(file);
    this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    this.#insert = this.#database.prepare(`INSERT INTO runs (${COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`);
    this.#update = this.#database.prepare(
      `UPDATE runs SET ${STATE}, input = CASE WHEN ? THEN input END WHERE ordinal = ?`,
    );
  }

  group(work: () => void): void {
    this.#database.exec('BEGIN');
    work();
    this.#database.exec('COMMIT');
  }

  accept(ordinal: number): void {
    const now = Date.now();
    const id = `01jd8k3v9q-${String(ordinal).padStart(14, '0')}`;
    const input = JSON.stringify({ row: ordinal });
    const made = [ordinal, id, 'run', 'small', 'default', 0, 1, now, input];
    this.#insert.run([...made, 'queued', 0, 1, now, null, null, null, null, null]);
  }

  claim(ordinal: number): void {
    const now = Date.now();
    this.#update.run(['running', 1, 2, now, now, null, null, null, null, 1, ordinal]);
  }

  complete(ordinal: number): void {
    const now = Date.now();
    const result = JSON.stringify({ row: ordinal });
    this.#update.run(['completed', 1, 3, now, now, now, result, null, null, 0, ordinal]);
  }
}
