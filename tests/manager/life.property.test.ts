import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { IfActive } from '../../src/manager/manager-options.js';
import type { RunHandle } from '../../src/manager/run-handle.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { NonRetryableError, RetryLaterError } from '../../src/task/errors.js';
import { isFinalEvent, type RunEvent } from '../../src/task/run-event.js';
import type { Run } from '../../src/task/run.js';
import { canMove, isFinal, isWaiting } from '../../src/task/status.js';
import { defineTask, type Task } from '../../src/task/task.js';
import { FakeClock, settle } from '../fake-clock.js';
import { Gate } from './workbench.js';

const CONCURRENCY = 3;
const NARROW = 1;

type Command =
  | {
      readonly do: 'start';
      readonly task: number;
      readonly delayMs: number;
      readonly expires: boolean;
      readonly priority: number;
    }
  | { readonly do: 'start id'; readonly id: string; readonly ifActive: IfActive; readonly delayMs: number }
  | { readonly do: 'cancel' | 'redrive'; readonly nth: number }
  | { readonly do: 'settle'; readonly nth: number; readonly how: 'return' | 'throw' | 'give up' | 'ask for later' }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'jump'; readonly ms: number }
  | { readonly do: 'pause' | 'resume' | 'close' };

const nth = fc.nat(30);
const delayMs = fc.constantFrom(0, 0, 40);
const commands = fc.array(
  fc.oneof<{ weight: number; arbitrary: fc.Arbitrary<Command> }[]>(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('start'),
        task: fc.nat(2),
        delayMs,
        expires: fc.boolean(),
        priority: fc.nat(2),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('start id'),
        id: fc.constantFrom('x', 'y', '__proto__'),
        ifActive: fc.constantFrom('error', 'return', 'replace'),
        delayMs,
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('cancel'), nth }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('redrive'), nth }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('settle'),
        nth,
        how: fc.constantFrom('return', 'return', 'throw', 'throw', 'give up', 'ask for later'),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('advance'), ms: fc.constantFrom(0, 10, 60, 120, 500) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('jump'), ms: fc.integer({ min: -1e9, max: 1e9 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause', 'resume') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('resume', 'close') }) },
  ),
  { maxLength: 60, size: 'max' },
);

/** A handler at work: it ignores its signal, and ends when a command says so. */
interface AtWork {
  readonly task: string;
  readonly gate: Gate;
}

/** A manager, everything that was started in it, and everything that really happens. */
class World {
  readonly clock = new FakeClock();
  readonly manager = new TaskManager({ clock: this.clock, concurrency: CONCURRENCY, graceMs: 100, queueLimit: 8 });
  readonly atWork: AtWork[] = [];
  readonly handles = new Set<RunHandle<unknown>>();
  readonly ids = new Set<string>();
  readonly events: RunEvent[] = [];
  /** How often the handler of a run that was cancelled while it waited had been called by then. */
  readonly neverAgain: { readonly of: unknown; readonly calls: number }[] = [];
  readonly calls = new Map<unknown, number>();
  readonly #starts = new Map<RunHandle<unknown>, unknown>();
  readonly #ended = new Map<RunHandle<unknown>, Run>();
  readonly #tasks: readonly Task<unknown, unknown>[];
  readonly #replacing: Promise<unknown>[] = [];
  readonly #reading: Promise<void>;
  #closing: Promise<unknown> | undefined;
  #started = 0;

