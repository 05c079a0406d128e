import type { RunEvent } from '../task/run-event.js';

/** One event, ready to be sent. */
export interface JournalEntry {
  readonly event: RunEvent;
  /** As it goes over the wire; made once for all readers. */
  readonly frame: string;
}

/** Somebody who is told that there is more to read. */
export interface JournalReader {
  /** There is a new event, or the end. Must not throw. */
  wake(): void;
}

/** At least this many of the last events are kept, unless they are large. */
const MIN_EVENTS = 1_000;
/** About so many bytes of frames are kept at most. */
const MAX_BYTES = 1_048_576;

/**
 * The last events of a stream, with positions that count from 0 for ever. Readers keep a position and nothing else:
 * however slow they are and however many, events are kept once, and a bounded number of them.
 */
export class EventJournal {
  readonly #readers = new Set<JournalReader>();
  #entries: JournalEntry[] = [];
  #first = 0;
  #bytes = 0;
  #ended = false;

  /** The position of the oldest event that is kept. */
  get first(): number {
    return this.#first;
  }

  /** The position of the next event. */
  get end(): number {
    return this.#first + this.#entries.length;
  }

  /** Whether no event will be added any more. */
  get ended(): boolean {
    return this.#ended;
  }

  get readers(): number {
    return this.#readers.size;
  }

  at(position: number): JournalEntry | undefined {
    return this.#entries[position - this.#first];
  }

  /** The position of the first kept event that this one holds for; {@link end} when there is none. */
  find(predicate: (event: RunEvent) => boolean): number {
    const index = this.#entries.findIndex((entry) => predicate(entry.event));
    return index < 0 ? this.end : this.#first + index;
  }

  append(entry: JournalEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.frame.length;
    // Dropping many at once keeps the cost of one append constant.
    if (this.#entries.length >= 2 * MIN_EVENTS) this.#drop(MIN_EVENTS);
    if (this.#bytes > MAX_BYTES) this.#drop(Math.ceil(this.#entries.length / 2));
    this.#wakeAll();
  }

  /** Events were missed: every reader that has not read to the end finds itself behind. */
  lose(): void {
    this.#drop(this.#entries.length);
    this.#first += 1;
    this.#wakeAll();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wakeAll();
  }

  subscribe(reader: JournalReader): void {
    this.#readers.add(reader);
  }

  unsubscribe(reader: JournalReader): void {
    this.#readers.delete(reader);
  }

  #drop(count: number): void {
    for (const entry of this.#entries.splice(0, count)) this.#bytes -= entry.frame.length;
    this.#first += count;
  }

  #wakeAll(): void {
    for (const reader of this.#readers) reader.wake();
  }
}
