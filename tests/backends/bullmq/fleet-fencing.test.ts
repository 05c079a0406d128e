import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import { JobMoves } from '../../../src/backends/bullmq/delivering/job-moves.js';
import { FleetLane } from '../../../src/backends/bullmq/delivering/fleet-lane.js';
import { FleetLease } from '../../../src/backends/bullmq/delivering/fleet-lease.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { errorOf } from '../../../src/testing/contract/samples.js';
import { fleetGrounds } from './fleet-ground.js';
import { Fleet } from './fleet.js';

const grounds = await fleetGrounds();
const LANE = laneNameOf({ queue: 'default', kind: 'run', task: 'task', process: null });

let fleet: Fleet;
afterEach(() => fleet.close());

describe.each(grounds)('on $name', (ground) => {
  beforeEach(() => {
    fleet = new Fleet(ground);
  });

  ground.describe('a job that a process has lost', () => {
    it('is not given back by it: another one has it', async () => {
      const server = await fleet.server();
      const lane = new FleetLane(server, LANE);
      const job = { name: 'task', data: '{}', opts: { priority: 7 }, priority: 7, timestamp: Date.now() };
      await lane.queue.add(job as never, 'x');
      await lane.queue.jobs.moveToActive('of another');
      const moves = new JobMoves({ server, clock: systemClock });
      expect(await moves.giveBack({ lane, jobId: 'x', token: 'lost' })).toMatchObject({ done: false });
      expect(await lane.queue.jobs.getState('x')).toBe('active');
      expect(await moves.giveBack({ lane, jobId: 'x', token: 'of another' })).toMatchObject({ done: true });
      expect(await lane.queue.jobs.getState('x')).toBe('prioritized');
      expect(await moves.giveBack({ lane, jobId: 'x', token: 'of another' })).toMatchObject({ done: false });
    });

    it('is not told to wait again', async () => {
      const a = await fleet.join();
      a.work();
      await a.accept('x');
      const delivery = await a.delivery('x');
      assert(delivery.lease instanceof FleetLease);
      await ground.breakLock(fleet.prefix, delivery.lease.delivery);
      expect(await delivery.settle({ type: 'interrupted', error: errorOf(1) })).toBe(false);
      expect(a.events.at(-1)?.type).toBe('run:started');
    });
  });
});
