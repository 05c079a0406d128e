import { expect, it } from '@jest/globals';

import type { FleetMessage } from '../../../src/backends/bullmq/server/fleet-server.js';
import type { RedisServer } from '../../../src/backends/bullmq/redis/redis-server.js';
import { redisForTests, startRedis } from '../../servers/redis.js';
import { temporaryFolders } from '../../temporary-folder.js';
import { until } from '../../until.js';
import { redisFleets } from './redis-servers.js';

const redis = await redisForTests();
const { url } = redis;
const fleets = redisFleets(url);
const folder = temporaryFolders();

const LANE = 'default|run|import-products|';
const never = new AbortController().signal;

function addJob(server: RedisServer, jobId: string, delay = 0): Promise<string> {
  const job = { id: jobId, name: 'import-products', data: '{}', opts: { delay }, timestamp: Date.now(), delay };
  return server.queue(LANE).jobs.addJob(job as never, jobId);
}

/** Whether any process on this Redis waits for a job. */
async function isAsked(server: RedisServer): Promise<boolean> {
  const clients = (await server.queue(LANE).jobs.getClientList()).join('\n');
  return /flags=b .*cmd=bzpopmin/.test(clients);
}

async function startOwn(settings: readonly string[]) {
  const own = await startRedis({ dir: await folder(), settings });
  fleets.later(() => own.process.stop());
  return own;
}

redis.describe('a Redis', () => {
  it('takes jobs into lanes, and gives them out', async () => {
    const server = await fleets.opened();
    await addJob(server, 'a');
    const [job, id] = (await server.queue(LANE).jobs.moveToActive('token')) as [unknown, string];
    expect(job).toMatchObject({ name: 'import-products' });
    expect(id).toBe('a');
  });

  it('passes messages to every process of the fleet, this one too', async () => {
    const one = await fleets.opened();
    const heard: FleetMessage[] = [];
    one.onMessage((message) => heard.push(message));
    one.publish({ type: 'lane', lane: 'first' });
    const prefix = fleets.prefix();
    const [two, three] = [await fleets.opened({ prefix }), await fleets.opened({ prefix })];
    two.onMessage((message) => heard.push(message));
    three.onMessage((message) => heard.push(message));
    await until(() => heard.length === 1);
    two.publish({ type: 'pause', queue: 'default', paused: true });
    await until(() => heard.length === 3);
    expect(heard.map(({ type }) => type)).toEqual(['lane', 'pause', 'pause']);
  });

  it('that cannot be reached is told of without its address, and can be opened later', async () => {
    const proxy = await fleets.proxy();
    proxy.drop();
    const server = fleets.process({ connection: proxy.urlOf(url) });
    await expect(server.open()).rejects.toMatchObject({
      code: 'BACKEND',
      message: 'Redis cannot be reached; see whether it runs, and the connection URL',
    });
    expect(proxy.open).toBe(0);
    proxy.restore();
    await server.open();
    await server.call('add a job', () => addJob(server, 'a'));
  });

  it('that wants another password says so, and shows none', async () => {
    const { url: own } = await startOwn(['--requirepass', 'right']);
    const refusal = fleets.process({ connection: own.replace('//', '//:wrong@') }).open();
    await expect(refusal).rejects.toMatchObject({
      code: 'BACKEND',
      message: 'Redis refuses the name or password; see the connection URL',
    });
    await fleets.opened({ connection: own.replace('//', '//:right@') });
  });

  it('that may remove keys is refused, with what to set', async () => {
    const { url: own } = await startOwn(['--maxmemory-policy', 'allkeys-lru']);
    await expect(fleets.process({ connection: own }).open()).rejects.toMatchObject({
      code: 'BACKEND',
      message:
        'Redis removes runs when its memory is full (maxmemory-policy is allkeys-lru); set maxmemory-policy to noeviction',
    });
  });

  it.each([
    ['keeps nothing on disk is warned of', ['--appendonly', 'no'], 1],
    ['saves now and then is not', ['--appendonly', 'no', '--save', '3600 1'], 0],
    ['writes a log is not', [], 0],
  ])('that %s', async (_what, settings, times) => {
    const { url: own } = await startOwn(settings);
    const warned: string[] = [];
    const ignore = (): void => undefined;
    const warn = (_fields: object, message: string): void => void warned.push(message);
    await fleets.opened({ connection: own, logger: { debug: ignore, info: ignore, error: ignore, warn } });
    expect(warned).toHaveLength(times);
  });

  it('that was killed and started again has what it was told', async () => {
    const { url: own, process } = await startOwn([]);
    const server = await fleets.opened({ connection: own });
    let back = 0;
    server.onBack(() => back++);
    await server.call('add a job', () => addJob(server, 'a'));
    await process.kill();
    await expect(server.call('add a job', () => addJob(server, 'b'))).rejects.toMatchObject({ code: 'BACKEND' });
    await process.start();
    await until(() => back > 0);
    const taken: unknown[] = await server.call('take a job', () => server.queue(LANE).jobs.moveToActive('token'));
    expect(taken[1]).toBe('a');
    const heard: FleetMessage[] = [];
    server.onMessage((message) => heard.push(message));
    // Until it listens again, which may take seconds, messages are lost.
    const again = setInterval(() => server.publish({ type: 'lane', lane: LANE }), 50);
    fleets.later(() => clearInterval(again));
    await until(() => heard.length > 0);
  });
});

