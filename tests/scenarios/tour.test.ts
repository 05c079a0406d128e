import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { programs, ROOT, startServer, type ServerProgram } from './program.js';
import { cancel, eventsOf, finished, importProducts, look, startRun, type SentEvent } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();
let server: ServerProgram;

beforeEach(async () => {
  server = await startServer(start, ['--examples'], { cwd: await makeFolder() });
});

/** Rows enough to be at work for seconds. */
function manyRows(count: number): string {
  const rows = Array.from({ length: count }, (_, index) => `mug-${index},Mug,9.50`);
  return ['Handle,Title,Variant Price', ...rows, ''].join('\n');
}

describe('a run', () => {
  it('is started, watched step by step and ends with its result', async () => {
    const run = await startRun(server, { task: 'slow-report', input: { steps: 5, stepMs: 150 } });
    const seen: SentEvent[] = [];
    for await (const event of eventsOf(await fetch(server.url + run.links.events))) seen.push(event);
    const counts = seen.flatMap(({ data }) => (data.progress ? [data.progress.done] : []));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBe(5);
    expect(seen[0]?.event).toBe('snapshot');
    expect(seen.at(-1)).toMatchObject({ event: 'done', data: { status: 'completed', result: { steps: 5 } } });
  });

  it('is cancelled in the middle, and its watcher is told', async () => {
    const run = await startRun(server, { task: 'slow-report', input: { steps: 1_000, stepMs: 20 } });
    const statuses: unknown[] = [];
    for await (const event of eventsOf(await fetch(server.url + run.links.events))) {
      statuses.push(event.data.status);
      if (event.data.status === 'running' && (event.data.progress?.done ?? 0) >= 5) {
        await cancel(server, run, 'seen enough');
      }
    }
    expect(statuses.slice(-2)).toEqual(['cancelling', 'cancelled']);
    expect(await look(server, run)).toMatchObject({ status: 'cancelled', cancelReason: 'seen enough', result: null });
  });

  it('goes on when the client that started and watched it leaves', async () => {
    const run = await startRun(server, { task: 'slow-report', input: { steps: 8, stepMs: 100 } });
    const leaving = new AbortController();
    const events = eventsOf(await fetch(server.url + run.links.events, { signal: leaving.signal }));
    await events.next();
    leaving.abort();
    await expect(events.next()).rejects.toMatchObject({ name: 'AbortError' });
    expect(await finished(server, run)).toMatchObject({ status: 'completed', progress: { done: 8, total: 8 } });
  });
});

describe('an import', () => {
  it('of the sample ends with exact counts, and names the lines that failed', async () => {
    const sample = await readFile(join(ROOT, 'src/examples/data/products.csv'));
    const run = await finished(server, await importProducts(server, new Uint8Array(sample)));
    expect(run).toMatchObject({
      kind: 'import',
      status: 'completed',
      progress: { done: 57, total: 57 },
      result: { total: 57, succeeded: 55, failed: 2, cancelled: 0 },
    });
    const failures = await (await fetch(`${server.url}${run.links.self}/failures`)).text();
    const lines = failures
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(lines).toMatchObject([
      { index: 21, line: 30, item: { Title: 'Walnut Shelf Bracket' }, error: { code: 'INPUT_INVALID' }, attempts: 1 },
      { index: 37, line: 52, item: { 'Variant Price': 'on request' }, error: { code: 'INPUT_INVALID' }, attempts: 1 },
    ]);
  });

  it('is cancelled half-way with counts that add up', async () => {
    const total = 200_000;
    const run = await importProducts(server, manyRows(total));
    await until(async () => ((await look(server, run)).progress?.done ?? 0) > 1_000);
    const cancelled = await cancel(server, run, 'wrong file');
    const result = cancelled.result as { total: number; succeeded: number; failed: number; cancelled: number };
    expect(cancelled).toMatchObject({ status: 'cancelled', cancelReason: 'wrong file', abandoned: false });
    expect(result).toMatchObject({ total, failed: 0 });
    expect(result.succeeded).toBeGreaterThan(1_000);
    expect(result.cancelled).toBeGreaterThan(0);
    expect(result.succeeded + result.cancelled).toBe(total);
    expect(cancelled.progress).toMatchObject({ done: result.succeeded, total });
  });

  it('goes on when the client that sent it has left', async () => {
    const run = await importProducts(server, manyRows(2_000));
    expect(await finished(server, run)).toMatchObject({
      status: 'completed',
      result: { total: 2_000, succeeded: 2_000 },
    });
  });
});
