import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Place } from '../../../src/backends/bullmq/book/book.js';
import { FleetRun } from '../../../src/backends/bullmq/runs/fleet-run.js';
import { jobIdOf } from '../../../src/backends/bullmq/runs/job-id.js';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import type { StoredRun } from '../../../src/ports/backend.js';
import type { RunEvent } from '../../../src/task/run-event.js';
import { EVERY_RUN, newRun, REQUEST } from '../../../src/testing/contract/samples.js';
import { until } from '../../until.js';
import { fleetGrounds } from './fleet-ground.js';
import { Fleet } from './fleet.js';

const grounds = await fleetGrounds();
const LANE = laneNameOf({ queue: 'default', kind: 'run', task: 'task', process: null });

let fleet: Fleet;
afterEach(() => fleet.close());

const bookOf = async () => {
  const { book } = await fleet.server();
  await book.open();
  return book;
};

async function jobIdsIn(state: 'prioritized' | 'completed', lane = LANE): Promise<readonly string[]> {
  const server = await fleet.server();
  // What its type says of its answer is not so.
  const ranges: readonly (readonly string[])[] = await server.queue(lane).jobs.getRanges([state], 0, -1, true);
  return ranges.flat();
}

async function claim(id: string, place: Pick<Place, 'jobId' | 'since'>, job: string | null = null): Promise<void> {
  const nothing = { replaces: null, key: null, schedule: null, redrives: null, expiresAt: null };
  const whole = { ...place, lane: LANE, ordinal: place.since, versionBase: 0 };
  await (await bookOf()).claim({ id, place: whole, job, ...nothing });
}

function fleetRun(run: StoredRun): FleetRun {
  if (run instanceof FleetRun) return run;
  throw new Error(`run ${run.id} is of another backend`);
}

const idsOf = (runs: readonly StoredRun[]) => runs.map(({ id }) => id);

