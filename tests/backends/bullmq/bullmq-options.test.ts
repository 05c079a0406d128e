import { describe, expect, it } from '@jest/globals';

import { type BullmqOptions, checkBullmqOptions } from '../../../src/backends/bullmq/bullmq-options.js';
import { serverFor } from '../../../src/backends/bullmq/server/connect.js';
import { loadPackage } from '../../../src/backends/bullmq/server/missing-package.js';

/** As plain JavaScript may call it. */
const check = (options: unknown) => checkBullmqOptions(options as BullmqOptions);

describe('the options', () => {
  it('have defaults', () => {
    expect(check({ connection: 'redis://127.0.0.1' })).toEqual({
      server: 'redis',
      connection: 'redis://127.0.0.1',
      prefix: 'errand',
      lockMs: 15_000,
      stalledCheckMs: 5_000,
      callTimeoutMs: 2_000,
    });
  });

  it.each([
    ['redis://:secret@host:1/2', 'redis'],
    ['rediss://host', 'redis'],
    ['postgres://user:secret@host/runs', 'postgres'],
    ['postgresql:///runs?host=/run/postgresql', 'postgres'],
  ])('take %s for a %s', (connection, server) => {
    expect(check({ connection })).toMatchObject({ server });
    expect(serverFor(check({ connection }), undefined).name).toBe(server);
  });

  it('take names for keys that would be others’ schemas', () => {
    for (const prefix of ['pg_errand', 'errand_bullmq'])
      expect(check({ connection: 'redis://a', prefix })).toMatchObject({ prefix });
  });

  it.each([
    [undefined, TypeError],
    [{}, TypeError],
    [{ connection: 7 }, TypeError],
    [{ connection: 'redis://a', conection: 'redis://b' }, TypeError],
    [{ connection: 'secret' }, RangeError],
    [{ connection: 'mysql://user:secret@host' }, RangeError],
    [{ connection: 'redis://a', prefix: 'a:b' }, RangeError],
    [{ connection: 'redis://a', prefix: 7 }, TypeError],
    [{ connection: 'postgres://secret@a', prefix: 'pg_errand' }, RangeError],
    [{ connection: 'postgres://secret@a', prefix: 'information_schema' }, RangeError],
    [{ connection: 'postgresql://secret@a', prefix: 'errand_bullmq' }, RangeError],
    [{ connection: 'redis://a', lockMs: 499 }, RangeError],
    [{ connection: 'redis://a', lockMs: '15000' }, TypeError],
    [{ connection: 'redis://a', stalledCheckMs: 0 }, RangeError],
    [{ connection: 'redis://a', callTimeoutMs: Infinity }, RangeError],
  ])('are refused: %j', (options, expected) => {
    expect(() => check(options)).toThrow(expected);
    expect(() => check(options)).not.toThrow(/secret/);
  });
});

describe('a package that is not installed', () => {
  it('is told of with what to do', async () => {
    const missing: string = 'ioredis-that-nobody-installed';
    await expect(loadPackage(missing as 'ioredis', () => import(missing))).rejects.toMatchObject({
      code: 'BACKEND',
      message: `The package ${missing} is not installed; run "npm install ${missing}", beside bullmq`,
    });
  });

  it('is not blamed for what it misses itself', async () => {
    const missing: string = 'what-ioredis-needs';
    await expect(loadPackage('ioredis', () => import(missing))).rejects.not.toMatchObject({ code: 'BACKEND' });
  });
});
