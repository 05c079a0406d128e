import { toEventResource } from '../http-api/run-event-resource.js';
import type { RunHandle } from '../manager/run-handle.js';
import { isFinalEvent, type RunEvent, type StreamedEvent } from '../task/run-event.js';
import type { Run } from '../task/run.js';
import { isFinal } from '../task/status.js';
import { EventJournal } from './event-journal.js';
import { toFrame } from './event-frame.js';

/** One subscription to one run, shared by all clients that watch it. */
export class RunWatch {
  readonly journal = new EventJournal();
  /** Resolves when the first event has come: from then on the journal misses nothing. Never rejects. */
  readonly ready: Promise<void>;
  /** When the run was created: tells it from another run of the same id. */
  readonly createdAt: number;
  readonly #handle: RunHandle<unknown>;
  readonly #exposeErrors: boolean;
  readonly #abort = new AbortController();
  readonly #settled: Promise<Run>;
  #final: Run | undefined;
  /** The journal holds everything after this event, as long as it has dropped nothing. */
  #startSeq = Infinity;

  constructor(run: Run, handle: RunHandle<unknown>, exposeErrors: boolean) {
    this.createdAt = run.createdAt;
    this.#handle = handle;
    this.#exposeErrors = exposeErrors;
    // Asked for now: later the id may belong to another run.
    this.#settled = handle.settled({ signal: this.#abort.signal });
    this.#settled.catch(() => undefined);
    this.ready = new Promise((resolve) => void this.#follow(resolve));
  }

  /** The run as it ended; undefined before. */
  get final(): Run | undefined {
    return this.#final;
  }

  /** Whether the events broke off before the end of the run: then this watch serves nobody any more. */
  get broken(): boolean {
    return this.journal.ended && this.#final === undefined;
  }

  /** Where a client goes on that has seen everything up to the event `seq`; undefined where that is not known. */
  positionAfter(seq: number): number | undefined {
    const { journal } = this;
    const oldest = journal.first === 0 ? this.#startSeq : (journal.at(journal.first)?.event.seq ?? Infinity);
    const newest = journal.at(journal.end - 1)?.event.seq ?? oldest;
    if (seq < oldest || seq > newest) return undefined;
    return journal.find((event) => event.seq > seq);
  }

  /** Ends the subscription; the journal ends with it. */
  stop(): void {
    this.#abort.abort();
  }

  async #follow(ready: () => void): Promise<void> {
    try {
      for await (const event of this.#handle.events({ signal: this.#abort.signal })) {
        await this.#take(event);
        ready();
      }
    } catch {
      // The events cannot be had any more: the journal ends, and clients come back.
    }
    ready();
    this.journal.close();
  }

  async #take(event: StreamedEvent): Promise<void> {
    if (event.type === 'run:gap') {
      this.journal.lose();
      return;
    }
    if (isFinalEvent(event) || (event.type === 'run:snapshot' && isFinal(event.status))) {
      this.#final = await this.#settled;
    }
    if (event.type === 'run:snapshot') this.#startSeq = event.seq;
    else if (!isFinalEvent(event)) this.#append(event);
  }

  #append(event: RunEvent): void {
    const { name, data } = toEventResource(event, this.#exposeErrors);
    this.journal.append({ event, frame: toFrame(name, JSON.stringify(data), event.seq) });
  }
}