describe.each(grounds)('on $name', (ground) => {
  beforeEach(() => {
    fleet = new Fleet(ground);
  });

  ground.describe('two processes of a fleet', () => {
    it('see the same runs', async () => {
      const [a, b] = [await fleet.join(), await fleet.join()];
      const { run } = await a.backend.accept(newRun('x'), 'error');
      await a.backend.accept({ ...newRun('made'), idIsNew: true, delayMs: 60_000 }, 'error');
      expect((await b.backend.find('x'))?.snapshot()).toEqual(run.snapshot());
      expect((await b.backend.list(EVERY_RUN)).items.map(({ id }) => id)).toEqual(['made', 'x']);
      expect(await b.backend.counts()).toEqual([
        { task: 'task', counts: expect.objectContaining({ queued: 1, scheduled: 1 }) },
      ]);
      await expect(b.backend.accept(newRun('x'), 'error')).rejects.toMatchObject({ code: 'RUN_CONFLICT' });
      expect((await b.backend.accept(newRun('x'), 'return')).replayed).toBe(true);
    });

    it('start one run of an id, or a key, that both start at once', async () => {
      const [a, b] = [await fleet.join(), await fleet.join()];
      const starts = [a, b, a, b].map(async ({ backend }) => backend.accept(newRun('x'), 'return'));
      const accepted = await Promise.all(starts);
      expect(accepted.filter((each) => !each.replayed)).toHaveLength(1);
      const idempotency = { key: 'k', fingerprint: 'f' };
      const keyed = [a, b, a, b].map(async ({ backend }, at) =>
        backend.accept({ ...newRun(`keyed-${at}`), idempotency }, 'error'),
      );
      expect(new Set((await Promise.all(keyed)).map((each) => each.run.id)).size).toBe(1);
    });

    it('cancel what the other holds, and hear how it ends', async () => {
      const [a, b] = [await fleet.join(), await fleet.join()];
      const events: RunEvent[] = [];
      b.work();
      const { run } = await a.backend.accept(newRun('x'), 'error');
      await until(() => b.deliveries.length === 1);
      a.backend.subscribe(fleetRun(run), (event) => events.push(event));
      const ended = new Promise<string>((resolve) =>
        a.backend.watch(fleetRun(run), 'final', ({ status }) => resolve(status)),
      );
      expect((await a.backend.cancel('x', REQUEST))?.status).toBe('cancelling');
      await until(() => b.deliveries[0]?.cancels.length === 1);
      expect(events.map(({ type }) => type)).toContain('run:cancelling');
      await b.deliveries[0]?.complete(5);
      expect(await ended).toBe('cancelled');
      expect((await a.backend.find('x'))?.snapshot().result).toBe(5);
      expect(idsOf(b.settled)).toEqual(['x']);
    });

    it('never begin a waiting run that the other has cancelled, however close the two come', async () => {
      const [a, b] = [await fleet.join(), await fleet.join()];
      b.work();
      const ids = Array.from({ length: 60 }, (_, n) => `r${n}`);
      const asked = await Promise.all(
        ids.map(async (id) => {
          await a.backend.accept(newRun(id), 'error');
          return { id, status: (await a.backend.cancel(id, REQUEST))?.status };
        }),
      );
      const taken = new Set(b.deliveries.map(({ run }) => run.id));
      // One that was just being taken is told to be cancelling, and then not begun either.
      const begun = asked.filter(({ id, status }) => status === 'cancelled' && taken.has(id));
      expect(begun).toEqual([]);
      const left = ids.filter((id) => !taken.has(id));
      await until(async () =>
        (await Promise.all(left.map((id) => a.status(id)))).every((each) => each === 'cancelled'),
      );
    });
  });

  ground.describe('what a process of a fleet leaves half done', () => {
    it('is a cancel that was kept: another one ends the run', async () => {
      const [a, b] = [await fleet.join(), await fleet.join()];
      const { run } = await a.backend.accept(newRun('x'), 'error');
      const { jobId } = fleetRun(run).origin;
      await (await bookOf()).requestCancel(LANE, jobId, { ...REQUEST, at: Date.now() });
      // Until then it has not ended for anybody.
      const seen = new Set<string | undefined>();
      await until(async () => seen.add(await b.status('x')).has('cancelled'));
      expect([...seen].filter((status) => status !== 'queued')).toEqual(['cancelled']);
      await until(async () => (await jobIdsIn('prioritized')).length === 0);
      expect([a.settled.length + b.settled.length, await b.status('x')]).toEqual([1, 'cancelled']);
    });

    it('is a claim without its job: the id is free after ten seconds, and a younger one is waited for', async () => {
      const { backend } = await fleet.join();
      const jobOf = (id: string, since: number) => ({ jobId: jobIdOf({ id, idIsNew: false }, since), since });
      await claim('old', jobOf('old', Date.now() - 11_000));
      expect((await backend.accept(newRun('old'), 'error')).replayed).toBe(false);
      await claim('young', jobOf('young', Date.now()));
      await expect(backend.accept(newRun('young'), 'error')).rejects.toMatchObject({ code: 'RUN_CONFLICT' });
    });

    it('is a job that was claimed and not added: another one adds it', async () => {
      const a = await fleet.join();
      await a.backend.accept(newRun('first'), 'error');
      const { jobs } = (await fleet.server()).queue(LANE);
      const [first = ''] = await jobIdsIn('prioritized');
      const data = (await jobs.getJobData(first))?.data;
      const job = JSON.stringify({ errand: 1, lane: LANE, jobId: 'made', data });
      await claim('made', { jobId: 'made', since: Date.now() - 6_000 }, job);
      const book = await bookOf();
      await until(async () => (await book.unadded(Date.now(), 10)).length === 0);
      expect(await jobIdsIn('prioritized')).toContain('made');
      expect(await a.status('made')).toBe('queued');
    });
  });

  ground.describe('retention on a fleet', () => {
    it('keeps a run for its key after its time, and nothing else of it than the book has', async () => {
      const a = await fleet.join({ retention: { keepResultMs: 100, keepKeyMs: 3_000 } });
      a.work();
      await a.backend.accept({ ...newRun('keyed'), idempotency: { key: 'k', fingerprint: 'f' } }, 'error');
      await a.backend.accept(newRun('plain'), 'error');
      await until(() => a.deliveries.length === 2);
      for (const delivery of a.deliveries) await delivery.complete(delivery.run.id);
      await until(() => idsOf(a.forgotten).includes('plain'));
      await until(async () => (await jobIdsIn('completed')).length === 0);
      expect(await a.backend.find('plain')).toBeUndefined();
      expect((await a.backend.find('keyed'))?.snapshot()).toMatchObject({ status: 'completed', result: 'keyed' });
      expect(idsOf(a.forgotten)).toEqual(['plain']);
      await until(() => idsOf(a.forgotten).includes('keyed'));
      expect(await a.backend.find('keyed')).toBeUndefined();
      expect((await a.backend.list(EVERY_RUN)).items).toEqual([]);
    });

    it('removes the oldest of the whole fleet where there are too many, of whichever task', async () => {
      const a = await fleet.join({ retention: { maxFinished: 2 } });
      a.work();
      for (const [n, task] of ['one', 'two', 'one', 'two', 'two'].entries()) {
        await a.backend.accept({ ...newRun(`r${n}`), task }, 'error');
        await until(() => a.deliveries.length === n + 1);
        await a.deliveries[n]?.complete(n);
      }
      await until(() => a.forgotten.length === 3);
      expect(idsOf(a.forgotten).sort()).toEqual(['r0', 'r1', 'r2']);
    });
  });
});
