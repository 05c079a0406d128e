import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '../../until.js';
import { fleetGrounds } from './fleet-ground.js';
import { LimitedFleet, type LimitedOptions, type LimitedProcess, type Work } from './limited-fleet.js';

const grounds = await fleetGrounds();
/** Long before a process looks again without having been told. */
const PROMPT_MS = 2_000;

let fleet: LimitedFleet;
afterEach(() => fleet.close());

/** Processes that have all had a run already, so that their connections are there. */
async function three(options: LimitedOptions): Promise<[LimitedProcess, LimitedProcess, LimitedProcess]> {
  const all = [await fleet.join(options), await fleet.join(options), await fleet.join(options)] as const;
  await fleet.start(all[0], [{ name: 'first', ms: 0 }]);
  await until(async () => (await all[0].manager.get('first'))?.status === 'completed');
  return [...all];
}

const works = (count: number, ms: number): Work[] => Array.from({ length: count }, (_, n) => ({ name: `r${n}`, ms }));

describe.each(grounds)('on $name', (ground) => {
  beforeEach(() => {
    fleet = new LimitedFleet(ground);
  });

  ground.describe('limits.concurrency in a fleet', () => {
    it('holds for all processes together, and loses no time', async () => {
      const [a] = await three({ limits: { concurrency: 2 } });
      const begunAt = performance.now();
      await fleet.start(a, works(10, 50));
      await until(() => fleet.settled === 11);
      expect(fleet.mostAtWork).toBe(2);
      // 250 ms of work, and a machine that does other things too.
      expect(performance.now() - begunAt).toBeLessThan(1_000);
    });

    it('holds whatever is cancelled meanwhile', async () => {
      const [a, b] = await three({ limits: { concurrency: 2 } });
      const runs = await fleet.start(a, works(30, 20));
      const cancels = runs.map(async (run, n) => {
        if (n % 3 === 0) await b.manager.cancel(run.id);
        else if (n % 3 === 1) await runs[n - 1]?.settled().then(() => a.manager.cancel(run.id));
      });
      await Promise.all([...cancels, ...runs.map((run) => run.settled())]);
      // Where the server is slow, one has ended before the next begins.
      expect(fleet.mostAtWork).toBeLessThanOrEqual(2);
    });

    it('counts an abandoned handler until it settles; then the next run begins at once, wherever', async () => {
      const [a, b] = await three({ limits: { concurrency: 1, hardLimitMs: 50 }, concurrency: 1 });
      await fleet.start(a, [{ name: 'held' }]);
      await until(async () => (await a.manager.get('held'))?.abandoned === true);
      await fleet.start(b, [{ name: 'next', ms: 0 }]);
      // Whoever is free has looked for runs since.
      await (await a.manager.startNamed('other', null)).settled();
      expect((await b.manager.get('next'))?.status).toBe('queued');
      const releasedAt = performance.now();
      fleet.release('held');
      await until(async () => (await b.manager.get('next'))?.status === 'completed');
      expect(performance.now() - releasedAt).toBeLessThan(PROMPT_MS);
      expect(fleet.mostAtWork).toBe(1);
    });

    it('counts the handlers of a killed process until their leases have run out', async () => {
      const options = { limits: { concurrency: 1 }, lockMs: 600 };
      const dying = await fleet.join(options);
      await fleet.start(dying, [{ name: 'a' }]);
      await until(() => dying.began.length === 1);
      const other = await fleet.join(options);
      await fleet.start(other, [{ name: 'b', ms: 0 }]);
      dying.kill();
      await until(() => other.began.includes('a'));
      fleet.release('a');
      await until(async () => (await other.manager.get('b'))?.status === 'completed');
      expect([...other.began].sort()).toEqual(['a', 'b']);
      expect(fleet.mostAtWork).toBe(1);
    });

    it('gives a slot to another process at once, where its own takes no more', async () => {
      const options = { limits: { concurrency: 1 } };
      const a = await fleet.join(options);
      await fleet.start(a, [{ name: 'a' }]);
      await until(() => a.began.length === 1);
      const b = await fleet.join(options);
      await fleet.start(b, [{ name: 'b', ms: 0 }]);
      const closed = a.manager.close({ graceMs: 5_000 });
      // Whoever was told of the close has looked in vain by now.
      for (const id of ['o1', 'o2', 'o3']) await (await b.manager.startNamed('other', null, { id })).settled();
      const releasedAt = performance.now();
      fleet.release('a');
      await until(async () => (await b.manager.get('b'))?.status === 'completed');
      expect(performance.now() - releasedAt).toBeLessThan(PROMPT_MS);
      expect((await closed).completed).toBe(1);
    });

    it('gives the slot of a run that waits for its next attempt to another at once', async () => {
      const [a, b] = await three({ limits: { concurrency: 1 }, maxAttempts: 2 });
      await fleet.start(a, [{ name: 'a', failsFirst: true }]);
      await until(() => fleet.atWork === 1);
      await fleet.start(b, [{ name: 'b', ms: 400 }]);
      const releasedAt = performance.now();
      fleet.release('a');
      await until(() => fleet.settled === 3);
      // The next attempt was due meanwhile, and had to wait.
      await until(() => fleet.atWork === 1);
      expect(performance.now() - releasedAt).toBeLessThan(PROMPT_MS);
      expect(fleet.mostAtWork).toBe(1);
    });

    it('is what the process has said that came last, and none where its task has none', async () => {
      const a = await fleet.join({ limits: { concurrency: 1 } });
      await fleet.start(a, [{ name: 'a' }]);
      await until(() => a.began.length === 1);
      const raised = await fleet.join({ limits: { concurrency: 2 } });
      await fleet.start(raised, [{ name: 'b' }, { name: 'c' }]);
      await until(() => raised.began.length === 1);
      const free = await fleet.join({});
      await until(() => fleet.atWork === 3);
      expect(a.began).toEqual(['a']);
      expect(free.began.length + raised.began.length).toBe(2);
    });
  });

  ground.describe('limits.rate in a fleet', () => {
    it('holds for all processes together, and what waits begins as soon as it may', async () => {
      const [perMs, slackMs] = [800, 300];
      const [a] = await three({ limits: { rate: { count: 4, perMs } } });
      await until(() => performance.now() - (fleet.starts[0] ?? 0) > perMs + slackMs);
      fleet.starts.length = 0;
      await fleet.start(a, works(12, 1));
      await until(() => fleet.settled === 13);
      const since = fleet.starts.map((at) => at - (fleet.starts[0] ?? 0));
      expect(since).toHaveLength(12);
      expect(since[3]).toBeLessThan(slackMs);
      for (const [at, windows] of [[4, 1] as const, [8, 2] as const]) {
        expect(since[at]).toBeGreaterThan(windows * perMs - slackMs);
        expect(since[at + 3]).toBeLessThan(windows * perMs + PROMPT_MS);
      }
    });
  });
});
