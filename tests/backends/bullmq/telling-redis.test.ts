import { expect, it } from '@jest/globals';

import type { FleetRun } from '../../../src/backends/bullmq/runs/fleet-run.js';
import { Telling } from '../../../src/backends/bullmq/telling/telling.js';
import { systemClock } from '../../../src/timing/system-clock.js';
import { redisForTests } from '../../servers/redis.js';
import { until } from '../../until.js';
import { fleetRun } from './fleet-fakes.js';
import { redisFleets } from './redis-servers.js';

const redis = await redisForTests();
const fleets = redisFleets(redis.url);

/** What both processes can read. */
const stored = new Map<string, FleetRun>();

async function telling(prefix: string, url = redis.url): Promise<Telling> {
  const server = await fleets.opened({ prefix, connection: url });
  const made = new Telling({
    clock: systemClock,
    server,
    read: (ids) => Promise.resolve({ runs: ids.flatMap((id) => stored.get(id) ?? []), unread: [] }),
    holds: () => false,
  });
  fleets.later(() => made.close());
  return made;
}

redis.describe('processes on one Redis', () => {
  it('tell one another what becomes of runs, and how they ended', async () => {
    const prefix = fleets.prefix();
    const [one, two] = [await telling(prefix), await telling(prefix)];
    const events: string[] = [];
    const ended: unknown[] = [];
    const run = fleetRun('a');
    stored.set('a', run);
    two.subscribe(null, ({ runId, type }) => events.push(`${runId} ${type}`));
    two.watch(run, 'final', ({ result }) => ended.push(result));
    // It takes some milliseconds until the first process knows that somebody listens.
    let version = 1;
    await until(() => {
      one.tell(fleetRun('b', { version: version++ }), { type: 'run:queued' });
      return events.length > 0;
    });
    const state = { version: 2, status: 'completed', active: false, result: 'done' } as const;
    stored.set('a', fleetRun('a', state));
    one.tell(fleetRun('a', state), { type: 'run:completed' });
    await until(() => ended.length > 0);
    expect(ended).toEqual(['done']);
    expect(events.filter((event) => event.startsWith('a'))).toEqual(['a run:completed']);
  });

  it('find out how a run ended while one of them had no connection', async () => {
    const prefix = fleets.prefix();
    const proxy = await fleets.proxy();
    const [one, two] = [await telling(prefix), await telling(prefix, proxy.urlOf(redis.url))];
    const ended: unknown[] = [];
    const run = fleetRun('c');
    stored.set('c', run);
    two.watch(run, 'final', ({ result }) => ended.push(result));
    proxy.drop();
    await until(() => proxy.open === 0);
    const state = { version: 2, status: 'completed', active: false, result: 'done' } as const;
    stored.set('c', fleetRun('c', state));
    one.tell(fleetRun('c', state), { type: 'run:completed' });
    proxy.restore();
    await until(() => ended.length > 0);
    expect(ended).toEqual(['done']);
  });
});
