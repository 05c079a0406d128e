import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { bookedEnd } from '../../../src/backends/bullmq/book/booked-end.js';
import { FleetRun } from '../../../src/backends/bullmq/runs/fleet-run.js';
import type { StoredRun } from '../../../src/ports/backend.js';
import { errorOf } from '../../../src/testing/contract/samples.js';
import { until } from '../../until.js';
import { fleetGrounds } from './fleet-ground.js';
import { Fleet } from './fleet.js';

const grounds = await fleetGrounds();

let fleet: Fleet;
afterEach(() => fleet.close());

/** A run as it ends without its handler. */
function failed(run: StoredRun): FleetRun {
  assert(run instanceof FleetRun);
  const at = Date.now();
  const ended = { status: 'failed', error: errorOf(1), finishedAt: at, updatedAt: at, active: false } as const;
  return new FleetRun(run.origin, { ...run.state, ...ended, version: run.state.version + 1 }, () => undefined);
}

describe.each(grounds)('on $name', (ground) => {
  beforeEach(() => {
    fleet = new Fleet(ground);
  });

  ground.describe('a run that cannot be read', () => {
    it('keeps nobody waiting for another one', async () => {
      const a = await fleet.join();
      const { book } = await fleet.server();
      const ended: string[] = [];
      for (const id of ['garbled', 'x']) {
        const { run } = await a.accept(id);
        const end = bookedEnd(failed(run));
        await book.end(id === 'x' ? end : { ...end, text: 'what a newer Errand writes' });
        assert(run instanceof FleetRun);
        a.backend.watch(run, 'final', () => ended.push(id));
      }
      await expect(a.backend.find('garbled')).rejects.toMatchObject({ code: 'BACKEND' });
      await until(() => ended.length > 0);
      expect(ended).toEqual(['x']);
    });
  });
});