redis.describe('a lane that waits', () => {
  it('is woken by a job of another process', async () => {
    const prefix = fleets.prefix();
    const [one, two] = [await fleets.opened({ prefix }), await fleets.opened({ prefix })];
    const waited = two.queue(LANE).waitForJob(Date.now() + 60_000, never);
    await addJob(one, 'a');
    await waited;
  });

  it('is woken by its signal, and by the time', async () => {
    const server = await fleets.opened();
    const queue = server.queue(LANE);
    const abort = new AbortController();
    const waited = queue.waitForJob(Date.now() + 60_000, abort.signal);
    abort.abort();
    await waited;
    await queue.waitForJob(Date.now() + 20, never);
  });
});

redis.describe('a lane whose wait was given up', () => {
  /** Two processes on a Redis of their own, where nobody else waits; the second has given up, and its Redis waits on. */
  async function givenUp(): Promise<[one: RedisServer, two: RedisServer]> {
    const { url: connection } = await startOwn([]);
    const prefix = fleets.prefix();
    const [one, two] = [await fleets.opened({ connection, prefix }), await fleets.opened({ connection, prefix })];
    const abort = new AbortController();
    const waited = two.queue(LANE).waitForJob(Date.now() + 60_000, abort.signal);
    await until(() => isAsked(two));
    abort.abort();
    await waited;
    return [one, two];
  }

  it('knows of a job that came meanwhile', async () => {
    const [one, two] = await givenUp();
    await addJob(one, 'a');
    await two.queue(LANE).waitForJob(Date.now() + 60_000, never);
  });

  it('leaves a job that came meanwhile to others when it rests', async () => {
    const [one, two] = await givenUp();
    await addJob(one, 'a');
    await until(async () => !(await isAsked(two)));
    await two.queue(LANE).rest();
    await one.queue(LANE).waitForJob(Date.now() + 60_000, never);
  });
});

redis.describe('messages', () => {
  it('of events come only to processes that listen', async () => {
    const prefix = fleets.prefix();
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => fleets.opened({ prefix })));
    const heard: string[] = [];
    two?.onMessage(({ type }) => heard.push(`two ${type}`));
    three?.onMessage(({ type }) => heard.push(`three ${type}`));
    const events = { type: 'events', process: 'one', events: [], jobIds: [], freed: [] } as const;
    two?.publish({ type: 'listening', process: 'two', forMs: 15_000 });
    await until(() => heard.length === 2);
    one?.publish(events);
    one?.publish({ type: 'lane', lane: LANE });
    await until(() => heard.length === 5);
    expect(heard.slice(2).sort()).toEqual(['three lane', 'two events', 'two lane']);
    two?.publish({ type: 'listening', process: 'two', forMs: 0 });
    await until(() => heard.length === 7);
    one?.publish(events);
    one?.publish({ type: 'lane', lane: LANE });
    await until(() => heard.length === 9);
    expect(heard.slice(7).sort()).toEqual(['three lane', 'two lane']);
  });
});

redis.describe('a connection', () => {
  it('that is lost fails its calls at once, is made again, and tells so', async () => {
    const proxy = await fleets.proxy();
    const server = await fleets.opened({ connection: proxy.urlOf(url) });
    let back = 0;
    server.onBack(() => back++);
    proxy.drop();
    await until(() => proxy.open === 0);
    await expect(server.call('add a job', () => addJob(server, 'a'))).rejects.toMatchObject({ code: 'BACKEND' });
    proxy.restore();
    await until(() => back > 0);
    await server.call('add a job', () => addJob(server, 'a'));
  });

  it('that answers nothing any more fails calls in time, and is made again', async () => {
    const proxy = await fleets.proxy();
    const server = await fleets.opened({ connection: proxy.urlOf(url), callTimeoutMs: 200 });
    let back = 0;
    server.onBack(() => back++);
    proxy.swallow();
    await expect(server.call('add a job', () => addJob(server, 'a'))).rejects.toMatchObject({
      code: 'BACKEND',
      message: 'Redis did not answer within 0.2 s; see whether it runs and can be reached',
    });
    await until(async () => (await Promise.allSettled([addJob(server, 'b')]))[0].status === 'rejected');
    proxy.restore();
    await until(() => back > 0);
    await server.call('add a job', () => addJob(server, 'c'));
  });

  it.each(['drop', 'swallow', 'restore'] as const)('is closed in time after a %s', async (what) => {
    const proxy = await fleets.proxy();
    const server = await fleets.opened({ connection: proxy.urlOf(url), callTimeoutMs: 300 });
    const lane = server.queue(LANE).waitForJob(Date.now() + 60_000, never);
    await until(() => proxy.open === 3);
    proxy[what]();
    const begunAt = performance.now();
    await server.close();
    expect(performance.now() - begunAt).toBeLessThan(2_000);
    await lane;
  });
});