  constructor() {
    const retry = { maxAttempts: 2, initialDelayMs: 50, jitter: 'none' as const };
    const handler = (name: string) => (input: unknown) => this.#work(name, input);
    this.#tasks = [
      defineTask({ name: 'plain', handler: handler('plain') }),
      defineTask({ name: 'narrow', retry, limits: { concurrency: NARROW }, handler: handler('narrow') }),
      defineTask({ name: 'timed', retry, limits: { softLimitMs: 80, hardLimitMs: 100 }, handler: handler('timed') }),
    ];
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const event of this.manager.events()) {
      if (event.type === 'run:gap' || event.type === 'run:snapshot') throw new Error(`the test fell behind`);
      this.events.push(event);
    }
  }

  async #work(task: string, start: unknown): Promise<unknown> {
    this.calls.set(start, (this.calls.get(start) ?? 0) + 1);
    const mine: AtWork = { task, gate: new Gate() };
    this.atWork.push(mine);
    try {
      return await mine.gate.promise;
    } finally {
      this.atWork.splice(this.atWork.indexOf(mine), 1);
    }
  }

  async perform(command: Command): Promise<void> {
    switch (command.do) {
      case 'start':
        return this.#start(command);
      case 'start id':
        return this.#startId(command);
      case 'cancel':
        return this.#cancel(command.nth);
      case 'redrive':
        return this.#redrive(command.nth);
      case 'settle':
        this.#settle(command);
        return;
      case 'advance':
        return this.clock.run(command.ms);
      case 'jump':
        this.clock.jump(command.ms);
        return;
      case 'pause':
        return this.manager.queues.pause('default');
      case 'resume':
        return this.manager.queues.resume('default');
      case 'close':
        this.#closing ??= this.manager.close({ graceMs: 50 });
    }
  }

  async #start({ task, delayMs: delay, expires, priority }: Command & { do: 'start' }): Promise<void> {
    const which = this.#tasks[task];
    if (which === undefined) return;
    const input = (this.#started += 1);
    const options = { delayMs: delay, priority, ...(expires && { expiresInMs: delay + 200 }) };
    await this.#know(this.manager.start(which, input, options), input);
  }

  async #startId({ id, ifActive, delayMs: delay }: Command & { do: 'start id' }): Promise<void> {
    const start = (this.#started += 1);
    const started = this.#know(
      this.manager.start(id, () => this.#work('ad-hoc', start), { ifActive, delayMs: delay }),
      start,
    );
    // It may wait for the grace of the run that it replaces.
    if (ifActive === 'replace') this.#replacing.push(started);
    else await started;
  }

  async #know(starting: Promise<RunHandle<unknown>>, start: unknown): Promise<void> {
    let handle: RunHandle<unknown>;
    try {
      handle = await starting;
    } catch (error) {
      expect(['RUN_CONFLICT', 'QUEUE_FULL', 'MANAGER_CLOSED', 'RUN_NOT_FOUND']).toContain(
        (error as { code: string }).code,
      );
      return;
    }
    if (handle.replayed) return;
    this.ids.add(handle.id);
    this.handles.add(handle);
    this.#starts.set(handle, start);
    void handle.settled().then((ended) => this.#ended.set(handle, ended));
  }

  async #cancel(at: number): Promise<void> {
    const handle = pick([...this.handles], at);
    const before = await handle?.snapshot();
    if (handle === undefined || before === undefined) return;
    // In one turn with what it found: nothing can begin in between.
    const start = this.#starts.get(handle);
    const calls = this.calls.get(start) ?? 0;
    const cancelling = handle.cancel('property');
    const after = await cancelling;
    if (isWaiting(before.status) && after?.status === 'cancelled') this.neverAgain.push({ of: start, calls });
    if (isFinal(before.status)) expect(after?.status).toBe(before.status);
    else expect(['cancelled', 'cancelling', 'completed', 'failed']).toContain(after?.status);
  }

  async #redrive(at: number): Promise<void> {
    const failed = (await this.manager.list({ deadLetters: true })).items.filter(({ task }) => task !== null);
    const run = pick(failed, at);
    if (run !== undefined) await this.#know(this.manager.redrive(run.id), `redrive of ${run.id}`);
  }

  #settle({ nth: at, how }: Command & { do: 'settle' }): void {
    const gate = pick(this.atWork, at)?.gate;
    if (how === 'return') gate?.open('value');
    else if (how === 'throw') gate?.fail(new Error('no'));
    else if (how === 'give up') gate?.fail(new NonRetryableError('no'));
    else gate?.fail(new RetryLaterError(30));
  }

  /** What holds after every command. */
  async check(): Promise<void> {
    await settle();
    const { total, atWork, abandoned } = await this.manager.counts();
    expect(atWork).toBe(this.atWork.length);
    expect(atWork).toBeLessThanOrEqual(CONCURRENCY);
    expect(this.atWork.filter(({ task }) => task === 'narrow').length).toBeLessThanOrEqual(NARROW);
    expect(atWork - abandoned).toBe(total.running + total.cancelling);
    const shown = new Map<string, number>();
    for (const id of this.ids) {
      const run = await this.manager.get(id);
      if (run) shown.set(run.status, (shown.get(run.status) ?? 0) + 1);
    }
    const counted = Object.entries(total).filter(([, count]) => count > 0);
    expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(shown));
    for (const { of, calls } of this.neverAgain) expect(this.calls.get(of) ?? 0).toBe(calls);
  }

  /** Lets everything end, and looks at the whole life of every run. */
  async end(): Promise<void> {
    this.#closing ??= this.manager.close({ graceMs: 50 });
    await this.clock.run(1_000);
    await this.#closing;
    for (const { gate } of [...this.atWork]) gate.open('late');
    await this.clock.run(1_000);
    await Promise.all(this.#replacing);
    await this.#reading;
    await this.check();
    expect([this.atWork.length, (await this.manager.counts()).abandoned, this.clock.pendingRefed]).toEqual([0, 0, 0]);
    for (const handle of this.handles) {
      const ended = this.#ended.get(handle);
      expect(isFinal(ended?.status ?? 'queued')).toBe(true);
      // Redriving it is the one thing that may still happen to a failed run.
      const now = await handle.snapshot();
      expect({ ...now, redrivenBy: null, version: 0 }).toEqual({ ...ended, redrivenBy: null, version: 0 });
    }
    expect(this.events.filter(isFinalEvent)).toHaveLength(this.handles.size);
    for (const id of this.ids) checkLives(this.events.filter(({ runId }) => runId === id));
  }
}

/** The events of one id: one life after the other, each along the table of transitions, each with one end. */
function checkLives(events: readonly RunEvent[]): void {
  let before: RunEvent | undefined;
  for (const event of events) {
    if (before !== undefined) expect(event.seq).toBeGreaterThan(before.seq);
    if (before === undefined || isFinal(before.status)) {
      expect(['run:queued', 'run:scheduled']).toContain(event.type);
      expect(event.attempt).toBe(0);
    } else if (event.status !== before.status) {
      expect([before.status, event.status, canMove(before.status, event.status)]).toEqual([
        before.status,
        event.status,
        true,
      ]);
    }
    before = event;
  }
  expect(before !== undefined && isFinalEvent(before)).toBe(true);
}

function pick<T>(from: readonly T[], at: number): T | undefined {
  return from[at % Math.max(1, from.length)];
}

describe('the life of runs', () => {
  it('follows the table, ends once, keeps every limit and adds up, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (all) => {
        const world = new World();
        try {
          for (const command of all) {
            await world.perform(command);
            await world.check();
          }
        } finally {
          await world.end();
        }
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});
