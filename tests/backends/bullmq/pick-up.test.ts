import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { FleetLane } from '../../../src/backends/bullmq/delivering/fleet-lane.js';
import { JobMoves } from '../../../src/backends/bullmq/delivering/job-moves.js';
import { Leases } from '../../../src/backends/bullmq/delivering/leases.js';
import { readNext } from '../../../src/backends/bullmq/delivering/next-job.js';
import { PickUp } from '../../../src/backends/bullmq/delivering/pick-up.js';
import { RunEnds } from '../../../src/backends/bullmq/delivering/run-ends.js';
import { Settling } from '../../../src/backends/bullmq/delivering/settling.js';
import type { FleetBook } from '../../../src/backends/bullmq/book/book.js';
import type { TakenJob } from '../../../src/backends/bullmq/delivering/delivery.js';
import { FleetRun } from '../../../src/backends/bullmq/runs/fleet-run.js';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import type { FleetServer } from '../../../src/backends/bullmq/server/fleet-server.js';
import type { BackendEnvironment, WorkOptions } from '../../../src/ports/backend.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { endOf } from './book-samples.js';
import { fleetGrounds } from './fleet-ground.js';
import { Fleet } from './fleet.js';

const grounds = await fleetGrounds();
const LANE = laneNameOf({ queue: 'default', kind: 'run', task: 'task', process: null });
const LOCK_MS = 15_000;
const NOBODY = () => undefined;

let fleet: Fleet;
afterEach(() => fleet.close());

/** Who decides about jobs that were taken by hand, in a process that does nothing else. */
function pickUpOf(server: FleetServer): PickUp {
  const clock = systemClock;
  const retention = { keepResultMs: 1, maxFinished: 1, keepFailedMs: 1, maxFailed: 1, keepKeyMs: 1, maxKeys: 1 };
  const observer = { settled: NOBODY, forgotten: NOBODY, cancelledLate: NOBODY };
  const environment: BackendEnvironment = { clock, logger: undefined, queueLimit: 1, retention, observer };
  const teller = { tell: NOBODY, ended: NOBODY, freed: NOBODY };
  const moves = new JobMoves({ server, clock });
  const parts = {
    server,
    environment,
    moves,
    leases: new Leases({ server, clock, lockMs: LOCK_MS, renewed: () => undefined }),
    lending: { settle: () => undefined },
    teller,
  };
  const ends = new RunEnds(parts);
  const next = { wanted: () => Promise.resolve(false), came: NOBODY };
  return new PickUp({ ...parts, ends, settling: new Settling({ ...parts, ends, next }) });
}

/**
 * The run `x`, accepted, and its job, taken by a process that has not begun it yet.
 *
 * @param meanwhile happens while it waits.
 */
async function taken(
  meanwhile: (book: FleetBook, jobId: string) => Promise<unknown> = () => Promise.resolve(),
): Promise<{ server: FleetServer; job: TakenJob }> {
  const server = await fleet.server();
  await server.book.open();
  const { run } = await (await fleet.join()).accept('x');
  assert(run instanceof FleetRun);
  await meanwhile(server.book, run.origin.jobId);
  const lane = new FleetLane(server, LANE);
  const token = 'taken-by-hand';
  const { moved, ...told } = await lane.take(() => lane.queue.jobs.moveToActive(token));
  const { job } = readNext(moved);
  assert(job);
  return { server, job: { lane, token, job, ...told } };
}

/** The runs that are begun when that process goes on. */
async function begunOf(server: FleetServer, job: TakenJob): Promise<readonly string[]> {
  const begun: string[] = [];
  const options: WorkOptions = {
    freeSlots: () => 1,
    take: (run) => ({ begin: () => void begun.push(run.id), cancel: NOBODY, lost: NOBODY }),
  };
  await pickUpOf(server).pickUp(job, () => options);
  return begun;
}

const statusNow = async () => (await fleet.join()).status('x');

describe.each(grounds)('on $name', (ground) => {
  beforeEach(() => {
    fleet = new Fleet(ground);
  });

  ground.describe('a job that was taken', () => {
    it('is begun while nobody else can have it', async () => {
      const { server, job } = await taken();
      expect(await begunOf(server, job)).toEqual(['x']);
      expect(await statusNow()).toBe('running');
    });

    it('is not begun when its lock may have run out meanwhile', async () => {
      const { server, job } = await taken();
      expect(await begunOf(server, { ...job, askedAt: job.askedAt - LOCK_MS })).toEqual([]);
      expect(await statusNow()).toBe('queued');
    });

    // Whoever cancelled it may have died since, or not have removed the job yet.
    it('is not begun when it was cancelled before it was taken', async () => {
      const cancel = { at: Date.now(), by: 'caller', reason: 'enough' } as const;
      const { server, job } = await taken((book, jobId) => book.requestCancel(LANE, jobId, cancel));
      expect(await begunOf(server, job)).toEqual([]);
      expect(await statusNow()).toBe('cancelled');
    });

    it('is not begun when its end was booked before it was taken', async () => {
      const { server, job } = await taken((book, jobId) => book.end(endOf(jobId, { id: 'x', lane: LANE })));
      expect(await begunOf(server, job)).toEqual([]);
    });

    it('is not begun when it was delivered again meanwhile', async () => {
      const { server, job } = await taken();
      await server.book.deliver(LANE, job.job.id, job.job.attemptsStarted + 1);
      expect(await begunOf(server, { ...job, doubt: 1 })).toEqual([]);
    });
  });
});
