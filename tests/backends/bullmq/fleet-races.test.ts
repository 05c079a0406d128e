import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { endedText } from '../../../src/backends/bullmq/book/ended-text.js';
import type { BookedEnd, Claim } from '../../../src/backends/bullmq/book/book.js';
import { FleetRun } from '../../../src/backends/bullmq/runs/fleet-run.js';
import { laneNameOf, readLaneName } from '../../../src/backends/bullmq/runs/lane-name.js';
import { Lanes } from '../../../src/backends/bullmq/delivering/lanes.js';
import { addClaimedJobs, addJob, claimedJobText, newOrigin } from '../../../src/backends/bullmq/accepting/new-job.js';
import type { StoredRun } from '../../../src/ports/backend.js';
import { errorOf, EVERY_RUN, newRun, REQUEST } from '../../../src/testing/contract/samples.js';
import { until } from '../../until.js';
import { fleetGrounds } from './fleet-ground.js';
import { Fleet } from './fleet.js';

const grounds = await fleetGrounds();
const LANE = laneNameOf({ queue: 'default', kind: 'run', task: 'task', process: null });

let fleet: Fleet;
afterEach(() => fleet.close());

const NOTHING = { replaces: null, key: null, schedule: null, redrives: null, expiresAt: null };

/** What a process claims that dies before it can add the job: the text of that is kept, unless another is given. */
async function claimOf(
  id: string,
  { since, ordinal = since, job, ...run }: { since: number; ordinal?: number; job?: string; expiresInMs?: number },
) {
  const server = await fleet.server();
  await server.book.open();
  const place = { jobId: id, lane: LANE, ordinal, versionBase: 0, since };
  const origin = { ...newOrigin({ ...newRun(id), ...run }, server.processId, since), ...place };
  const claim: Claim = { id, place, job: job ?? claimedJobText(origin), ...NOTHING, expiresAt: origin.expiresAt };
  await server.book.claim(claim);
  return { server, origin };
}

/** What a process keeps that ends a run without its handler. */
function endOf(run: StoredRun, status: 'failed' | 'cancelled'): BookedEnd {
  if (!(run instanceof FleetRun)) throw new Error('a run of another backend');
  const finishedAt = Date.now();
  const { jobId, lane, id } = run.origin;
  const state = { ...run.state, status, error: errorOf(1), finishedAt, updatedAt: finishedAt, active: false };
  const text = endedText(new FleetRun(run.origin, state, () => undefined), null);
  return { jobId, lane, id, status, finishedAt, text, keyName: null, held: false };
}

