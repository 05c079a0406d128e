import { memory, TaskManager } from 'errand';
import { checkDuration, checkInteger, checkOptions } from '../task/checks.js';
import { MAX_DURATION_MS } from '../task/errors.js';
import type { Run } from '../task/run.js';
import { isFinal, RUN_STATUSES } from '../task/status.js';
import type { GatedBackend } from './gated-backend.js';
import { LeakError, leftHandlers, unfinishedRuns, UnsettledError } from './leaks.js';
import { ManualClock } from './manual-clock.js';
import { type SettleLimits, splitOptions, type TestManagerOptions } from './test-manager-options.js';
import { TestWork } from './test-work.js';

const MAX_STEPS = 100_000;

/**
 * A manager for tests: a real `TaskManager` on a real backend, in memory unless `backend` says otherwise, whose clock
 * stands still until the test moves it. Inputs, results and errors are written as text and read again, as a file would
 * keep them: a date comes back as a date, what cannot be stored is refused. Jitter always draws the middle, unless
 * `random` says otherwise. Close it at the end of the test.
 *
 * Whatever waits by the clock waits until the test moves it: a `start` with `ifActive: 'replace'`, for one, is answered
 * only when the handler before it has settled, or its grace has passed.
 *
 * ```ts
 * const test = createTestManager({ tasks: [report] });
 * const run = await test.manager.start(report, '2026-11');
 * await test.settleAll();
 * expect(await run.result()).toBe('2026-11.pdf');
 * await test.close();
 * ```
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range.
 * @throws {TaskError} BACKEND when the manager cannot take this backend.
 */
export function createTestManager(options: TestManagerOptions = {}): TestManager {
  return new TestManager(options);
}

/** Made by {@link createTestManager}. */
export class TestManager implements AsyncDisposable {
  /** The manager under test: start, cancel, list, as in production. */
  readonly manager: TaskManager;
  /** Where the manager's time comes from. It moves with {@link advance} and {@link settleAll}, and not by itself. */
  readonly clock: ManualClock;
  readonly #work: TestWork;
  readonly #gate: GatedBackend;
  readonly #inSteps: boolean;
  #closing: Promise<void> | undefined;

