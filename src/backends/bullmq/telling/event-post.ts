import type { Clock } from '../../../ports/clock.js';
import type { RunEvent } from '../../../task/run-event.js';
import { nextTurn } from '../../../timing/next-turn.js';
import type { FleetServer } from '../server/fleet-server.js';

/** What the events of one message may weigh, in characters: each is three bytes at most. */
const MAX_CHARACTERS = 80_000;

/** Events on their way to other processes: those of one turn are one message, and none is sent that nobody wants. */
export class EventPost {
  readonly #server: FleetServer;
  readonly #clock: Clock;
  /** Until when which process listens, in epoch ms. */
  readonly #readers = new Map<string, number>();
  #events: RunEvent[] = [];
  #jobIds: string[] = [];
  #freed: string[] = [];
  #weight = 0;
  #flushing = false;

  constructor(server: FleetServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /** Whether any other process listens. */
  get isWanted(): boolean {
    if (this.#readers.size === 0) return false;
    const now = this.#clock.now();
    for (const [process, until] of this.#readers) if (until <= now) this.#readers.delete(process);
    return this.#readers.size > 0;
  }

  /** Another process listens from now on, or no longer. */
  listens(process: string, forMs: number): void {
    if (forMs > 0) this.#readers.set(process, this.#clock.now() + forMs);
    else this.#readers.delete(process);
  }

  tell(jobId: string, event: RunEvent): void {
    const weight = JSON.stringify(event).length;
    if (this.#weight + weight > MAX_CHARACTERS) this.flush();
    this.#weight += weight;
    this.#events.push(event);
    this.#jobIds.push(jobId);
    this.#flushLater();
  }

  freed(jobId: string): void {
    this.#freed.push(jobId);
    this.#flushLater();
  }

  /** Sends what there is. */
  flush(): void {
    if (this.#events.length === 0 && this.#freed.length === 0) return;
    const { processId: process } = this.#server;
    this.#server.publish({
      type: 'events',
      process,
      events: this.#events,
      jobIds: this.#jobIds,
      freed: this.#freed,
    });
    this.#events = [];
    this.#jobIds = [];
    this.#freed = [];
    this.#weight = 0;
  }

  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    nextTurn(() => {
      this.#flushing = false;
      this.flush();
    });
  }
}
