import { describe, expect, it } from '@jest/globals';
import {
  type Backend,
  backendContract,
  type ContractRunner,
  ManualClock,
  memoryBackend,
} from '../../src/testing/index.js';

/** Runs the suite, or one fact of it, against a backend, and gives the names of the facts that do not hold. */
async function broken(make: () => Backend, only?: string): Promise<string[]> {
  const facts: { readonly name: string; readonly body: () => Promise<void> }[] = [];
  let subject = '';
  const runner: ContractRunner = {
    describe: (name, body) => {
      subject = name;
      body();
    },
    it: (name, body) => facts.push({ name: `${subject} › ${name}`, body }),
  };
  backendContract(make, runner);
  const failed: string[] = [];
  for (const { name, body } of facts) {
    if (only !== undefined && name !== only) continue;
    await body().catch(() => failed.push(name));
  }
  return failed;
}

/** The memory backend with some of its methods replaced. */
function withFault(fault: (real: Backend) => Partial<Backend>): Backend {
  const real = memoryBackend();
  const faults = fault(real);
  return new Proxy(real, {
    get: (target, member) => {
      const replaced: unknown = Reflect.get(faults, member);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, member);
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
    },
  });
}

describe('backendContract', () => {
  it('holds for the memory backend, under any runner', async () => {
    expect(await broken(() => memoryBackend())).toEqual([]);
  });

  it.each<[string, string, (real: Backend) => Partial<Backend>]>([
    [
      'takes results of stale leases',
      'settle › a lease counts once: a second outcome is not recorded',
      (real) => ({ settle: async (...args) => (await real.settle(...args)) || true }),
    ],
    [
      'forgets to cancel',
      'cancel › a queued run is cancelled at once and never delivered',
      (real) => ({ cancel: (id) => real.find(id) }),
    ],
    [
      'frees the id while a handler is at work',
      'held attempts › a cancelled run whose handler is still at work is abandoned, and its id stays taken',
      (real) => ({ settle: (lease, outcome) => real.settle(lease, outcome, false) }),
    ],
    [
      'counts nothing',
      'lists and counts › counts say how many runs of each task have each status',
      () => ({ counts: () => [] }),
    ],
    [
      'tells nobody of the end',
      'watchers and events › everybody who watches is told once, with the run as it ended',
      () => ({ watch: () => undefined }),
    ],
    [
      'ignores pauses',
      'deliver › a paused queue begins nothing, others go on, and resume lets it go on',
      () => ({ pause: () => undefined }),
    ],
  ])(
    'is broken by a backend that %s',
    async (_what, fact, fault) => {
      expect(await broken(() => memoryBackend(), fact)).toEqual([]);
      expect(await broken(() => withFault(fault), fact)).toEqual([fact]);
    },
    60_000,
  );

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
