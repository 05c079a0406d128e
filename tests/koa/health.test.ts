import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createApp } from '../../src/koa/create-app.js';
import { Readiness } from '../../src/koa/health.js';
import type { Logger } from '../../src/ports/logger.js';
import { ForwardingBackend } from '../../src/testing/forwarding-backend.js';
import { memory, TaskError, TaskManager } from '../../src/index.js';
import { FakeClock } from '../fake-clock.js';
import { codeOf, Gate } from '../manager/workbench.js';
import { raw, serve, type TestServer } from './server.js';

const down = new TaskError('BACKEND', 'redis did not answer within 2 s');
let logged: string[];
let asked: number;
let answer: () => void;
const ignore = (): void => undefined;
const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: (_fields, message) => logged.push(message) };

beforeEach(() => {
  logged = [];
  asked = 0;
  answer = ignore;
});

/** Memory behind a server that may be away. */
class RemoteBackend extends ForwardingBackend {
  constructor() {
    super(memory());
  }

  override async check(): Promise<void> {
    asked += 1;
    answer();
  }
}

function isDown(): never {
  throw down;
}

describe('/readyz', () => {
  let manager: TaskManager;
  let server: TestServer;

  beforeEach(async () => {
    manager = new TaskManager({ backend: new RemoteBackend() });
    server = await serve(createApp({ routers: [], manager, logger }));
  });

  afterEach(async () => {
    await manager.close({ graceMs: 0 });
    await server.close();
  });

  const status = async (path = '/readyz') => (await raw(server, { path })).status;

  it('is 200 while the backend answers, and 503 when the manager closes', async () => {
    expect(await status()).toBe(200);
    await manager.close({ graceMs: 0 });
    expect(await status()).toBe(503);
  });

  it('is 503 while the backend does not answer, says so without its words, and is logged; /healthz is 200', async () => {
    answer = isDown;
    const { status: code, text } = await raw(server, { path: '/readyz' });
    expect([code, JSON.parse(text)]).toMatchObject([503, { code: 'UNAVAILABLE' }]);
    expect(text).not.toContain('redis');
    expect(await status('/healthz')).toBe(200);
    expect(logged).toEqual(['the backend cannot be reached: /readyz says so']);
  });
});

describe('readiness', () => {
  it('is refused while resources are being opened, and given once they are', async () => {
    const clock = new FakeClock();
    const gate = new Gate();
    const manager = new TaskManager({ resources: { db: { open: () => gate.promise } } });
    const readiness = new Readiness(manager, { clock, logger });
    const refused = codeOf(readiness.check());
    await clock.run(3_000);
    expect(await refused).toBe('UNAVAILABLE');
    gate.open('the db');
    await manager.open();
    await clock.run(1_000);
    await readiness.check();
    expect(clock.pending).toBe(0);
    await manager.close({ graceMs: 0 });
  });

  it('asks the backend once a second at most, once for all who ask together, and logs what changes', async () => {
    const clock = new FakeClock();
    const manager = new TaskManager({ backend: new RemoteBackend() });
    const readiness = new Readiness(manager, { clock, logger });
    const ready = async () =>
      readiness.check().then(
        () => true,
        () => false,
      );
    expect(await Promise.all([ready(), ready(), ready()])).toEqual([true, true, true]);
    answer = isDown;
    expect([await ready(), asked]).toEqual([true, 1]);
    await clock.run(1_000);
    expect([await ready(), await ready(), asked]).toEqual([false, false, 2]);
    await clock.run(1_000);
    expect([await ready(), asked]).toEqual([false, 3]);
    answer = ignore;
    await clock.run(1_000);
    expect(await ready()).toBe(true);
    expect(logged).toHaveLength(1);
    await manager.close({ graceMs: 0 });
  });

  it('opens the backend, and is none where that fails', async () => {
    class Closed extends RemoteBackend {
      override open(): never {
        throw down;
      }
    }
    const manager = new TaskManager({ backend: new Closed() });
    const readiness = new Readiness(manager, { clock: new FakeClock(), logger });
    await expect(readiness.check()).rejects.toMatchObject({ status: 503 });
    expect(asked).toBe(0);
  });
});
