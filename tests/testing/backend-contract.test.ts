import { beforeAll, describe, expect, it } from '@jest/globals';
import { backendContract, ManualClock, memoryBackend } from '../../src/testing/index.js';
import { BROKEN, broken } from './broken-backends.js';
import { losingSubject, withFault } from './faults.js';

/** What each broken backend fails. Many facts wait for what never comes: all of them wait together. */
const failures = new Map<string, readonly string[]>();

beforeAll(async () => {
  await Promise.all(
    BROKEN.map(async ({ what, fact, make, parts }) => failures.set(what, await broken(make, fact, parts))),
  );
}, 60_000);

describe('backendContract', () => {
  it('holds for the memory backend, under any runner', async () => {
    expect(await broken(() => memoryBackend())).toEqual([]);
  });

  it('holds for SQLite, with a restart and with leases that are lost', async () => {
    expect(await broken(() => losingSubject(), undefined, { restart: true, lostLeases: true })).toEqual([]);
  }, 60_000);

  describe.each(BROKEN)('is broken by a backend that $what', ({ what, fact }) => {
    it(fact, () => {
      expect(failures.get(what)).toEqual([fact]);
    });
  });

  it.each([{ restart: true }, { lostLeases: true }])('fails where it is not told how to check %p', async (parts) => {
    const first = parts.restart
      ? 'restart › a paused queue stays paused until it is resumed'
      : 'lost leases › the holder is told once, and the run is delivered again with the same attempt';
    expect(await broken(() => memoryBackend(), first, parts)).toEqual([first]);
  });

  it('closes the backend and disposes of it after each test, also one that fails', async () => {
    const calls: string[] = [];
    const make = () => ({
      backend: withFault((real) => ({ close: () => (calls.push('close'), real.close()), list: () => ({ items: [] }) })),
      clock: new ManualClock(),
      dispose: () => void calls.push('dispose'),
    });
    let tests = 0;
    const bodies: (() => Promise<void>)[] = [];
    backendContract(make, { describe: (_name, body) => body(), it: (_name, body) => bodies.push(body) });
    for (const body of bodies) {
      await body().catch(() => undefined);
      tests += 1;
    }
    expect(calls).toEqual(Array.from({ length: tests }, () => ['close', 'dispose']).flat());
  });

  it('needs a runner where there are no globals', () => {
    const { describe: suite, it: test } = globalThis as unknown as Record<string, unknown>;
    try {
      Object.assign(globalThis, { describe: undefined, it: undefined });
      expect(() => backendContract(() => memoryBackend())).toThrow(TypeError);
    } finally {
      Object.assign(globalThis, { describe: suite, it: test });
    }
  });
});
