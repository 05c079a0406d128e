import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.js';
import { beginWorker } from '../../src/cli/worker.js';
import { readWorkerOptions } from '../../src/cli/worker-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { BackendEnvironment } from '../../src/ports/backend.js';
import { TaskError } from '../../src/task/errors.js';
import { defineTask } from '../../src/task/task.js';
import { ForwardingBackend } from '../../src/testing/forwarding-backend.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';

const newFolder = temporaryFolders();
const greet = defineTask({ name: 'greet', handler: () => 'hello' });
const mail = defineTask({ name: 'mail', queue: 'mail', handler: () => 'sent' });
const tasks = [greet, mail];
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
let file: string;
let started: FakeProcess[];

beforeEach(async () => {
  file = join(await newFolder(), 'errand.db');
  started = [];
});
afterEach(async () => {
  for (const process of started) await process.end();
});

/** As much of a process as a worker uses. */
class FakeProcess extends EventEmitter {
  readonly stdout = new PassThrough();
  exitCode: number | undefined;
  printed = '';

  constructor() {
    super();
    this.stdout.on('data', (chunk: Buffer) => (this.printed += chunk.toString()));
    started.push(this);
  }

  /** The process of the tests outlives the worker, so it would be ended by force. */
  readonly exit = ignore as () => never;

  /** What SIGTERM makes of it; its exit code. */
  async end(): Promise<number | undefined> {
    if (this.exitCode === undefined) this.emit('SIGTERM');
    await until(() => this.exitCode !== undefined);
    return this.exitCode;
  }

  async readiness(): Promise<number> {
    const [url = ''] = /http:\S+/.exec(this.printed) ?? [];
    return (await fetch(`${url}/readyz`, { headers: { Connection: 'close' } })).status;
  }
}

/** A server that is away at first, with a file behind it. */
class AwayAtFirst extends ForwardingBackend {
  isAway = true;
  isOpen = false;

  override async open(environment: BackendEnvironment): Promise<void> {
    if (this.isAway) throw new TaskError('BACKEND', 'Redis cannot be reached');
    await this.real.open(environment);
    this.isOpen = true;
  }
}

/** Starts a worker on a backend. */
async function work(backend: ForwardingBackend, args: readonly string[] = []): Promise<FakeProcess> {
  const process = new FakeProcess();
  const options = readWorkerOptions(['--examples', ...args], { ERRAND_BACKEND: 'redis://db.test' });
  if (options === 'help') throw new Error('nobody asked for help');
  const storage = { backend, place: 'redis://db.test', routers: [] };
  await beginWorker(options, { process, tasks, resources: {}, storage, logger: silent });
  return process;
}

/** What a process without work has accepted before. */
async function accept(): Promise<void> {
  const manager = new TaskManager({ tasks, backend: sqlite({ file }), work: false });
  await manager.start(greet, undefined, { id: 'a' });
  await manager.start(mail, undefined, { id: 'b' });
  await manager.close({ graceMs: 0 });
}

/** How the runs are found by the next process. */
async function statuses(): Promise<unknown> {
  const manager = new TaskManager({ tasks, backend: sqlite({ file }), work: false });
  const found = [await manager.get('a'), await manager.get('b')].map((run) => run?.status);
  await manager.close({ graceMs: 0 });
  return found;
}

describe('a worker', () => {
  it('handles what others have accepted, says that it is ready, and ends on SIGTERM with 0', async () => {
    await accept();
    const backend = new ForwardingBackend(sqlite({ file }));
    const process = await work(backend);
    expect(process.printed).toContain('Tasks: greet, mail\nRuns: redis://db.test\nQueues: all\n');
    expect(await process.readiness()).toBe(200);
    await until(async () => (await backend.find('b'))?.status === 'completed');
    expect(await process.end()).toBe(0);
    expect(await statuses()).toEqual(['completed', 'completed']);
  });

  it('leaves the queues alone that it was not told to work on', async () => {
    await accept();
    const backend = new ForwardingBackend(sqlite({ file }));
    const process = await work(backend, ['--queues', 'm*']);
    await until(async () => (await backend.find('b'))?.status === 'completed');
    await process.end();
    expect(await statuses()).toEqual(['queued', 'completed']);
  });

  it('waits for a server that is away, is not ready until then, and begins by itself', async () => {
    await accept();
    const backend = new AwayAtFirst(sqlite({ file }));
    const process = await work(backend);
    expect(process.printed).toContain('Waiting, for they cannot be reached yet: Redis cannot be reached\n');
    expect(await process.readiness()).toBe(503);
    backend.isAway = false;
    await until(() => backend.isOpen); // nobody asks for its health meanwhile
    await until(async () => (await process.readiness()) === 200);
    await until(async () => (await backend.find('a'))?.status === 'completed');
    expect(await process.end()).toBe(0);
  });

  it('ends while it waits', async () => {
    const process = await work(new AwayAtFirst(sqlite({ file })));
    expect(await process.end()).toBe(0);
  });

  it('does not wait for a package to be installed', async () => {
    class Missing extends ForwardingBackend {
      override open(): never {
        throw new TaskError('BACKEND', 'The package ioredis is not installed', { details: { package: 'ioredis' } });
      }
    }
    await expect(work(new Missing(sqlite({ file })))).rejects.toMatchObject({ exitCode: 1 });
    started = [];
  });
});

function ignore(): void {
  // Nothing is looked for in the log.
}
