import { describe, expect, it } from '@jest/globals';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { programs, startServer, type ServerProgram } from './program.js';
import { finished, importProducts, look, slowProducts, startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();

/** Half of the handles are missing. */
function rows(count: number): string {
  const lines = Array.from({ length: count }, (_, index) => `${index % 2 === 0 ? `mug-${index}` : ''},Mug,9.50`);
  return ['Handle,Title,Variant Price', ...lines, ''].join('\n');
}

async function kill(server: ServerProgram): Promise<void> {
  server.kill('SIGKILL');
  await server.ended;
}

describe('a server that is killed and started again', () => {
  it('finishes the import that was at work, with exact counts, and the failures of both', async () => {
    const cwd = await makeFolder();
    const tasks = await slowProducts(cwd);
    let server = await startServer(start, tasks, { cwd });
    const run = await importProducts(server, rows(2_000), 'slow-product');
    for (const from of [200, 800]) {
      await until(async () => ((await look(server, run)).progress?.done ?? 0) > from);
      expect((await look(server, run)).status).toBe('running');
      await kill(server);
      server = await startServer(start, tasks, { cwd });
      expect((await look(server, run)).progress?.done).toBeGreaterThanOrEqual(from);
    }
    expect(await finished(server, run)).toMatchObject({
      status: 'completed',
      result: { total: 2_000, succeeded: 1_000, failed: 1_000, cancelled: 0 },
    });
    const failures = await (await fetch(`${server.url}${run.links.self}/failures`)).text();
    const indexes = failures
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { index: number }).index);
    expect(indexes.sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, n) => 2 * n + 1));
  }, 60_000);

  it('has all that it had told of, and answers a key as before', async () => {
    const cwd = await makeFolder();
    let server = await startServer(start, ['--examples'], { cwd });
    const send = async (): Promise<Response> =>
      fetch(`${server.url}/process`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'once' },
        body: JSON.stringify({ task: 'slow-report', input: { steps: 1, stepMs: 1 } }),
      });
    const { id } = (await (await send()).json()) as { id: string };
    const later = await startRun(server, { task: 'slow-report', delayMs: 60_000 });
    await kill(server);
    server = await startServer(start, ['--examples'], { cwd });
    const again = await send();
    expect([again.headers.get('idempotency-replayed'), ((await again.json()) as { id: string }).id]).toEqual([
      'true',
      id,
    ]);
    expect((await look(server, later)).status).toBe('scheduled');
  });

  it('is refused its file while another one has it, and says who', async () => {
    const cwd = await makeFolder();
    const server = await startServer(start, ['--examples'], { cwd });
    const second = startServer(start, ['--examples'], { cwd });
    await expect(second).rejects.toThrow(new RegExp(`errand.db is in use by process ${server.pid} `));
  });

  it('keeps nothing where runs live in memory', async () => {
    const cwd = await makeFolder();
    const env = { ERRAND_BACKEND: 'memory' };
    let server = await startServer(start, ['--examples'], { cwd, env });
    const run = await startRun(server, { task: 'slow-report', delayMs: 60_000 });
    await kill(server);
    server = await startServer(start, ['--examples'], { cwd, env });
    expect((await fetch(server.url + run.links.self)).status).toBe(404);
  });
});
