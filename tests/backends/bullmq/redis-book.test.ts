import { describe, expect, it } from '@jest/globals';
import { createRedisBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import type { FleetBook } from '../../../src/backends/bullmq/book/book.js';
import { readNext } from '../../../src/backends/bullmq/delivering/next-job.js';
import { redisBook } from '../../../src/backends/bullmq/redis/redis-book.js';
import { bookContract, type BookSubject } from './book-contract.js';
import { claimOf, endOf, keyOf, LANE, NOON, placed, placeOf } from './book-samples.js';
import { redisForTests } from '../../servers/redis.js';

const redis = await redisForTests();

interface RedisSubject extends BookSubject {
  readonly client: Redis;
  readonly prefix: string;
}

async function twoBooks(): Promise<RedisSubject> {
  const prefix = `errand-test-${randomUUID()}`;
  const [client, second] = [new Redis(redis.url), new Redis(redis.url)];
  const bookOn = (connection: Redis): FleetBook =>
    redisBook({ client: connection, prefix, call: (_what, call) => call() });
  return {
    client,
    prefix,
    book: bookOn(client),
    other: bookOn(second),
    dispose: async () => {
      const names = await client.keys(`${prefix}:*`);
      if (names.length > 0) await client.unlink(...names);
      client.disconnect();
      second.disconnect();
    },
  };
}

async function withBooks(use: (subject: RedisSubject) => Promise<void>): Promise<void> {
  const subject = await twoBooks();
  try {
    await subject.book.open();
    await use(subject);
  } finally {
    await subject.dispose();
  }
}

redis.describe('a book on Redis', () => bookContract(twoBooks));

redis.describe('the book on Redis', () => {
  it('sends a place before the job that is added after it in the same turn', () =>
    withBooks(async ({ book, client, prefix }) => {
      const options = { connection: client, prefix };
      const jobs = createRedisBackend(LANE, options, { withBlockingConnection: false });
      await jobs.waitUntilReady();
      const sent: string[] = [];
      const send = client.sendCommand.bind(client);
      client.sendCommand = (command, stream) => {
        const words = command.args.map(String);
        const ids = ['run-a', 'run-b', 'run-c'].filter((id) => words.some((word) => word.includes(id)));
        if (words[0] === `${prefix}:order`) sent.push(...ids.map((id) => `place ${id}`));
        if (command.name.startsWith('eval')) sent.push(...ids.map((id) => `add ${id}`));
        return send(command, stream);
      };
      const add = (id: string) => {
        const job = { name: 'mail', data: '{}', opts: { priority: 5, attempts: 9, jobId: id }, timestamp: NOON };
        return Promise.all([book.place(placed(id), null), jobs.addJob(job as never, id)]);
      };
      await Promise.all([add('run-a'), add('run-b'), Promise.resolve().then(() => add('run-c'))]);
      for (const id of ['run-a', 'run-b', 'run-c'])
        expect(sent.filter((what) => what.endsWith(id))).toEqual([`place ${id}`, `add ${id}`]);
      await jobs.close();
    }));

  describe('marks the job that is there, so that whoever takes it knows', () => {
    const CANCEL = { at: NOON, by: 'ann', reason: null };
    const cases: readonly [string, boolean, (book: FleetBook) => Promise<unknown>][] = [
      ['of a cancel', true, (book) => book.requestCancel(LANE, 'job-a', CANCEL)],
      ['of an end that was booked while it waited', true, (book) => book.end(endOf('job-a'))],
      ['not of an end whose handler is at work', false, (book) => book.end(endOf('job-a', { held: true }))],
      [
        'not of a cancel that was dropped',
        false,
        async (book) => {
          await book.requestCancel(LANE, 'job-a', CANCEL);
          await book.dropCancel(LANE, 'job-a');
        },
      ],
    ];
    it.each(cases)('%s', (_what, marked, change) =>
      withBooks(async ({ book, client, prefix }) => {
        const options = { connection: client, prefix, lockDuration: 30_000 };
        const jobs = createRedisBackend(LANE, options, { withBlockingConnection: false });
        await jobs.waitUntilReady();
        await jobs.addJob({ name: 'mail', data: '{}', opts: {}, timestamp: NOON } as never, 'job-a');
        await change(book);
        const { job } = readNext(await jobs.moveToActive('token'));
        expect(job).toMatchObject({ id: 'job-a' });
        expect(job?.deferredFailure !== undefined).toBe(marked);
        await jobs.close();
      }),
    );

    it('and makes none where there is no job', () =>
      withBooks(async ({ book, client, prefix }) => {
        await book.requestCancel(LANE, 'job-a', CANCEL);
        expect(await client.exists(`${prefix}:${LANE}:job-a`)).toBe(0);
      }));
  });

  it('goes on when the server has forgotten the scripts', () =>
    withBooks(async ({ book, client }) => {
      await book.claim(claimOf('a'));
      await client.script('FLUSH');
      expect(await book.claim(claimOf('b'))).toMatchObject({ type: 'claimed' });
    }));

  it('leaves nothing behind of runs that are gone', () =>
    withBooks(async ({ book, client, prefix }) => {
      const before = (await client.keys(`${prefix}:*`)).sort();
      const parent = { id: 'p', ordinal: 5 };
      await book.place(placed('r'), NOON, parent);
      await book.place(placed('s'), null, { id: 'r', ordinal: 1 });
      await book.claim(claimOf('a', { parent, key: keyOf('k'), job: '{}', redrives: 'r', expiresAt: NOON }));
      await book.added('job-a');
      await book.requestCancel(LANE, 'job-a', { at: NOON, by: 'ann', reason: null });
      await book.hold(LANE, 'job-a', 1, { text: 'h', dueAt: NOON });
      await book.checkpoint(LANE, 'job-a', 1, { text: 'c', stalls: 0 });
      await book.keepStep(LANE, 'job-a', 1, { key: 'k', text: 't', stalls: 0 });
      await book.end(endOf('job-a', { keyName: 'k' }));
      await book.claim(claimOf('a', { place: placeOf('next'), replaces: 'job-a' }));
      await book.letGo(LANE, 'job-a');
      await book.dropKey('k', 'a');
      await book.forget([
        { id: 'a', jobId: 'next', lane: LANE },
        { id: 'r', jobId: 'r', lane: LANE },
        { id: 's', jobId: 's', lane: LANE },
      ]);
      expect((await client.keys(`${prefix}:*`)).sort()).toEqual(before);
    }));

  it('rejects as the wrapper of its calls does', async () => {
    const client = new Redis(redis.url, { lazyConnect: true });
    const book = redisBook({ client, prefix: 'never', call: () => Promise.reject(new Error('no answer')) });
    await expect(book.place(placed('a'), null)).rejects.toThrow('no answer');
    await expect(book.claim(claimOf('a'))).rejects.toThrow('no answer');
    await expect(book.cancels(LANE)).rejects.toThrow('no answer');
    client.disconnect();
  });
});
