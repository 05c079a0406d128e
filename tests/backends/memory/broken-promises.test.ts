import { afterEach, describe, expect, it } from '@jest/globals';
import { memoryBackend } from '../../../src/backends/memory/memory-backend.js';
import type { Backend, Holder, Lease, StoredRun, WorkOptions } from '../../../src/ports/backend.js';
import { newRun } from '../../../src/testing/contract/samples.js';
import { FakeClock, settle } from '../../fake-clock.js';

function boom(): never {
  throw new Error('boom');
}

const open: Backend[] = [];

// A run that has not ended keeps the process up.
afterEach(async () => {
  for (const backend of open.splice(0)) await backend.close();
});

/** A backend at work with what it is given in place of a manager. */
function atWork(options: Partial<WorkOptions>) {
  const backend = memoryBackend();
  open.push(backend);
  const leases: Lease[] = [];
  const retention = { keepResultMs: 1e6, maxFinished: 9, keepFailedMs: 1e6, maxFailed: 9, keepKeyMs: 1e6, maxKeys: 9 };
  const observer = { settled: () => undefined, forgotten: () => undefined, cancelledLate: () => undefined };
  void backend.open({ clock: new FakeClock(), logger: undefined, queueLimit: 9, retention, observer });
  const holder: Holder = { begin: () => undefined, cancel: () => undefined, lost: () => undefined };
  const take = (_run: StoredRun, lease: Lease) => {
    leases.push(lease);
    return holder;
  };
  backend.work({ freeSlots: () => 1, take, ...options });
  return { backend, leases };
}

describe('the memory backend', () => {
  it.each<[string, (run: StoredRun) => Holder]>([
    ['is not taken', boom],
    ['cannot begin', () => ({ begin: boom, cancel: () => undefined, lost: () => undefined })],
  ])('ends a run that %s, and delivers the next one', async (_what, breaks) => {
    const delivered: string[] = [];
    const { backend } = atWork({
      take: (run) => {
        delivered.push(run.id);
        return run.id === 'a'
          ? breaks(run)
          : { begin: () => undefined, cancel: () => undefined, lost: () => undefined };
      },
    });
    for (const id of ['a', 'b']) await backend.accept(newRun(id), 'error');
    await settle();
    expect(delivered).toEqual(['a', 'b']);
    expect((await backend.find('a'))?.snapshot()).toMatchObject({ status: 'failed', error: { message: 'boom' } });
    expect((await backend.find('b'))?.status).toBe('running');
  });

  it('keeps the lease of a run whose outcome it refuses: the run can still be settled', async () => {
    const { backend, leases } = atWork({});
    await backend.accept(newRun('a'), 'error');
    await settle();
    const [lease] = leases;
    const error = { code: 'HANDLER_FAILED', name: 'Error', message: 'no', attempt: 1, exposed: false } as const;
    const retry = { type: 'retry', error, cause: undefined, delayMs: NaN, usesAttempt: true } as const;
    expect(lease).toBeDefined();
    if (lease === undefined) return;
    expect(() => backend.settle(lease, retry, false)).toThrow('delayMs');
    expect(() => backend.settle(lease, { type: 'cancelled' }, false)).toThrow('nobody cancelled it');
    expect(backend.settle(lease, { type: 'completed', value: 1 }, false)).toBe(true);
    expect((await backend.find('a'))?.status).toBe('completed');
  });
});
