import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Acceptance } from '../../../src/backends/bullmq/accepting/acceptance.js';
import { FailedStarts } from '../../../src/backends/bullmq/accepting/failed-starts.js';
import { QueueLimit } from '../../../src/backends/bullmq/accepting/queue-limit.js';
import type { FleetBook, Place } from '../../../src/backends/bullmq/book/book.js';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import { RunReader } from '../../../src/backends/bullmq/runs/run-reader.js';
import type { FleetServer, LaneQueue } from '../../../src/backends/bullmq/server/fleet-server.js';
import type { Clock } from '../../../src/ports/clock.js';
import { TaskError } from '../../../src/task/errors.js';
import { newRun, newSchedule } from '../../../src/testing/contract/samples.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { fleetGrounds } from './fleet-ground.js';
import { Fleet } from './fleet.js';

const grounds = await fleetGrounds();
const LANE = laneNameOf({ queue: 'default', kind: 'run', task: 'task', process: null });
const NOBODY = () => undefined;

let fleet: Fleet;
afterEach(() => fleet.close());

/** A process that can only start runs: `ahead` is how many ms later it is by its clock than it really is. */
class Starter {
  readonly acceptance: Acceptance;
  readonly failed: FailedStarts;
  ahead = 0;
  /** What happens when a claim was answered, and nothing has come of it yet. */
  onClaimed: (place: Place) => Promise<void> = () => Promise.resolve();
  /** Whether the server refuses to add jobs. */
  refusing = false;

  constructor(real: FleetServer) {
    const server = this.#server(real);
    const clock: Clock = {
      now: () => systemClock.now(),
      monotonic: () => systemClock.monotonic() + this.ahead,
      after: (delayMs, callback) => systemClock.after(delayMs, callback),
    };
    const retention = {
      keepResultMs: 1e6,
      maxFinished: 9,
      keepFailedMs: 1e6,
      maxFailed: 9,
      keepKeyMs: 1e6,
      maxKeys: 9,
    };
    const observer = { settled: NOBODY, forgotten: NOBODY, cancelledLate: NOBODY };
    const environment = { clock, logger: undefined, queueLimit: 100, retention, observer };
    const reader = new RunReader({ server, clock, heldHere: NOBODY });
    const limit = new QueueLimit(environment, () => Promise.resolve(0));
    this.failed = new FailedStarts({ server, clock, reader });
    const parts = { server, environment, reader, limit, failed: this.failed };
    this.acceptance = new Acceptance({ ...parts, useLane: NOBODY, tell: NOBODY });
  }

  #server(real: FleetServer): FleetServer {
    const book = Object.create(real.book) as FleetBook;
    book.claim = async (claim) => {
      const claimed = await real.book.claim(claim);
      if (claimed.type === 'claimed') await this.onClaimed(claimed.place);
      return claimed;
    };
    for (const name of [
      'placesOf',
      'notesOf',
      'place',
      'unclaim',
      'added',
      'unadded',
      'unaddedJob',
      'saveSchedule',
    ] as const)
      Reflect.set(book, name, real.book[name].bind(real.book));
    return {
      ...{ name: real.name, processId: real.processId, book, publish: NOBODY, onMessage: NOBODY, onBack: NOBODY },
      ...{ open: () => Promise.resolve(), close: () => Promise.resolve() },
      marksJobs: real.marksJobs,
      forget: NOBODY,
      queue: (lane) => this.#queue(real.queue(lane)),
      call: (what, call) => real.call(what, call),
    };
  }

  #queue(real: LaneQueue): LaneQueue {
    if (!this.refusing) return real;
    const add = () => Promise.reject(new Error('no room for jobs'));
    const rest = () => Promise.resolve();
    return {
      ...{ jobs: real.jobs, add, waitForJob: rest, rest, drop: rest },
      remove: (jobId) => real.remove(jobId),
      giveBack: (jobId, token) => real.giveBack(jobId, token),
    };
  }
}

async function starter(): Promise<{ server: FleetServer; process: Starter }> {
  const server = await fleet.server();
  await server.book.open();
  await server.book.addLane(LANE);
  return { server, process: new Starter(server) };
}

async function jobIds(server: FleetServer): Promise<readonly string[]> {
  const ranges: readonly (readonly string[])[] = await server.queue(LANE).jobs.getRanges(['prioritized'], 0, -1, true);
  return ranges.flat();
}

describe.each(grounds)('on $name', (ground) => {
  beforeEach(() => {
    fleet = new Fleet(ground);
  });

  ground.describe('a start that is held up between its claim and its job', () => {
    it('adds none where another start has taken the id over', async () => {
      const { server, process } = await starter();
      process.onClaimed = async (place) => {
        process.ahead = 6_000;
        process.onClaimed = () => Promise.resolve();
        const other = { ...place, jobId: 'other', ordinal: place.ordinal + 1 };
        const nothing = { key: null, job: null, schedule: null, redrives: null, expiresAt: null };
        await server.book.claim({ id: 'x', place: other, replaces: place.jobId, ...nothing });
      };
      const code = await process.acceptance.accept(newRun('x'), 'error').catch((error: unknown) => error);
      expect(code).toMatchObject({ code: 'RUN_CONFLICT' });
      expect(await jobIds(server)).toEqual([]);
    });

    it('adds it where its claim stands', async () => {
      const { server, process } = await starter();
      process.onClaimed = () => Promise.resolve(void (process.ahead += 6_000));
      const { run } = await process.acceptance.accept(newRun('x'), 'error');
      expect([run.id, (await jobIds(server)).length]).toEqual(['x', 1]);
    });

    it('leaves it to others where they may have added it: it may have ended by now', async () => {
      const { server, process } = await starter();
      process.onClaimed = () => Promise.resolve(void (process.ahead += 1_000));
      const schedule = newSchedule('s');
      await server.book.saveSchedule(schedule, null);
      const next = { ...schedule, version: 2 };
      expect(await process.acceptance.acceptDue(newRun('x'), next, 1)).toMatchObject({ replayed: false });
      expect(await jobIds(server)).toEqual([]);
      expect(await server.book.unadded(Date.now() + 1_000, 5)).toHaveLength(1);
    });
  });

  ground.describe('a start whose job could not be added', () => {
    it.each([{ idIsNew: true }, { idIsNew: false, idempotency: { key: 'k', fingerprint: 'f' } }])(
      'leaves nothing behind: %j',
      async (kind) => {
        const { server, process } = await starter();
        process.refusing = true;
        const refused = process.acceptance.accept({ ...newRun('x'), ...kind }, 'error');
        await expect(refused).rejects.toBeInstanceOf(TaskError);
        await process.failed.takeBack();
        expect(await server.book.placesOf(['x'])).not.toEqual([undefined]);
        process.ahead = 10_001;
        await process.failed.takeBack();
        expect(await server.book.placesOf(['x'])).toEqual([undefined]);
        expect(await server.book.haveKeys(['x'])).toEqual([false]);
      },
    );

    it('stays where the job is there after all', async () => {
      const { server, process } = await starter();
      const { run } = await process.acceptance.accept(newRun('x'), 'error');
      const [place] = await server.book.placesOf([run.id]);
      if (place === undefined) throw new Error('it has no place');
      process.failed.add({ id: run.id, place, key: null, redrives: null });
      process.ahead = 10_001;
      await process.failed.takeBack();
      expect(await server.book.placesOf(['x'])).toEqual([place]);
    });
  });
});
