import { inlineExecutor } from '../executors/inline/inline-executor.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Executor } from '../ports/executor.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { AtWork, type Placed } from './at-work.js';
import { whenSettled } from './when-settled.js';

/** An inline handler that waits for something. */
interface Waiting extends Placed {
  readonly ctx: TaskContext;
  readonly calledAt: number;
}

/** More names would not help whoever reads them. */
const MOST_NAMED = 5;
const HINT = 'Work that computes for long belongs in a thread: docs/threads.md of errand says how';

/** Taken when the module is loaded: how long the loop was busy is a matter of the real one. */
const loopTimes = performance.eventLoopUtilization.bind(performance);

/**
 * Executes inline handlers, and sees when the event loop stood still meanwhile: tells the log of the run in whose first
 * part, up to where it waits, that was. Later nobody knows whose turn it was: then those are told of it that were at work
 * all the time. Time in which the loop had nothing to do does not count: a machine that was suspended was held up by nobody.
 */
export class StallWatch implements Executor {
  readonly name = 'inline';
  readonly #stallMs: number;
  readonly #clock: Clock;
  readonly #waiting = new AtWork<Waiting>();
  #timer: Timer | undefined;
  #due = Infinity;
  #before = loopTimes();
  #named = 0;
  #closed = false;

  /** @param clock the computer's. */
  constructor(stallMs: number, clock: Clock) {
    this.#stallMs = stallMs;
    this.#clock = clock;
  }

  execute(task: ResolvedTask, input: unknown, ctx: TaskContext): unknown {
    const calledAt = this.#clock.monotonic();
    let returned: unknown;
    try {
      returned = inlineExecutor.execute(task, input, ctx);
    } finally {
      const tookMs = this.#clock.monotonic() - calledAt;
      if (tookMs > this.#stallMs) this.#tellFirstPart(ctx, tookMs);
    }
    // Whatever else can be awaited may begin its work anew each time it is asked.
    if (isPlainPromise(returned)) this.#wait({ ctx, calledAt, placeAtWork: 0 }, returned);
    return returned;
  }

  /** Looks no more. */
  close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    return Promise.resolve();
  }

  #wait(waiting: Waiting, promise: Promise<unknown>): void {
    this.#waiting.add(waiting);
    if (this.#timer === undefined) this.#arm();
    // Heard before the attempt hears of it: what is told now stands before the end of the run.
    const settled = (): void => {
      this.#tellIfStalled([waiting]);
      this.#waiting.delete(waiting);
    };
    whenSettled(promise, settled, settled);
  }

  #arm(): void {
    if (this.#closed) return;
    const intervalMs = this.#stallMs / 4;
    this.#named = 0;
    this.#before = loopTimes();
    this.#due = this.#clock.monotonic() + intervalMs;
    this.#timer = this.#clock.after(intervalMs, () => this.#look());
    this.#timer.unref();
  }

  #look(): void {
    this.#tellIfStalled(this.#waiting);
    this.#timer = undefined;
    this.#due = Infinity;
    if (this.#waiting.size > 0) this.#arm();
  }

  #tellFirstPart(ctx: TaskContext, tookMs: number): void {
    ctx.log.warn(`The event loop stood still for ${Math.round(tookMs)} ms in this handler, before it waited. ${HINT}`);
    // The others have only waited for it.
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#arm();
  }

  #tellIfStalled(suspects: Iterable<Waiting>): void {
    const lateMs = this.#clock.monotonic() - this.#due;
    if (lateMs <= this.#stallMs || loopTimes(this.#before).active <= this.#stallMs) return;
    const others = this.#waiting.size - 1;
    const and = others === 0 ? '' : `, and ${others} other${others === 1 ? '' : 's'}`;
    const what = `The event loop stood still for ${Math.round(lateMs)} ms while this handler was at work${and}`;
    for (const { ctx, calledAt } of suspects) {
      // Whoever came later found the loop as it was.
      if (calledAt > this.#due || this.#named >= MOST_NAMED) continue;
      this.#named += 1;
      ctx.log.warn(`${what}. ${HINT}`);
    }
  }
}

function isPlainPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise && Object.getPrototypeOf(value) === Promise.prototype;
}
