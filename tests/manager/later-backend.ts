import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import type { Backend, BackendEnvironment } from '../../src/ports/backend.js';
import type { RunKind } from '../../src/task/run.js';
import { nextTurn } from '../../src/timing/next-turn.js';

/** How many turns of the event loop pass until a call acts, and then until it answers. */
export interface Delays {
  readonly actsAfter: number;
  readonly answersAfter: number;
}

/** The ways in which a backend that is not memory may answer. */
export const LATER: readonly (readonly [string, Delays])[] = [
  ['acts at once and answers later', { actsAfter: 0, answersAfter: 3 }],
  ['acts later', { actsAfter: 3, answersAfter: 0 }],
  ['acts later and answers later still', { actsAfter: 3, answersAfter: 3 }],
];

/** A backend, and what was done on it, in the order in which it was done. */
export interface LaterBackend extends Backend {
  readonly done: string[];
}

/**
 * Memory at the end of a long wire: every call that may answer with a promise does. Settling takes twice as long as the
 * rest, so that whatever should wait for it and does not overtakes it.
 */
export function laterBackend(delays: Delays, changes: Partial<Backend> = {}): LaterBackend {
  const memory: Backend = Object.assign(memoryBackend(), changes);
  const done: string[] = [];
  const later = <Args extends unknown[], T>(name: string, act: (...args: Args) => T | Promise<T>) => {
    const actsAfter = name === 'settle' ? 2 * delays.actsAfter + 1 : delays.actsAfter;
    return async (...args: Args): Promise<T> => {
      await turns(actsAfter);
      try {
        done.push(name);
        return await act(...args);
      } finally {
        await turns(delays.answersAfter);
      }
    };
  };
  return {
    done,
    name: 'later',
    durable: memory.durable,
    storeId: memory.storeId,
    open: later('open', (environment: BackendEnvironment) => memory.open(environment)),
    accept: later('accept', (...args: Parameters<Backend['accept']>) => memory.accept(...args)),
    redrive: later('redrive', (...args: Parameters<Backend['redrive']>) => memory.redrive(...args)),
    find: later('find', (id: string) => memory.find(id)),
    list: later('list', (...args: Parameters<Backend['list']>) => memory.list(...args)),
    counts: later('counts', () => memory.counts()),
    runsOf: later('runsOf', (kind: RunKind) => memory.runsOf(kind)),
    cancel: later('cancel', (...args: Parameters<Backend['cancel']>) => memory.cancel(...args)),
    pause: later('pause', (queue: string) => memory.pause(queue)),
    resume: later('resume', (queue: string) => memory.resume(queue)),
    queues: later('queues', () => memory.queues()),
    work: (options) => memory.work(options),
    settle: later('settle', (...args: Parameters<Backend['settle']>) => memory.settle(...args)),
    release: later('release', (...args: Parameters<Backend['release']>) => memory.release(...args)),
    checkpoint: later('checkpoint', (...args: Parameters<Backend['checkpoint']>) => memory.checkpoint(...args)),
    childrenOf: later('childrenOf', (...args: Parameters<Backend['childrenOf']>) => memory.childrenOf(...args)),
    stepsOf: later('stepsOf', (...args: Parameters<Backend['stepsOf']>) => memory.stepsOf(...args)),
    keepStep: later('keepStep', (...args: Parameters<Backend['keepStep']>) => memory.keepStep(...args)),
    progress: (lease, progress) => memory.progress(lease, progress),
    log: (lease, line) => memory.log(lease, line),
    watch: (run, moment, callback) => memory.watch(run, moment, callback),
    unwatch: (run, moment, callback) => memory.unwatch(run, moment, callback),
    subscribe: (run, listener) => memory.subscribe(run, listener),
    retire: later('retire', () => memory.retire()),
    schedules: later('schedules', () => memory.schedules()),
    saveSchedule: later('saveSchedule', (...args: Parameters<Backend['saveSchedule']>) => memory.saveSchedule(...args)),
    removeSchedule: later('removeSchedule', (id: string) => memory.removeSchedule(id)),
    acceptDue: later('acceptDue', (...args: Parameters<Backend['acceptDue']>) => memory.acceptDue(...args)),
    close: later('close', () => memory.close()),
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>((resolve) => nextTurn(resolve));
}
