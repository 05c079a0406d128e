import { describe, expect, it } from '@jest/globals';
import type { IQueueBackend } from 'bullmq';
import { FleetLane } from '../../../src/backends/bullmq/delivering/fleet-lane.js';
import { JobMoves } from '../../../src/backends/bullmq/delivering/job-moves.js';
import { Pumps } from '../../../src/backends/bullmq/delivering/pumps.js';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import type { FleetServer, LaneQueue } from '../../../src/backends/bullmq/server/fleet-server.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { until } from '../../until.js';
import { FakeWire } from './fleet-fakes.js';

const [LANE, OTHER] = ['task', 'other'].map((task) =>
  laneNameOf({ queue: 'default', kind: 'run', task, process: null }),
) as [string, string];
/** What BullMQ answers where there is no job. */
const NONE: unknown[] = [];

/** A server whose answers the test gives, one by one. */
class Asked {
  /** Questions for a job that were not answered yet, of each lane. */
  readonly questions: { readonly lane: string; readonly answer: () => void }[] = [];
  /** The wait for a job that is under way. */
  jobCame: (() => void) | undefined;
  readonly server: FleetServer;

  constructor() {
    this.server = { ...new FakeWire().server('p'), queue: (lane) => this.#queue(lane) };
  }

  #queue(lane: string): LaneQueue {
    const ask = () => new Promise<unknown[]>((resolve) => this.questions.push({ lane, answer: () => resolve(NONE) }));
    return {
      jobs: { moveToActive: ask } as unknown as IQueueBackend,
      add: () => Promise.reject(new Error('nobody starts anything here')),
      remove: () => Promise.resolve(true),
      giveBack: () => Promise.resolve(),
      waitForJob: () => new Promise((resolve) => (this.jobCame = resolve)),
      rest: () => Promise.resolve(),
      drop: () => Promise.resolve(),
    };
  }

  /** Answers to the oldest question, when there is one, that there is no job. */
  async none(): Promise<void> {
    await until(() => this.questions.length > 0, 'a question for a job');
    this.questions.shift()?.answer();
  }
}

function pumpsOn(server: FleetServer): Pumps {
  const moves = new JobMoves({ server, clock: systemClock });
  const others = { logger: undefined, isPaused: () => false, pickUp: () => Promise.resolve() };
  const pumps = new Pumps({ server, clock: systemClock, moves, ...others });
  pumps.work({
    freeSlots: () => 1,
    take: () => {
      throw new Error('there are no runs here');
    },
  });
  return pumps;
}

describe('a lane without jobs', () => {
  it('is asked again where a job comes while the answer that there is none is on its way', async () => {
    const asked = new Asked();
    const pumps = pumpsOn(asked.server);
    pumps.add(new FleetLane(asked.server, LANE));
    await asked.none();
    await until(() => asked.jobCame !== undefined, 'the wait for a job');
    // A message makes it ask; before it is answered, the server wakes the process for a job that has come since.
    pumps.look(LANE);
    await until(() => asked.questions.length === 1);
    asked.jobCame?.();
    await new Promise((resolve) => setImmediate(resolve));
    await asked.none();
    await until(() => asked.questions.length === 1, 'another question');
    expect(asked.questions).toHaveLength(1);
  });

  it('leaves the slot that was kept for it to another lane', async () => {
    const asked = new Asked();
    const pumps = pumpsOn(asked.server);
    for (const lane of [LANE, OTHER]) pumps.add(new FleetLane(asked.server, lane));
    await asked.none();
    await until(() => asked.questions.length > 0, 'a question about the other lane');
    expect(asked.questions.map(({ lane }) => lane)).toEqual([OTHER]);
  });
});
