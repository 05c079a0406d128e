import { writeRun, type RunView } from '../http-api/run-json.js';
import type { EventFeed, FeedSnapshot } from './event-feed.js';
import { toFrame } from './event-frame.js';
import type { RunWatch } from './run-watch.js';
import { isOf, type RunWatches } from './run-watches.js';
import type { TaskService } from './task-service.js';
import { isFinal } from '../task/status.js';

/** What a {@link RunFeed} is made with. */
export interface RunFeedOptions {
  readonly id: string;
  readonly watch: RunWatch;
  readonly watches: RunWatches;
  readonly manager: Pick<TaskService, 'get'>;
  readonly view: RunView;
}

/** The events of one run, for one client. The id of an event is its `seq`. */
export class RunFeed implements EventFeed {
  readonly #options: RunFeedOptions;

  constructor(options: RunFeedOptions) {
    this.#options = options;
  }

  get journal(): EventFeed['journal'] {
    return this.#options.watch.journal;
  }

  resumeAt(lastEventId: string): number | undefined {
    return /^[0-9]{1,15}$/.test(lastEventId) ? this.#options.watch.positionAfter(Number(lastEventId)) : undefined;
  }

  async snapshot(): Promise<FeedSnapshot | undefined> {
    const { id, watch, manager, view } = this.#options;
    await watch.ready;
    const found = await manager.get(id);
    const run = watch.final ?? found;
    if (run === undefined || !isOf(watch, run)) return undefined;
    // Without an id where the run is final: who has seen its id is taken to have seen `done`.
    const frame = toFrame('snapshot', writeRun(run, view), isFinal(run.status) ? undefined : run.version);
    return {
      frame,
      position: watch.journal.find((event) => event.seq > run.version),
      contains: ({ event }) => event.seq <= run.version,
    };
  }

  accepts(): boolean {
    return true;
  }

  farewell(): string | undefined {
    const { final } = this.#options.watch;
    return final && toFrame('done', writeRun(final, this.#options.view), final.version);
  }

  release(): void {
    this.#options.watches.release(this.#options.id, this.#options.watch);
  }
}