  /** Use {@link createTestManager}. */
  constructor(options: TestManagerOptions) {
    const { mode, now, manager } = splitOptions(options);
    const { backend = memory(), ...others } = manager;
    this.#inSteps = mode === 'step';
    this.clock = new ManualClock(now);
    this.#work = new TestWork(backend, this.#inSteps);
    this.#gate = this.#work.gate;
    this.manager = new TaskManager({ random: () => 0.5, ...others, backend: this.#gate, clock: this.clock });
  }

  /**
   * Lets every run go to its end, moving the clock over all that they wait for: delays, retries, rates, time limits,
   * graces. A handler that waits for something real (a file, a socket, a timer of the computer's) is given a second of
   * real time before the clock moves. Runs that are started meanwhile are waited for, too; handlers that were left behind
   * are not.
   *
   * @throws {UnsettledError} when runs do not end within the limits, or wait for what no time brings, such as a paused
   * queue: it names them and says why. @throws {TypeError|RangeError} when a limit is malformed.
   */
  async settleAll(limits: SettleLimits = {}): Promise<void> {
    checkOptions("settleAll's limits", limits, ['maxMs', 'maxSteps']);
    const { maxMs = MAX_DURATION_MS, maxSteps = MAX_STEPS } = limits;
    checkInteger('maxSteps', maxSteps, { min: 0 });
    const endsAt = this.clock.monotonic() + checkDuration('maxMs', maxMs);
    await this.#whileLetting(Infinity, () => this.#settleUntil(endsAt, maxSteps));
  }

  /**
   * Lets this much time pass: timers fire in order, each at its own time, and whatever is ready goes on in between.
   *
   * @param ms in milliseconds; 0 lets what is ready go on.
   * @throws {RangeError} when it is not finite or below 0.
   */
  async advance(ms: number): Promise<void> {
    const { clock } = this;
    const endsAt = clock.monotonic() + checkDuration('ms', ms);
    await this.#work.calm();
    for (let nextMs = clock.nextInMs; nextMs !== undefined && clock.monotonic() + nextMs <= endsAt;) {
      clock.advance(nextMs);
      await this.#work.calm();
      nextMs = clock.nextInMs;
    }
    clock.advance(Math.max(0, endsAt - clock.monotonic()));
  }

  /**
   * Lets the run begin that is next in line, and everything go on that needs no time to pass. Only in the mode `'step'`.
   *
   * @returns the run as it is then: ended, `retrying`, or `running` where its handler waits for something; undefined
   * where no run is due.
   * @throws {Error} in another mode.
   */
  async runNext(): Promise<Run | undefined> {
    return (await this.#run(1))[0];
  }

  /**
   * As {@link runNext}, for all runs that are due, and those that they start.
   *
   * @returns the runs as they are then, in the order in which they began.
   * @throws {Error} in another mode than `'step'`.
   */
  runAll(): Promise<readonly Run[]> {
    return this.#run(Infinity);
  }

  /**
   * Closes the manager, without grace, and looks for what the test has left: runs that have not ended, handlers at work,
   * streams of events that nobody ended, timers on the clock, timers of the computer's that handlers have set, and
   * whatever else keeps the process up that was not there when the manager was made. A second call gives the same promise.
   *
   * @param options.checkLeaks false: only closes. Default true.
   * @throws {LeakError} that names what was left. The manager is closed all the same.
   */
  close(options: { readonly checkLeaks?: boolean } = {}): Promise<void> {
    return (this.#closing ??= this.#close(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #settleUntil(endsAt: number, maxSteps: number): Promise<void> {
    const { clock } = this;
    for (let step = 0; ; step += 1) {
      await this.#work.calm();
      if (!(await this.#hasLiveRuns())) return;
      const nextMs = clock.nextInMs;
      if (nextMs === undefined) {
        if (await this.#work.somethingHappens()) continue;
        throw await this.#unsettled('Runs do not end, whatever time passes');
      }
      if (step >= maxSteps) throw await this.#unsettled(`Runs did not end within ${maxSteps} moves of the clock`);
      if (clock.monotonic() + nextMs > endsAt)
        throw await this.#unsettled('Runs did not end within maxMs of the clock');
      clock.advance(nextMs);
    }
  }

  async #run(count: number): Promise<readonly Run[]> {
    if (!this.#inSteps)
      throw new Error("runNext() and runAll() need createTestManager({ mode: 'step' }): runs begin by themselves here");
    this.#gate.takeBegun();
    await this.#whileLetting(count, () => this.#work.calm());
    return this.#gate.takeBegun().map((run) => run.snapshot());
  }

  async #whileLetting(count: number, act: () => Promise<void>): Promise<void> {
    await this.manager.open();
    if (this.#inSteps) this.#gate.let(count);
    try {
      await act();
    } finally {
      if (this.#inSteps) this.#gate.let(0);
    }
  }

  async #hasLiveRuns(): Promise<boolean> {
    const { total } = await this.manager.counts();
    return RUN_STATUSES.some((status) => !isFinal(status) && total[status] > 0);
  }

  async #unsettled(why: string): Promise<UnsettledError> {
    return new UnsettledError(why, await unfinishedRuns(this.manager, this.#gate));
  }

  async #close({ checkLeaks = true }: { readonly checkLeaks?: boolean }): Promise<void> {
    try {
      await this.#work.calm();
      const left = this.manager.closing ? [] : await this.#left();
      await this.#closeManager();
      if (!checkLeaks) return;
      const leaks = [...left, ...this.#leftTimers(), ...(await this.#work.stillOpen())];
      if (leaks.length > 0) throw new LeakError(leaks);
    } finally {
      this.#work.close();
    }
  }

  #leftTimers(): string[] {
    const { pending } = this.clock;
    if (pending === 0) return [];
    return [pending === 1 ? 'a timer on the clock' : `${pending} timers on the clock`];
  }

  async #left(): Promise<string[]> {
    await this.manager.open();
    const runs = (await unfinishedRuns(this.manager, this.#gate)).map(({ said }) => said);
    const { listeners, atWork } = this.#gate;
    const streams = listeners === 0 ? [] : [`${listeners} × a stream of events that was not ended`];
    return [...runs, ...leftHandlers(atWork), ...streams];
  }

  /** A close waits for handlers by the clock. */
  async #closeManager(): Promise<void> {
    const closing = { over: false };
    const closed = this.manager.close({ graceMs: 0 }).finally(() => (closing.over = true));
    await this.#work.calm();
    while (!closing.over) {
      this.clock.advance(this.clock.nextInMs ?? 0);
      await this.#work.calm();
    }
    await closed;
  }
}
