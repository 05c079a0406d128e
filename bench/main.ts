import { parseArgs } from 'node:util';
import { machine } from './machine.js';
import { measureRow, type Result } from './result.js';
import { batchRows } from './rows/batch.js';
import { celeryRows } from './rows/celery.js';
import { childRows } from './rows/children.js';
import { fleetRows } from './rows/fleet.js';
import { httpRows } from './rows/http.js';
import { importRows } from './rows/import.js';
import { runRows } from './rows/runs.js';
import { sqliteRows } from './rows/sqlite.js';
import { threadRows } from './rows/threads.js';
import { table } from './table.js';

/**
 * `npm run bench` measures every row, `npm run bench -- <name>…` those whose names begin so, `--quick` measures little
 * and fast. Each row says beside its definition how it is measured. Nothing here is a test: a row that is not met does
 * not fail.
 */
const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false } },
  allowPositionals: true,
});

const all = [
  ...[runRows, childRows, batchRows, httpRows, importRows],
  ...[sqliteRows, fleetRows, celeryRows, threadRows],
].flat();
const chosen =
  positionals.length === 0 ? all : all.filter(({ name }) => positionals.some((start) => name.startsWith(start)));
if (chosen.length === 0) {
  console.error(`There is no such row. Rows: ${all.map(({ name }) => name).join(' ')}`);
  process.exit(2);
}

const results: Result[] = [];
for (const row of chosen) {
  process.stderr.write(`${row.name} … `);
  const missing = await row.missing?.();
  if (missing !== undefined) {
    process.stderr.write(`left out: ${missing}\n`);
    continue;
  }
  const result = await measureRow(row, { quick: values.quick });
  process.stderr.write(`${result.own.median.toPrecision(3)} ${row.unit}\n`);
  results.push(result);
}
console.log(`\n${table(results)}\n\n${machine()}${values.quick ? '\nQuick: too few items to judge by.' : ''}`);
