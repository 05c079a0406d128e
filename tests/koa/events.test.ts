import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventSource } from 'eventsource';
import Koa from 'koa';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { FakeClock } from '../fake-clock.js';
import { EventReader, type ReadEvent } from './event-reader.js';
import { serve, type TestServer } from './server.js';
import { gate, TASKS, until, type Gate } from './tasks.js';

let manager: TaskManager;
let server: TestServer;
let clock: FakeClock;
let readers: EventReader[];
let reported: unknown[];

beforeEach(async () => {
  clock = new FakeClock();
  readers = [];
  reported = [];
  manager = new TaskManager({ tasks: TASKS, graceMs: 50 });
  const app = new Koa();
  app.on('error', (error: unknown) => reported.push(error));
  app.use(taskRoutes({ manager, clock }).routes());
  server = await serve(app);
});

afterEach(async () => {
  for (const reader of readers) reader.close();
  await manager.close({ graceMs: 0 });
  await server.close();
});

async function watch(path: string, headers: Record<string, string> = {}): Promise<EventReader> {
  const reader = await EventReader.open(server, path, headers);
  readers.push(reader);
  return reader;
}

function watchAll(query = '', headers: Record<string, string> = {}): Promise<EventReader> {
  return watch(`/process${query}`, { accept: 'text/event-stream', ...headers });
}

/** An ad-hoc run that does what the test says. */
async function puppet(id: string): Promise<{ ctx: TaskContext; end: Gate<unknown> }> {
  const end = gate<unknown>();
  const begun = gate<TaskContext>();
  await manager.start(id, (ctx) => {
    begun.open(ctx);
    return end.passed;
  });
  return { ctx: await begun.passed, end };
}

