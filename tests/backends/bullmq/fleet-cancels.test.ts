import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { KeptCancel } from '../../../src/backends/bullmq/book/book.js';
import { Cancelling } from '../../../src/backends/bullmq/keeping/cancelling.js';
import type { FleetRun } from '../../../src/backends/bullmq/runs/fleet-run.js';
import { REQUEST } from '../../../src/testing/contract/samples.js';
import { until } from '../../until.js';
import { fleetRun } from './fleet-fakes.js';
import { postgresGround } from './fleet-ground.js';
import { Fleet } from './fleet.js';

const postgres = await postgresGround();

let fleet: Fleet | undefined;
afterEach(() => fleet?.close());

postgres.describe('a cancel on PostgreSQL', () => {
  it('is heard where the run is at work while it is still being kept', async () => {
    fleet = new Fleet(postgres);
    const [a, b] = [await fleet.join(), await fleet.join()];
    a.work();
    await a.accept('x');
    const delivery = await a.delivery('x');
    const busy = new pg.Client(postgres.url);
    await busy.connect();
    try {
      await busy.query(`BEGIN; LOCK TABLE ${fleet.prefix}.notes IN SHARE MODE`);
      const cancelled = b.backend.cancel('x', REQUEST);
      await until(() => delivery.cancels.length === 1);
      await busy.query('COMMIT');
      expect((await cancelled)?.status).toBe('cancelling');
      expect(await delivery.settle({ type: 'cancelled' })).toBe(true);
      expect(await b.status('x')).toBe('cancelled');
    } finally {
      await busy.end();
    }
  });
});

describe('a cancel that its holder has heard of before it was kept', () => {
  /** As it is found where the request is refused: the run has ended, for this cancel or for another. */
  function cancelling(ended: (asked: KeptCancel) => FleetRun) {
    const late: string[] = [];
    let asked: KeptCancel | undefined;
    const book = {
      placesOf: () => Promise.resolve([{ lane: 'lane', jobId: 'job-x' }]),
      requestCancel: (_lane: string, _jobId: string, cancel: KeptCancel) => {
        asked = cancel;
        return Promise.resolve(null);
      },
    };
    const parts = {
      server: { book, publish: () => undefined },
      environment: { clock: { now: () => 7 }, observer: { cancelledLate: ({ id }: FleetRun) => late.push(id) } },
      reader: { see: () => Promise.resolve(asked && { run: ended(asked) }) },
    };
    return { cancelling: new Cancelling(parts as never), late };
  }

  it('did not come too late', async () => {
    const one = cancelling((asked) => fleetRun('x', { status: 'cancelled', cancel: asked }));
    expect((await one.cancelling.cancel('x', REQUEST))?.status).toBe('cancelled');
    expect(one.late).toEqual([]);
  });

  it('did where the run was cancelled by somebody else', async () => {
    const one = cancelling((asked) => fleetRun('x', { status: 'cancelled', cancel: { ...asked, at: 6 } }));
    expect((await one.cancelling.cancel('x', REQUEST))?.status).toBe('cancelled');
    expect(one.late).toEqual(['x']);
  });
});
