import { afterEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import pg from 'pg';

import { type BullmqOptions, checkBullmqOptions } from '../../../src/backends/bullmq/bullmq-options.js';
import type { FleetMessage } from '../../../src/backends/bullmq/server/fleet-server.js';
import { checkPostgresFitness } from '../../../src/backends/bullmq/postgres/postgres-fitness.js';
import { PostgresSockets } from '../../../src/backends/bullmq/postgres/postgres-sockets.js';
import { PostgresServer } from '../../../src/backends/bullmq/postgres/postgres-server.js';
import type { Queryable } from '../../../src/backends/bullmq/postgres/postgres-tables.js';
import type { Logger } from '../../../src/ports/logger.js';
import { postgresForTests } from '../../servers/postgres.js';
import { TcpProxy } from '../../servers/tcp-proxy.js';
import { until } from '../../until.js';

const postgres = await postgresForTests();
const LANE = 'default|run|import-products|';
const NEVER = new AbortController().signal;

/** What a test leaves to be undone, last first. */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function query(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(postgres.url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

function prefixOfTest(): string {
  const prefix = `t${randomBytes(5).toString('hex')}`;
  undo.push(() => query(`DROP SCHEMA IF EXISTS ${prefix} CASCADE; DROP SCHEMA IF EXISTS ${prefix}_bullmq CASCADE`));
  return prefix;
}

async function proxied(): Promise<TcpProxy> {
  const proxy = await TcpProxy.to(postgres.url);
  undo.push(() => proxy.close());
  return proxy;
}

const TERMINATE = Buffer.from('X\0\0\0\x04', 'latin1');

/** Says farewell right after the first answer on a connection, from the n-th one on, and whenever it is left. */
async function endingPostgres(): Promise<{ url: string; endFrom: (nth: number) => void; ended: () => number }> {
  const { hostname, port } = new URL(postgres.url);
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0');
  const farewell = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), fields]);
  farewell.writeInt32BE(4 + fields.length, 1);
  let [from, connections, ended] = [1, 0, 0];
  const proxy = createServer((client) => {
    const nth = (connections += 1);
    let answers = 0;
    const server = connect(Number(port || 5_432), hostname).on('error', () => client.destroy());
    client.on('error', () => server.destroy()).on('close', () => server.destroy());
    client.on('data', (chunk) => {
      if (chunk.includes(TERMINATE)) client.write(farewell);
      server.write(chunk);
    });
    server.on('close', () => client.destroySoon());
    server.on('data', (chunk) => {
      client.write(chunk);
      // Ready for a query: the first time, that it is connected.
      if (chunk.at(-6) === 0x5a) answers += 1;
      if (answers !== 2 || nth < from) return;
      ended += 1;
      client.end(farewell);
    });
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  undo.push(() => proxy.close());
  const url = Object.assign(new URL(postgres.url), { host: `127.0.0.1:${(proxy.address() as AddressInfo).port}` }).href;
  return { url, endFrom: (n) => ([from, connections] = [n, 0]), ended: () => ended };
}

function serverOf(options: Partial<BullmqOptions> = {}, logger?: Logger): PostgresServer {
  const settings = checkBullmqOptions({ connection: postgres.url, ...options });
  const server = new PostgresServer({ settings, logger });
  undo.push(() => server.close());
  return server;
}

async function opened(options: Partial<BullmqOptions> = {}): Promise<PostgresServer> {
  const server = serverOf({ prefix: prefixOfTest(), ...options });
  await server.open();
  return server;
}

function addJob(server: PostgresServer, jobId: string, delay = 0): Promise<string> {
  const job = { id: jobId, name: 'import-products', data: '{}', opts: { delay }, timestamp: Date.now(), delay };
  return server.queue(LANE).jobs.addJob(job as never, jobId);
}

postgres.describe('a PostgreSQL', () => {
  it('is refused as BACKEND where its URL names a file that is not there, and what must be set is said', async () => {
    const connection = Object.assign(new URL(postgres.url), { search: 'sslrootcert=/nowhere/ca.pem' }).href;
    await expect(serverOf({ connection }).open()).rejects.toMatchObject({
      code: 'BACKEND',
      message: expect.stringMatching(/^The connection URL of PostgreSQL cannot be used: ENOENT.*ca\.pem/),
      details: { server: 'postgres', setting: 'connection' },
    });
  });

  it('that ends between two statements ends no process', async () => {
    const ending = await endingPostgres();
    // The first two connections are not BullMQ's: they look at the settings, and make the tables.
    for (const fatalFrom of [1, 2, 3, 4, 5, Infinity]) {
      ending.endFrom(fatalFrom);
      const server = serverOf({ connection: ending.url, prefix: prefixOfTest() });
      await server.open().catch((error: unknown) => expect(error).toMatchObject({ code: 'BACKEND' }));
      await server.close();
    }
    expect(ending.ended()).toBeGreaterThan(0);
  }, 30_000);

  it('takes jobs into lanes, and gives them out', async () => {
    const server = await opened();
    await addJob(server, 'a');
    const [job, id] = (await server.queue(LANE).jobs.moveToActive('token')) as [unknown, string];
    expect(job).toMatchObject({ name: 'import-products' });
    expect(id).toBe('a');
  });

  it('removes no job that is being taken', async () => {
    const prefix = prefixOfTest();
    const server = await opened({ prefix });
    await addJob(server, 'a');
    const taker = new pg.Client(postgres.url);
    await taker.connect();
    undo.push(() => taker.end());
    await taker.query('BEGIN');
    const { rows } = await taker.query<{ pid: number }>(
      `SELECT pg_backend_pid() AS pid FROM ${prefix}_bullmq.job FOR UPDATE`,
    );
    const removed = server.queue(LANE).remove('a');
    // It has looked, and waits for whoever is taking the job.
    await until(async () => {
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE ${rows[0]?.pid} = ANY (pg_blocking_pids(pid))`;
      return (await query(waiting)).length > 0;
    });
    const taking = `SELECT ${prefix}_bullmq.move_to_active($1, 'token', 60000, $2, NULL, NULL, NULL)`;
    await taker.query(taking, [LANE, Date.now()]);
    await taker.query('COMMIT');
    expect(await removed).toBe(false);
    expect(await server.queue(LANE).jobs.getState('a')).toBe('active');
  });

  it('removes a job that nobody has, and knows that there is none', async () => {
    const server = await opened();
    await addJob(server, 'a');
    const lane = server.queue(LANE);
    expect(await lane.remove('a')).toBe(true);
    expect(await lane.jobs.getState('a')).toBe('unknown');
    expect(await lane.remove('a')).toBe(true);
  });

  it('has a book', async () => {
    const server = await opened();
    await server.book.open();
    await server.book.addLane(LANE);
    expect((await server.book.head()).lanes).toEqual([LANE]);
  });

  it('is prepared once by many processes that begin at once', async () => {
    const prefix = prefixOfTest();
    const servers = Array.from({ length: 4 }, () => serverOf({ prefix }));
    await Promise.all(servers.map((server) => server.open()));
    const heads = await Promise.all(servers.map((server) => server.book.open()));
    expect(new Set(heads.map(({ storeId }) => storeId)).size).toBe(1);
  });

  it('passes messages to every process of the fleet, this one too, in their order', async () => {
    const prefix = prefixOfTest();
    const [one, two] = [await opened({ prefix }), await opened({ prefix })];
    const heard: [FleetMessage[], FleetMessage[]] = [[], []];
    one.onMessage((message) => heard[0].push(message));
    two.onMessage((message) => heard[1].push(message));
    for (let n = 0; n < 30; n++) one.publish({ type: 'lane', lane: `lane ${n}` });
    await until(() => heard[0].length === 30 && heard[1].length === 30);
    const sent = Array.from({ length: 30 }, (_, n) => ({ type: 'lane', lane: `lane ${n}` }));
    expect(heard).toEqual([sent, sent]);
  });

  it('that cannot be reached is told of without its address, and can be opened later', async () => {
    const proxy = await proxied();
    proxy.drop();
    const server = serverOf({ connection: proxy.urlOf('postgres://me:secret@127.0.0.1/test') });
    const error: unknown = await server.open().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'BACKEND',
      message: 'PostgreSQL cannot be reached; see whether it runs, and the connection URL',
    });
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('secret');
    const later = serverOf({ connection: proxy.urlOf(postgres.url), prefix: prefixOfTest() });
    await expect(later.open()).rejects.toMatchObject({ code: 'BACKEND' });
    proxy.restore();
    await later.open();
  });

  it('without that database says so', async () => {
    const url = new URL(postgres.url);
    url.pathname = '/no_such_database';
    await expect(serverOf({ connection: url.href }).open()).rejects.toMatchObject({
      code: 'BACKEND',
      message: 'PostgreSQL has no such database; make it, or name another in the connection URL',
    });
  });

  it('is used with the options in its URL', async () => {
    const url = new URL(postgres.url);
    url.searchParams.set('options', '-c work_mem=7MB');
    const server = await opened({ connection: url.href });
    await addJob(server, 'a');
    const [settings] = await query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'errand' AND datname = current_database()`,
    );
    expect(settings?.['n']).toBeGreaterThan(0);
  });
});

postgres.describe('the fitness of a PostgreSQL', () => {
  const fit = { number: 150_020, version: '15.20', standby: false, encoding: 'UTF8', commit: 'on', fsync: 'on' };
  const answering = (facts: Partial<typeof fit>): Queryable => ({
    query: () => Promise.resolve({ rows: [{ ...fit, ...facts } as never] }),
  });

  it.each([
    [{ number: 120_011, version: '12.11' }, 'PostgreSQL must be 13 or newer for a fleet; this one is 12.11'],
    [{ standby: true }, 'PostgreSQL is a standby, which cannot be written; connect to the primary'],
    [
      { encoding: 'LATIN1' },
      'PostgreSQL keeps texts of this database as LATIN1; use a database with the encoding UTF8',
    ],
  ])('is missing where %j', async (facts, message) => {
    await expect(checkPostgresFitness(answering(facts), undefined)).rejects.toMatchObject({ code: 'BACKEND', message });
  });

  it.each([
    [{ commit: 'off' }, 'synchronous_commit'],
    [{ fsync: 'off' }, 'fsync'],
  ])('is warned about where %j', async (facts, setting) => {
    const warnings: string[] = [];
    const nothing = (): void => undefined;
    const warn = (_fields: object, message: string): void => void warnings.push(message);
    await checkPostgresFitness(answering(facts), { debug: nothing, info: nothing, error: nothing, warn });
    expect(warnings).toEqual([expect.stringContaining(`"${setting}"`)]);
  });

  it('is there in the one that tests use', async () => {
    const client = new pg.Client(postgres.url);
    await client.connect();
    undo.push(() => client.end());
    await checkPostgresFitness(client, undefined);
  });
});

postgres.describe('a lane that waits', () => {
  it('is woken by a job of another process', async () => {
    const prefix = prefixOfTest();
    const [one, two] = [await opened({ prefix }), await opened({ prefix })];
    const waited = two.queue(LANE).waitForJob(Date.now() + 60_000, NEVER);
    await addJob(one, 'a');
    await waited;
  });

  it('is woken by a job that was there before', async () => {
    const server = await opened();
    await addJob(server, 'a');
    await server.queue(LANE).waitForJob(Date.now() + 60_000, NEVER);
  });

  it('is woken when a job is due', async () => {
    const server = await opened();
    await addJob(server, 'a', 300);
    const begunAt = performance.now();
    await server.queue(LANE).waitForJob(Date.now() + 60_000, NEVER);
    expect(performance.now() - begunAt).toBeLessThan(2_000);
  });

  it('is woken by its signal, by the time, and when it is to rest', async () => {
    const queue = (await opened()).queue(LANE);
    const abort = new AbortController();
    const waited = queue.waitForJob(Date.now() + 60_000, abort.signal);
    abort.abort();
    await waited;
    await queue.waitForJob(Date.now() + 20, NEVER);
    const rested = queue.waitForJob(Date.now() + 60_000, NEVER);
    await queue.rest();
    await rested;
  });

  it('shares its connection with all others', async () => {
    const proxy = await proxied();
    const server = await opened({ connection: proxy.urlOf(postgres.url) });
    const lanes = Array.from({ length: 30 }, (_, n) => `default|run|task-${n}|`);
    const waits = lanes.map((lane) => server.queue(lane).waitForJob(Date.now() + 60_000, NEVER));
    const one = server.queue('default|run|task-7|').jobs;
    await one.addJob({ id: 'x', name: 'x', data: '{}', opts: {}, timestamp: 1 } as never, 'x');
    await waits[7];
    // Eight for calls, one that is notified, two for messages.
    expect(proxy.open).toBeLessThanOrEqual(11);
    await server.close();
    await Promise.all(waits);
  });

  it('hears of jobs again after its connection was cut', async () => {
    const proxy = await proxied();
    const prefix = prefixOfTest();
    const [one, two] = [await opened({ prefix }), await opened({ prefix, connection: proxy.urlOf(postgres.url) })];
    const queue = two.queue(LANE);
    const cut = queue.waitForJob(Date.now() + 60_000, NEVER);
    // The one that is notified has listened.
    await until(
      async () =>
        (
          await query(
            `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%LISTEN bullmq_jobs%' AND query NOT LIKE '%activity%'`,
          )
        ).length > 0,
    );
    proxy.cut();
    const begunAt = performance.now();
    await cut;
    expect(performance.now() - begunAt).toBeLessThan(5_000);
    const waited = queue.waitForJob(Date.now() + 60_000, NEVER);
    await addJob(one, 'a');
    await waited;
  });

  it('hears of jobs again where the server fell silent', async () => {
    const proxy = await proxied();
    const prefix = prefixOfTest();
    const one = await opened({ prefix });
    const two = await opened({ prefix, connection: proxy.urlOf(postgres.url), callTimeoutMs: 300 });
    const queue = two.queue(LANE);
    const first = queue.waitForJob(Date.now() + 60_000, NEVER);
    await addJob(one, 'a');
    await first;
    await two.queue(LANE).jobs.moveToActive('token');
    proxy.swallow();
    await queue.waitForJob(Date.now() + 60_000, NEVER);
    proxy.restore();
    await until(async () => (await Promise.allSettled([two.book.open()]))[0].status === 'fulfilled');
    // The first wait may still find the connection that is silent.
    await queue.waitForJob(Date.now() + 1_000, NEVER);
    const waited = queue.waitForJob(Date.now() + 60_000, NEVER);
    const begunAt = performance.now();
    await addJob(one, 'b');
    await waited;
    expect(performance.now() - begunAt).toBeLessThan(5_000);
  });
});

describe('sockets', () => {
  it('are ended whatever the other side does', async () => {
    const silent = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    undo.push(() => silent.close());
    const sockets = new PostgresSockets();
    const { port } = silent.address() as AddressInfo;
    const socket = sockets.make().connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.end();
    await once(socket, 'finish');
    expect([sockets.size, socket.destroyed]).toEqual([1, false]);
    sockets.destroy();
    await until(() => sockets.size === 0);
  });
});

postgres.describe('a connection', () => {
  it('that is lost fails its calls at once, is made again, and tells so', async () => {
    const proxy = await proxied();
    const server = await opened({ connection: proxy.urlOf(postgres.url) });
    let back = 0;
    server.onBack(() => back++);
    proxy.drop();
    await until(() => proxy.open === 0);
    await expect(server.call('add a job', () => addJob(server, 'a'))).rejects.toMatchObject({ code: 'BACKEND' });
    proxy.restore();
    await server.call('add a job', () => addJob(server, 'a'));
    expect(back).toBe(1);
  });

  it('that answers nothing any more fails calls in time, and is made again', async () => {
    const proxy = await proxied();
    const server = await opened({ connection: proxy.urlOf(postgres.url), callTimeoutMs: 300 });
    proxy.swallow();
    const calls = Array.from({ length: 20 }, (_, n) => server.call('add a job', () => addJob(server, `a${n}`)));
    const begunAt = performance.now();
    const answers = await Promise.allSettled(calls);
    expect(performance.now() - begunAt).toBeLessThan(1_500);
    const message = 'PostgreSQL did not answer within 0.3 s; see whether it runs and can be reached';
    for (const answer of answers) expect(answer).toMatchObject({ reason: { code: 'BACKEND', message } });
    proxy.restore();
    await until(async () => {
      const [answer] = await Promise.allSettled([server.call('add a job', () => addJob(server, 'c'))]);
      return answer.status === 'fulfilled';
    });
  });

  it.each(['drop', 'swallow', 'restore'] as const)('is closed in time after a %s', async (what) => {
    const proxy = await proxied();
    const server = await opened({ connection: proxy.urlOf(postgres.url), callTimeoutMs: 300 });
    const lane = server.queue(LANE).waitForJob(Date.now() + 60_000, NEVER);
    await until(() => proxy.open >= 4);
    proxy[what]();
    const begunAt = performance.now();
    await server.close();
    expect(performance.now() - begunAt).toBeLessThan(1_000);
    await lane;
  });
});
