import Database from 'libsql';
import { emptyFile } from './sqlite-file.js';

// node sqlite-fill.js <file> <finished runs>
const [file = '', count] = [process.argv[2], Number(process.argv[3])];

await emptyFile(file);
const database = new Database(file);
database.exec('PRAGMA synchronous = OFF; BEGIN');
database
  .prepare(
    `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
     INSERT INTO runs (ordinal, id, kind, task, queue, priority, max_attempts, created_at, status, attempt, version,
       updated_at, started_at, finished_at, result)
     SELECT n, 'r-' || n, 'run', 'small', 'default', 0, 1, ?2, 'completed', 1, 3, ?2, ?2, ?2, '{"row":' || n || '}'
     FROM numbers`,
  )
  .run([count, Date.now()]);
database.exec('COMMIT');
database.close();
console.log(JSON.stringify({ runs: count }));
