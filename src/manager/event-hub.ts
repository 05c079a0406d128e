import type { Backend, MaybePromise, StoredRun } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import { TaskError } from '../task/errors.js';
import type { StreamedEvent } from '../task/run-event.js';
import { EventStream } from './event-stream.js';

/** What an {@link EventHub} works with. */
export interface HubParts {
  readonly clock: Clock;
  readonly backend: Backend;
  readonly open: () => MaybePromise<void>;
}

/** Every stream of events that somebody reads: feeds them from the backend, and ends them when the manager closes. */
export class EventHub {
  readonly #parts: HubParts;
  readonly #streams = new Set<EventStream>();
  #ended = false;

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  /** All events, or those of one run, which is looked up by its id where it is not given. */
  events(
    id: string | undefined,
    run: StoredRun | undefined,
    signal: AbortSignal | undefined,
  ): AsyncIterable<StreamedEvent> {
    let unsubscribe = (): void => undefined;
    const onEnd = (ended: EventStream): void => {
      unsubscribe();
      this.#streams.delete(ended);
    };
    const { clock, backend } = this.#parts;
    const stream = new EventStream({ clock, signal, oneRun: id !== undefined, onEnd });
    if (stream.ended) return stream;
    this.#streams.add(stream);
    void this.#feed(stream, { id, run }, (to) => {
      if (!stream.ended) unsubscribe = backend.subscribe(to, (event) => stream.push(event));
    });
    return stream;
  }

  /** Ends every stream there is, and from now on each one as it begins. */
  end(): void {
    this.#ended = true;
    for (const stream of this.#streams) stream.end();
  }

  /** Subscribes in this turn wherever the backend answers at once. */
  async #feed(
    stream: EventStream,
    of: { readonly id: string | undefined; readonly run: StoredRun | undefined },
    subscribe: (to: StoredRun | null) => void,
  ): Promise<void> {
    const { backend, open } = this.#parts;
    try {
      const opened = open();
      if (opened instanceof Promise) await opened;
      if (of.id !== undefined) {
        const found = of.run ?? backend.find(of.id);
        const run = found instanceof Promise ? await found : found;
        if (run === undefined) throw notFound(of.id);
        subscribe(run);
        stream.begin(run);
      } else subscribe(null);
      if (this.#ended) stream.end();
    } catch (error) {
      stream.fail(error);
    }
  }
}

function notFound(id: string): TaskError {
  return new TaskError('RUN_NOT_FOUND', `There is no run ${id}`, { details: { runId: id } });
}
