import { randomUUID } from 'node:crypto';
import { toEventResource } from '../http-api/run-event-resource.js';
import type { ListRequest } from '../http-api/list-query.js';
import type { RunPage } from '../manager/manager-options.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { RunEvent } from '../task/run-event.js';
import type { EventFeed, FeedSnapshot } from './event-feed.js';
import { toFrame } from './event-frame.js';
import { EventJournal, type JournalEntry } from './event-journal.js';
import type { TaskService } from './task-service.js';

/** How long the events are followed on after the last client has left. */
const KEEP_MS = 60_000;

/** What {@link AllRunsWatch} is made with. */
export interface AllRunsOptions {
  readonly manager: Pick<TaskService, 'events'>;
  readonly clock: Clock;
  readonly exposeErrors: boolean;
}

/** One subscription to the events of all runs, shared by all clients; there only while somebody listens. */
export class AllRunsWatch {
  readonly #options: AllRunsOptions;
  #present: { readonly journal: EventJournal; readonly epoch: string; readonly abort: AbortController } | undefined;
  #clients = 0;
  #timer: Timer | undefined;

  constructor(options: AllRunsOptions) {
    this.#options = options;
  }

  /** Joins, or begins. `epoch` names the journal: positions of another one mean nothing. Give it back with `release`. */
  acquire(): { readonly journal: EventJournal; readonly epoch: string } {
    this.#clients += 1;
    this.#timer?.cancel();
    if (this.#present === undefined || this.#present.journal.ended) this.#present = this.#begin();
    return this.#present;
  }

  /** A client has left. */
  release(): void {
    this.#clients -= 1;
    if (this.#clients > 0) return;
    this.#timer = this.#options.clock.after(KEEP_MS, () => {
      this.#present?.abort.abort();
      this.#present = undefined;
    });
    this.#timer.unref();
  }

  #begin(): { journal: EventJournal; epoch: string; abort: AbortController } {
    const begun = { journal: new EventJournal(), epoch: randomUUID().slice(0, 8), abort: new AbortController() };
    void this.#follow(begun.journal, begun.epoch, begun.abort.signal);
    return begun;
  }

  async #follow(journal: EventJournal, epoch: string, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#options.manager.events({ signal })) {
        if (event.type === 'run:gap') journal.lose();
        else if (event.type !== 'run:snapshot') this.#append(journal, epoch, event);
      }
    } catch {
      // The events cannot be had any more: the journal ends, and clients come back.
    }
    journal.close();
  }

  #append(journal: EventJournal, epoch: string, event: RunEvent): void {
    const { name, data } = toEventResource(event, this.#options.exposeErrors);
    journal.append({ event, frame: toFrame(name, JSON.stringify(data), `${epoch}-${journal.end + 1}`) });
  }
}

/** What an {@link AllRunsFeed} is made with. */
export interface AllRunsFeedOptions {
  readonly watch: AllRunsWatch;
  readonly request: ListRequest;
  readonly list: (request: ListRequest) => Promise<{ readonly page: RunPage; readonly json: string }>;
}

/** The events of all runs that fit a query, for one client. The id of an event says where to go on after it. */
export class AllRunsFeed implements EventFeed {
  readonly journal: EventJournal;
  readonly #epoch: string;
  readonly #options: AllRunsFeedOptions;

  constructor(options: AllRunsFeedOptions) {
    this.#options = options;
    ({ journal: this.journal, epoch: this.#epoch } = options.watch.acquire());
  }

  resumeAt(lastEventId: string): number | undefined {
    const [epoch, digits = ''] = lastEventId.split('-', 2);
    if (epoch !== this.#epoch || !/^[0-9]{1,15}$/.test(digits)) return undefined;
    const position = Number(digits);
    return position >= this.journal.first && position <= this.journal.end ? position : undefined;
  }

  /** The first page of the query. What happens while it is read comes after it, unless the page has it already. */
  async snapshot(): Promise<FeedSnapshot> {
    const position = this.journal.end;
    const { page, json } = await this.#options.list(this.#options.request);
    const { end } = this.journal;
    const versions = new Map(page.items.map((run) => [run.id, run.version]));
    return {
      frame: toFrame('snapshot', json, `${this.#epoch}-${position}`),
      position,
      contains: ({ event }, at) => at < end && event.seq <= (versions.get(event.runId) ?? -1),
    };
  }

  accepts({ event }: JournalEntry): boolean {
    const { status, task, tag } = this.#options.request;
    if (status !== undefined && !status.includes(event.status)) return false;
    if (task !== undefined && event.task !== task) return false;
    return tag === undefined || event.tags.includes(tag);
  }

  farewell(): undefined {
    return undefined;
  }

  release(): void {
    this.#options.watch.release();
  }
}
