import type { Clock, Timer } from '../../../ports/clock.js';
import { systemClock } from '../../../timing/system-clock.js';
import { type ServerName, serverFailed, serverSilent } from './server-failures.js';

/** How many times the timer fires while a call may last: calls end at most a quarter later than they have to. */
const TICKS = 4;

/** A call that was not answered yet. */
interface Call {
  readonly what: string;
  readonly tick: number;
  readonly giveUp: (error: Error) => void;
}

/** What {@link Deadlines} is made with. */
export interface DeadlineOptions {
  readonly server: ServerName;
  /** How long a call may last, in ms. */
  readonly timeoutMs: number;
  /** The computer's own unless given: how long a server takes is no matter of a test's clock. */
  readonly clock?: Clock;
  /** Told when a call was not answered in time. Must not throw. */
  readonly onSilence?: () => void;
}

/**
 * Ends every call to a server, whatever the server does: one timer for all of them, so that a call costs no timer. What
 * was not answered may have happened all the same.
 *
 * A process that was kept busy reads the answers before it gives up on them: it is the timer's firings that are counted.
 */
export class Deadlines {
  readonly #server: ServerName;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #onSilence: (() => void) | undefined;
  /** In the order in which they began. */
  readonly #calls = new Set<Call>();
  #tick = 0;
  #timer: Timer | undefined;

  constructor({ server, timeoutMs, clock = systemClock, onSilence }: DeadlineOptions) {
    this.#server = server;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  /**
   * Makes a call in this turn. What BullMQ's scripts answer, also when they refuse (`answerCodeOf`), is passed on.
   *
   * @param what for the error's `details`: what is tried.
   * @throws {TaskError} BACKEND when it fails or takes too long.
   */
  run<T>(what: string, call: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Call = { what, tick: this.#tick, giveUp: reject };
      const failed = (error: unknown): void => {
        this.#calls.delete(waiting);
        reject(serverFailed(this.#server, what, error));
      };
      const answered = (value: T): void => {
        this.#calls.delete(waiting);
        resolve(value);
      };
      this.#calls.add(waiting);
      this.#start();
      begin(call).then(answered, failed);
    });
  }

  /** Lets go of the timer, and of the calls that wait: they end as if they had taken too long. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const call of this.#calls) this.#abandon(call);
  }

  #start(): void {
    this.#timer ??= this.#clock.after(this.#timeoutMs / TICKS, () => {
      this.#timer = undefined;
      this.#onTick();
    });
  }

  #onTick(): void {
    this.#tick++;
    let silent = false;
    for (const call of this.#calls) {
      if (this.#tick - call.tick <= TICKS) break;
      this.#abandon(call);
      silent = true;
    }
    if (this.#calls.size > 0) this.#start();
    if (silent) this.#onSilence?.();
  }

  #abandon(call: Call): void {
    this.#calls.delete(call);
    call.giveUp(serverSilent(this.#server, call.what, this.#timeoutMs));
  }
}

/** Also for a call that throws before it has begun. */
async function begin<T>(call: () => Promise<T>): Promise<T> {
  return call();
}
