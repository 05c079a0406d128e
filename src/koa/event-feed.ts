import type { EventJournal, JournalEntry } from './event-journal.js';

/** The present state of what is watched, and where to go on from it. */
export interface FeedSnapshot {
  readonly frame: string;
  /** The first event that the snapshot does not contain. */
  readonly position: number;
  /** Whether an event that comes later in the journal is in the snapshot all the same. */
  readonly contains?: (entry: JournalEntry, position: number) => boolean;
}

/** What a stream of server-sent events reads from: the events of one run, or of all. */
export interface EventFeed {
  readonly journal: EventJournal;
  /** Where a client goes on that has seen the event of this id; undefined when that is not known. */
  resumeAt(lastEventId: string): number | undefined;
  /** The present state; undefined when there is none any more. */
  snapshot(): Promise<FeedSnapshot | undefined>;
  /** Whether a client wants this event. */
  accepts(entry: JournalEntry): boolean;
  /** The last frame of all, once the journal has ended and was read. */
  farewell(): string | undefined;
  /** The client has left. */
  release(): void;
}