/** Logs so many megabytes, slowly enough for a client that reads. */
async function flood(ctx: TaskContext, megabytes: number): Promise<void> {
  const line = 'x'.repeat(8_000);
  for (let turn = 0; turn < megabytes * 12.5; turn += 1) {
    for (let count = 0; count < 10; count += 1) ctx.log.info(line);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function names(events: readonly ReadEvent[]): (string | undefined)[] {
  return events.map((event) => event.event ?? (event.retry === undefined ? event.comment : 'retry'));
}

describe('GET /process/{id}/events', () => {
  it('begins with retry and a snapshot, tells what happens, and closes after done', async () => {
    const { ctx, end } = await puppet('s1');
    const reader = await watch('/process/s1/events');
    expect(reader.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'private, no-cache, no-transform',
    });
    expect(await reader.next()).toEqual({ retry: '2000' });
    const snapshot = await reader.next();
    expect(snapshot).toMatchObject({ event: 'snapshot', data: { id: 's1', status: 'running', result: null } });
    ctx.log.info('half\nway');
    ctx.progress(1, 2, 'one');
    end.open({ all: 'good' });
    const events = await reader.rest();
    expect(names(events)).toEqual(['log', 'progress', 'done']);
    expect(events[0]?.data).toMatchObject({ runId: 's1', level: 'info', message: 'half\nway', status: 'running' });
    expect(events[1]?.data).toMatchObject({ progress: { done: 1, total: 2, note: 'one' } });
    expect(events[2]?.data).toMatchObject({ id: 's1', status: 'completed', result: { all: 'good' } });
    const ids = [snapshot, ...events].map((event) => Number(event?.id));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(new Set(ids).size).toBe(4);
  });

  it('of a run that has ended gives a snapshot and done', async () => {
    const { end } = await puppet('s2');
    end.open(1);
    await manager.handle('s2').settled();
    const events = await (await watch('/process/s2/events')).rest();
    expect(names(events)).toEqual(['retry', 'snapshot', 'done']);
    expect(events[1]?.id).toBeUndefined();
  });

  it('tells a cancel as a status', async () => {
    const { end } = await puppet('s3');
    const reader = await watch('/process/s3/events');
    await reader.find('snapshot');
    await manager.cancel('s3', 'enough');
    expect((await reader.find('status'))?.data).toMatchObject({ status: 'cancelling', reason: 'enough' });
    end.open(7);
    expect((await reader.find('done'))?.data).toMatchObject({ status: 'cancelled', result: 7 });
  });

  describe('with a Last-Event-ID', () => {
    it('replays what came after it, and nothing else', async () => {
      const { ctx, end } = await puppet('r1');
      const first = await watch('/process/r1/events');
      await first.find('snapshot');
      for (const message of ['a', 'b', 'c']) ctx.log.info(message);
      const seen = await first.find((event) => event.data?.['message'] === 'a');
      first.close();
      await until(() => server.inFlight === 0);
      ctx.log.info('d');
      const second = await watch('/process/r1/events', { 'last-event-id': seen?.id ?? '' });
      end.open(null);
      const events = await second.rest();
      expect(names(events)).toEqual(['retry', 'log', 'log', 'log', 'done']);
      expect(events.map((event) => event.data?.['message']).slice(1, 4)).toEqual(['b', 'c', 'd']);
    });

    it.each(['999999', '0', 'nonsense', '-1', '9'.repeat(40)])(
      '%s that is unknown gives reset and a snapshot',
      async (id) => {
        await puppet('r2');
        const reader = await watch('/process/r2/events', { 'last-event-id': id });
        expect(
          names([await reader.next(), await reader.next(), await reader.next()].map((event) => event ?? {})),
        ).toEqual(['retry', 'reset', 'snapshot']);
      },
    );

    it('of done is answered with 204', async () => {
      const { end } = await puppet('r3');
      const reader = await watch('/process/r3/events');
      await reader.find('snapshot');
      end.open(1);
      const done = await reader.find('done');
      const again = await watch('/process/r3/events', { 'last-event-id': done?.id ?? '' });
      expect(again.status).toBe(204);
    });

    it('of done is answered with 204 also after the run was redriven, however long ago its clients left', async () => {
      const { id } = await (await manager.startNamed('broken')).settled();
      const path = `/process/${id}/events`;
      const before = await (await watch(path)).find('done');
      await manager.redrive(id);
      const after = await (await watch(path)).find('done');
      for (let round = 0; round < 2; round += 1) {
        for (const done of [before, after]) {
          expect((await watch(path, { 'last-event-id': done?.id ?? '' })).status).toBe(204);
        }
        for (const reader of readers) reader.close();
        await until(() => server.inFlight === 0);
        clock.advance(60_000);
      }
      expect((await watch(path, { 'last-event-id': String(Number(before?.id) - 1) })).status).toBe(200);
    });

    it('of another run that had the id before gives a snapshot of the present one', async () => {
      const { end } = await puppet('r4');
      const reader = await watch('/process/r4/events');
      await reader.find('snapshot');
      end.open(1);
      const done = await reader.find('done');
      const next = await puppet('r4');
      const ids = [Number(done?.id) - 1, Number(done?.id)].map(String);
      const again = await Promise.all(ids.map((id) => watch('/process/r4/events', { 'last-event-id': id })));
      for (const client of again) {
        const events = [await client.next(), await client.next(), await client.next()];
        expect(names(events.map((event) => event ?? {}))).toEqual(['retry', 'reset', 'snapshot']);
        expect(events[2]?.data).toMatchObject({ status: 'running', result: null });
      }
      next.end.open('second');
      for (const client of again) expect((await client.find('done'))?.data).toMatchObject({ result: 'second' });
    });
  });

  it('is one subscription, however many clients there are, and ends a minute after the last', async () => {
    const subscriptions: AbortSignal[] = [];
    const handle = manager.handle.bind(manager);
    Reflect.set(manager, 'handle', (id: string) => {
      const made = handle(id);
      const events = made.events.bind(made);
      made.events = (options) => {
        if (options?.signal) subscriptions.push(options.signal);
        return events(options);
      };
      return made;
    });
    const { ctx } = await puppet('c1');
    const clients = await Promise.all([1, 2, 3].map(() => watch('/process/c1/events')));
    for (const client of clients) await client.find('snapshot');
    ctx.log.info('to all');
    for (const client of clients) expect((await client.find('log'))?.data).toMatchObject({ message: 'to all' });
    expect(subscriptions).toHaveLength(1);
    for (const client of clients) client.close();
    await until(() => server.inFlight === 0);
    expect(clock.pendingRefed).toBe(0);
    clock.advance(59_999);
    expect(subscriptions[0]?.aborted).toBe(false);
    clock.advance(1);
    expect(subscriptions[0]?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('pings every 15 seconds', async () => {
    await puppet('p1');
    const reader = await watch('/process/p1/events');
    await reader.find('snapshot');
    for (let round = 0; round < 2; round += 1) {
      clock.advance(15_000);
      expect(await reader.next()).toEqual({ comment: 'ping' });
    }
  });

  it('ends with its connection, also where it was asked for behind another one', async () => {
    await puppet('behind');
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    socket.write('GET /process/behind/events HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
    await until(() => clock.pendingRefed === 3);
    socket.destroy();
    await until(() => server.inFlight < 3);
    clock.advance(15_000);
    expect(clock.pendingRefed).toBe(0);
    clock.advance(60_000);
    expect(clock.pending).toBe(0);
  });

  it('ends when the manager closes', async () => {
    await puppet('m1');
    const reader = await watch('/process/m1/events');
    await reader.find('snapshot');
    await manager.close({ graceMs: 0 });
    expect(names(await reader.rest()).at(-1)).toBe('done');
    expect(await manager.get('m1')).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' } });
  });

  it('does not touch the run when the client leaves', async () => {
    const { ctx, end } = await puppet('w1');
    const reader = await watch('/process/w1/events');
    await reader.find('snapshot');
    reader.close();
    await until(() => server.inFlight === 0);
    expect(ctx.signal.aborted).toBe(false);
    end.open('still here');
    expect(await manager.handle('w1').result()).toBe('still here');
  });

  it('is read to its end by a browser, which does not come back after done', async () => {
    const { ctx, end } = await puppet('b1');
    const source = new EventSource(`${server.url}/process/b1/events`);
    const heard: string[] = [];
    const over = gate();
    for (const name of ['snapshot', 'progress', 'done']) source.addEventListener(name, () => heard.push(name));
    source.addEventListener('snapshot', () => {
      ctx.progress(1);
      end.open(null);
    });
    // After done the server closes, the browser comes back by itself, and is told 204.
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) over.open();
    });
    await over.passed;
    expect(heard).toEqual(['snapshot', 'progress', 'done']);
  });

  it('goes on for a browser whose connection breaks', async () => {
    const { ctx, end } = await puppet('b2');
    const source = new EventSource(`${server.url}/process/b2/events`);
    const heard: string[] = [];
    const [first, done, broken] = [gate(), gate(), gate()];
    source.addEventListener('log', (event) => {
      heard.push((JSON.parse(String(event.data)) as { message: string }).message);
      if (heard.length === 1) first.open();
    });
    source.addEventListener('reset', () => heard.push('reset'));
    source.addEventListener('snapshot', () => ctx.log.info('1'));
    source.addEventListener('done', () => done.open());
    source.addEventListener('error', () => broken.open());
    await first.passed;
    server.server.closeAllConnections();
    await broken.passed;
    ctx.log.info('2');
    ctx.log.info('3');
    end.open(null);
    await done.passed;
    source.close();
    expect(heard).toEqual(['1', '2', '3']);
  });

  describe('a client that stops reading', () => {
    it('is told reset, and gets the present state once it reads on', async () => {
      const { ctx, end } = await puppet('slow');
      const reader = await watch('/process/slow/events');
      await reader.find('snapshot');
      reader.pause();
      await flood(ctx, 30);
      ctx.progress(5, 5);
      reader.resume();
      await reader.find('reset');
      const snapshot = await reader.find((event) => event.event === 'snapshot' && event.data?.['progress'] !== null);
      expect(snapshot?.data).toMatchObject({ progress: { done: 5 } });
      end.open(null);
      expect((await reader.find('done'))?.data).toMatchObject({ status: 'completed' });
    });

    it('is cut off after two minutes', async () => {
      const { ctx } = await puppet('stuck');
      const reader = await watch('/process/stuck/events');
      await reader.find('snapshot');
      reader.pause();
      await flood(ctx, 30);
      clock.advance(105_000);
      expect(server.inFlight).toBe(1);
      clock.advance(15_000);
      await until(() => server.inFlight === 0);
    });

    it('does not hold up a server that closes', async () => {
      const { ctx, end } = await puppet('late');
      const reader = await watch('/process/late/events');
      await reader.find('snapshot');
      reader.pause();
      await flood(ctx, 10);
      end.open('x'.repeat(1_000_000));
      await manager.handle('late').settled();
      await manager.close();
      clock.advance(9_999);
      expect(server.inFlight).toBe(1);
      clock.advance(1);
      await until(() => server.inFlight === 0);
    });
  });

  it('with more events at once than are kept is told reset, and misses nothing of the state', async () => {
    const { ctx, end } = await puppet('burst');
    const reader = await watch('/process/burst/events');
    await reader.find('snapshot');
    for (let count = 0; count < 5_000; count += 1) ctx.log.info(String(count));
    await reader.find('reset');
    await reader.find('snapshot');
    end.open('after');
    expect((await reader.find('done'))?.data).toMatchObject({ result: 'after' });
  });
});

describe('GET /process with Accept: text/event-stream', () => {
  it('begins with a page of runs, and tells what happens to all', async () => {
    const { end } = await puppet('a1');
    const reader = await watchAll();
    expect((await reader.find('snapshot'))?.data).toMatchObject({ items: [{ id: 'a1', status: 'running' }] });
    await manager.startNamed('echo', 1, { id: 'a2' });
    end.open(null);
    const told = new Map<unknown, unknown[]>();
    while (!told.get('a1')?.includes('completed') || !told.get('a2')?.includes('completed')) {
      const event = await reader.find('status');
      const { runId, status } = event?.data ?? {};
      told.set(runId, [...(told.get(runId) ?? []), status]);
    }
    expect(told.get('a2')).toEqual(['queued', 'running', 'completed']);
    expect(told.get('a1')).toEqual(['completed']);
  });

  it('keeps to its filters', async () => {
    const reader = await watchAll('?task=echo&tag=mine&status=completed&status=running');
    await reader.find('snapshot');
    await manager.startNamed('endless', 1, { tags: ['mine'] });
    await manager.startNamed('echo', 1, { id: 'other' });
    await manager.startNamed('echo', 1, { id: 'wanted', tags: ['mine'] });
    const [first, second] = [await reader.next(), await reader.next()];
    expect([first?.data, second?.data]).toMatchObject([
      { runId: 'wanted', status: 'running' },
      { runId: 'wanted', status: 'completed' },
    ]);
  });

  it('replays by Last-Event-ID, and answers a strange one with reset', async () => {
    const first = await watchAll();
    await first.find('snapshot');
    await manager.startNamed('echo', 1, { id: 'x1' });
    const seen = await first.find((event) => event.data?.['status'] === 'queued');
    await first.find((event) => event.data?.['status'] === 'completed');
    first.close();
    await until(() => server.inFlight === 0);
    await manager.startNamed('echo', 1, { id: 'x2' });
    const second = await watchAll('', { 'last-event-id': seen?.id ?? '' });
    const events = [];
    while (events.length < 5) events.push((await second.find('status'))?.data);
    expect(events.map((data) => [data?.['runId'], data?.['status']])).toEqual([
      ['x1', 'running'],
      ['x1', 'completed'],
      ['x2', 'queued'],
      ['x2', 'running'],
      ['x2', 'completed'],
    ]);
    for (const id of ['strange-1', '5', `${seen?.id ?? ''}0000`]) {
      const stranger = await watchAll('', { 'last-event-id': id });
      await stranger.next();
      expect(names([(await stranger.next()) ?? {}, (await stranger.next()) ?? {}])).toEqual(['reset', 'snapshot']);
    }
  });

  it('is JSON for those that like anything as well', async () => {
    const reader = await watch('/process', { accept: '*/*' });
    expect(reader.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(reader.headers['vary']).toBe('Accept');
  });

  it('takes no cursor, because it begins with the newest: a strange one would break every answer after its head', async () => {
    for (const cursor of ['x', '1.2']) expect((await watchAll(`?cursor=${cursor}`)).status).toBe(400);
  });

  it('is cut off, and the fault reported, where the runs cannot be listed', async () => {
    Reflect.set(manager, 'list', () => Promise.reject(new Error('the disk is gone')));
    await (await watchAll()).rest();
    expect(reported).toMatchObject([{ message: 'the disk is gone' }]);
  });

  it('refuses malformed filters, and ends when the manager closes', async () => {
    expect((await watchAll('?status=done')).status).toBe(400);
    const reader = await watchAll();
    await reader.find('snapshot');
    await manager.close({ graceMs: 0 });
    await reader.rest();
    expect(server.inFlight).toBe(0);
  });
});

describe('Prefer: wait', () => {
  it('leaves nothing behind when the client leaves', async () => {
    const { ctx } = await puppet('gone');
    const signals: AbortSignal[] = [];
    const events = manager.events.bind(manager);
    Reflect.set(manager, 'events', (options: { id?: string; signal?: AbortSignal }) => {
      if (options.signal) signals.push(options.signal);
      return events(options);
    });
    const abort = new AbortController();
    const answer = fetch(`${server.url}/process/gone`, { headers: { prefer: 'wait=30' }, signal: abort.signal });
    await until(() => signals.length === 1 && clock.pending === 1);
    abort.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => signals[0]?.aborted === true);
    expect(clock.pending).toBe(0);
    expect(ctx.signal.aborted).toBe(false);
  });

  it('leaves nothing behind either when its turn on the connection has not come', async () => {
    await puppet('first');
    await puppet('next');
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    for (const id of ['first', 'next']) {
      socket.write(`GET /process/${id} HTTP/1.1\r\nHost: a\r\nPrefer: wait=30\r\n\r\n`);
    }
    await until(() => clock.pending === 2);
    socket.destroy();
    await until(() => clock.pending === 0);
  });

  it('is over when its time is, by the clock', async () => {
    await puppet('slowly');
    const answer = fetch(`${server.url}/process/slowly`, { headers: { prefer: 'wait=30' } });
    await until(() => clock.pending === 1);
    clock.advance(30_000);
    expect(await (await answer).json()).toMatchObject({ status: 'running' });
  });

  it('is over when the manager closes', async () => {
    await puppet('closing');
    const answer = fetch(`${server.url}/process/closing`, { headers: { prefer: 'wait=30' } });
    await until(() => clock.pending === 1);
    await manager.close({ graceMs: 0 });
    expect((await answer).status).toBe(200);
    expect(clock.pending).toBe(0);
  });
});
