import { beforeEach, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { ownPostgres, ownRedis } from '../servers/own-server.js';
import { temporaryFolders } from '../temporary-folder.js';
import { allRuns, Fleet, statusOf, within } from './fleet.js';
import { programs, type ServerProgram } from './program.js';
import { cancel, eventsOf, finished, look, startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();

for (const server of [ownRedis(), ownPostgres()]) {
  server.describe(`on ${server.name}, two API processes and two workers`, () => {
    let fleet: Fleet;
    let folder: string;
    let front: ServerProgram;
    let other: ServerProgram;

    beforeEach(async () => {
      folder = await makeFolder();
      fleet = await Fleet.at(start, { cwd: folder, url: await server.empty() });
      [front, other] = await Promise.all([fleet.api(), fleet.api(), fleet.worker(), fleet.worker()]);
    }, 60_000);

    it('a run that one has started is watched on the other, and cancelled from a third', async () => {
      const third = await fleet.api();
      const run = await startRun(front, { task: 'report', input: { steps: 1_000 } });
      const watched = await fetch(other.url + run.links.events);
      await within(5_000, async () => ((await look(third, run)).progress?.done ?? 0) > 2);
      expect(await cancel(third, run, 'seen enough')).toMatchObject({
        status: 'cancelled',
        cancelReason: 'seen enough',
      });
      const seen: string[] = [];
      for await (const { event, data } of eventsOf(watched)) seen.push(`${event} ${data.status ?? ''}`.trim());
      expect(seen).toEqual(expect.arrayContaining(['progress running', 'status cancelling']));
      expect(seen.at(-1)).toBe('done cancelled');
      expect((await fleet.told(run.id)).map(({ what }) => what)).toEqual(['began', 'aborted RUN_CANCELLED']);
    });

    it('whoever waits for a run of another is told as soon as it ends', async () => {
      const runs = await Promise.all([1, 2, 3, 4].map(() => startRun(front, { task: 'report', input: { steps: 5 } })));
      const ended = await Promise.all(runs.map((run) => finished(other, run)));
      expect(ended.map(({ status }) => status)).toEqual(Array(4).fill('completed'));
      for (const { finishedAt } of ended) expect(Date.now() - Date.parse(finishedAt ?? '')).toBeLessThan(2_000);
    });

    it('a key stands for one run, whichever of them is asked', async () => {
      const send = async ({ url }: ServerProgram): Promise<string> => {
        const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': 'once' };
        const body = JSON.stringify({ task: 'report', input: { steps: 1 } });
        const answer = await fetch(`${url}/process`, { method: 'POST', headers, body });
        const { id } = (await answer.json()) as RunResource;
        return `${id} ${answer.headers.get('idempotency-replayed') ?? 'new'}`;
      };
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(n % 2 === 0 ? front : other)));
      const [run] = await allRuns(front);
      expect(answers.sort()).toEqual([`${run?.id ?? ''} new`, ...Array<string>(19).fill(`${run?.id ?? ''} true`)]);
      expect(await allRuns(other)).toHaveLength(1);
    });

    it('all show the same runs, the newest first', async () => {
      const started: RunResource[] = [];
      for (let n = 0; n < 20; n += 1)
        started.push(await startRun(n % 2 === 0 ? front : other, { task: 'report', input: { steps: 1 } }));
      const delayed = await startRun(other, { task: 'report', delayMs: 60_000 });
      await Promise.all(started.map((run) => finished(front, run)));
      const ids = [delayed, ...started.toReversed()].map(({ id }) => id);
      for (const api of [front, other]) {
        const runs = await allRuns(api);
        expect(runs.map(({ id }) => id)).toEqual(ids);
        expect(runs.map(({ status }) => status)).toEqual(['scheduled', ...Array<string>(20).fill('completed')]);
      }
      const pids = new Set((await fleet.told()).map(({ pid }) => pid));
      expect([...pids].every((pid) => pid !== front.pid && pid !== other.pid)).toBe(true);
    });

    it('a run whose task no worker knows waits, and is seen, until one knows it', async () => {
      const source = `import { defineTask } from 'errand';
        export const rare = defineTask({ name: 'rare', handler: () => 'done at last' });`;
      await writeFile(join(folder, 'rare.mjs'), source);
      const knowing = await fleet.api({ tasks: ['rare.mjs'] });
      const rare = await startRun(knowing, { task: 'rare' });
      const known = await startRun(front, { task: 'report', input: { steps: 1 } });
      expect(await finished(front, known)).toMatchObject({ status: 'completed' });
      expect(await look(front, rare)).toMatchObject({ status: 'queued', task: 'rare', attempt: 0 });
      expect((await allRuns(other)).map(({ id }) => id)).toEqual([known.id, rare.id]);
      await fleet.worker({ tasks: ['rare.mjs'] });
      expect(await finished(other, rare)).toMatchObject({ status: 'completed', result: 'done at last' });
    });

    it('none answers for long when it is told to end', async () => {
      expect(await statusOf(front, '/readyz')).toBe(200);
      front.kill('SIGTERM');
      expect(await front.ended).toMatchObject({ code: 0 });
      expect(front.stderr).not.toContain('kept the process up');
    });
  });
}