describe.each(grounds)('on $name', (ground) => {
  beforeEach(() => {
    fleet = new Fleet(ground);
  });

  ground.describe('a run of a fleet', () => {
    it('ends once, and as it was kept, where another process has ended it while it was at work', async () => {
      const a = await fleet.join();
      a.work();
      await a.accept('x');
      const delivery = await a.delivery('x');
      const { run } = delivery;
      const { book } = await fleet.server();
      expect(await book.end(endOf(run, 'failed'))).toBe(true);
      expect(await delivery.complete()).toBe(false);
      expect([a.settled.length, delivery.losses]).toEqual([0, 1]);
      expect(await a.status('x')).toBe('failed');
    });

    it('is not seen to have ended before it is decided that it was cancelled after all', async () => {
      const a = await fleet.join();
      a.work();
      await a.accept('x');
      const delivery = await a.delivery('x');
      await delivery.complete();
      const { book } = await fleet.server();
      const end = endOf(delivery.run, 'cancelled');
      await book.requestCancel(LANE, end.jobId, { ...REQUEST, at: Date.now() });
      const seen = a.status('x');
      await book.end(end);
      expect(await seen).toBe('cancelled');
    });

    it('that was cancelled does not begin where nobody knows that its job was added', async () => {
      const a = await fleet.join();
      await a.accept('first');
      const { server, origin } = await claimOf('claimed', { since: Date.now() });
      await addJob(server, origin, Date.now());
      expect((await a.backend.cancel('claimed', REQUEST))?.status).toBe('cancelled');
      a.work();
      await until(async () => (await server.book.unadded(Date.now() + 1, 10)).length === 0);
      await a.accept('last');
      await a.delivery('last');
      expect(a.deliveries.map(({ run }) => run.id)).not.toContain('claimed');
    });

    it('is there from its claim on where that has the text of its job', async () => {
      const a = await fleet.join();
      const { server, origin } = await claimOf('claimed', { since: Date.now() + 60_000 });
      expect([await a.status('claimed'), (await a.backend.list(EVERY_RUN)).items[0]?.id]).toEqual([
        'queued',
        'claimed',
      ]);
      await expect(a.accept('claimed')).rejects.toMatchObject({ code: 'RUN_CONFLICT' });
      await addJob(server, origin, Date.now());
      await server.book.added('claimed');
      expect(await a.status('claimed')).toBe('queued');
    });

    it('that is cancelled before its job is added does not begin afterwards', async () => {
      const a = await fleet.join();
      const { server, origin } = await claimOf('claimed', { since: Date.now() + 60_000 });
      await server.book.addLane(LANE);
      const cancelled = a.backend.cancel('claimed', REQUEST);
      expect(await a.status('claimed')).toBe('queued');
      await addJob(server, origin, Date.now());
      expect((await cancelled)?.status).toBe('cancelled');
      a.work();
      await a.accept('last');
      await a.delivery('last');
      expect(a.deliveries.map(({ run }) => run.id)).not.toContain('claimed');
    });

    it('whose record has gone is not added again by who had read the text of its job before', async () => {
      const a = await fleet.join({ retention: { keepResultMs: 0 } });
      a.work();
      await a.accept('first');
      const { server, origin } = await claimOf('claimed', { since: Date.now() + 60_000 });
      const texts = await server.book.unadded(Infinity, 10);
      await addJob(server, origin, Date.now());
      await (await a.delivery('claimed')).complete();
      await until(async () => (await a.backend.find('claimed')) === undefined);
      await addClaimedJobs(server, texts, Date.now());
      expect([texts.length, await server.queue(LANE).jobs.getJobData('claimed')]).toEqual([1, undefined]);
    });

    it('expires in time also where its job is added late', async () => {
      const a = await fleet.join();
      await a.accept('first');
      await claimOf('claimed', { since: Date.now(), expiresInMs: 1 });
      await until(async () => (await a.status('claimed')) === 'failed');
    });

    it('is listed also where the page before ends with one that was accepted at the same time', async () => {
      const a = await fleet.join();
      await a.accept('first');
      const since = Date.now() - 10_000;
      for (const id of ['one', 'two', 'three']) await claimOf(id, { since });
      await until(async () => (await a.status('three')) === 'queued' && (await a.status('one')) === 'queued');
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await a.backend.list({ ...EVERY_RUN, limit: 1, cursor });
        found.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      expect(found.sort()).toEqual(['first', 'one', 'three', 'two']);
    });

    it('is no crash where it was on its way to a process that closed', async () => {
      const [leaving, other] = [await fleet.join(), await fleet.join()];
      await other.accept('x', { onCrash: 'fail' });
      leaving.proxy.delay(50);
      leaving.work();
      await leaving.backend.close();
      other.work();
      await other.delivery('x');
      expect(leaving.deliveries).toEqual([]);
    });
  });

  ground.describe('housekeeping of a fleet', () => {
    it('goes on where one text is unreadable', async () => {
      const a = await fleet.join();
      const { run } = await a.accept('x');
      await claimOf('broken', { since: Date.now() - 10_000, job: 'no text of ours' });
      const { book } = await fleet.server();
      if (!(run instanceof FleetRun)) throw new Error('a run of another backend');
      await book.requestCancel(LANE, run.origin.jobId, { ...REQUEST, at: Date.now() });
      await until(() => a.settled.length === 1);
      expect(await a.status('x')).toBe('cancelled');
    });

    it('lets an end go whose handler has died with its process, also where nobody works on its lane', async () => {
      const [a, b] = [await fleet.join(), await fleet.join()];
      a.work();
      await a.accept('x', { maxAttempts: 1 });
      expect(await (await a.delivery('x')).fail(true)).toBe(true);
      expect((await b.backend.find('x'))?.snapshot().abandoned).toBe(true);
      a.proxy.drop();
      const { book } = await fleet.server();
      await until(async () => (await book.heldEnds(1)).length === 0);
      expect(await b.status('x')).toBe('failed');
      expect((await b.backend.counts())[0]?.counts).toMatchObject({ failed: 1, queued: 0, running: 0 });
    });

    it('leaves nothing behind of the functions of a process that has died', async () => {
      const retention = { keepResultMs: 100 };
      const [a, b] = [await fleet.join({ retention }), await fleet.join({ retention })];
      a.work();
      const { run } = await a.accept('x', { task: null });
      await (await a.delivery('x')).complete();
      if (!(run instanceof FleetRun)) throw new Error('a run of another backend');
      const { process } = readLaneName(run.origin.lane);
      expect(await ground.keptOf(fleet.prefix, process ?? '')).not.toEqual([]);
      a.proxy.drop();
      await until(async () => (await ground.keptOf(fleet.prefix, process ?? '')).length === 0);
      const { book } = await fleet.server();
      await until(async () => !(await book.head()).lanes.includes(run.origin.lane));
      expect(await b.status('x')).toBeUndefined();
    });

    it('leaves a lane as it is that was taken for empty', async () => {
      const a = await fleet.join();
      await a.accept('x');
      const lane = (await fleet.server()).queue(LANE);
      await lane.drop();
      expect(await lane.jobs.getQueueMetaFields(['opts.maxLenEvents'])).toEqual(['0']);
      a.work();
      await a.delivery('x');
    });

    it('forgets the lanes of processes that are gone', async () => {
      const server = await fleet.server();
      const lanes = new Lanes(server, () => undefined);
      const gone = laneNameOf({ queue: 'default', kind: 'run', task: null, process: 'gone' });
      const head = { storeId: '', pausedQueues: [] };
      lanes.see({ ...head, lanes: [gone, LANE] });
      const [queue, kept] = [server.queue(gone), server.queue(LANE)];
      lanes.see({ ...head, lanes: [LANE] });
      expect(lanes.names).toEqual([LANE]);
      expect([server.queue(gone) === queue, server.queue(LANE) === kept]).toEqual([false, true]);
    });

    it('knows the functions again of a process that it has taken for dead', async () => {
      const server = await fleet.server();
      const { book, processId } = server;
      await book.open();
      const lanes = new Lanes(server, () => undefined);
      const own = laneNameOf({ queue: 'default', kind: 'run', task: null, process: processId });
      await lanes.use(own);
      await book.bury(processId);
      const head = await book.head();
      expect(head.lanes.filter((name) => readLaneName(name).process === processId)).toEqual([]);
      lanes.see(head);
      await until(async () => (await book.head()).lanes.includes(own));
    });
  });
});

const postgres = grounds.find(({ name }) => name === 'postgres');
postgres?.describe('a run of a fleet on PostgreSQL', () => {
  it('has no job before it has a place: what is kept last is lost first where the server fails', async () => {
    fleet = new Fleet(postgres);
    const a = await fleet.join();
    await a.accept('first');
    const other = new pg.Client(postgres.url);
    await other.connect();
    await other.query(`BEGIN; LOCK TABLE ${fleet.prefix}.places IN SHARE MODE`);
    await expect(a.accept('second', { idIsNew: true })).rejects.toMatchObject({ code: 'BACKEND' });
    await other.query('COMMIT');
    await other.end();
    expect(await (await fleet.server()).queue(LANE).jobs.getJobData('second')).toBeUndefined();
  });
});
