import type { Run } from '../task/run.js';
import type { RunStatus } from '../task/status.js';

/** Which runs are listed; every member was checked. */
export interface RunFilter {
  readonly status: readonly RunStatus[] | undefined;
  readonly task: string | undefined;
  readonly tag: string | undefined;
  readonly owner: string | undefined;
  readonly deadLetters: boolean;
  readonly limit: number;
  readonly cursor: string | undefined;
}

/** A page of runs, newest first; only a missing `nextCursor` is the end. */
export interface StoredPage {
  readonly items: readonly Run[];
  readonly nextCursor?: string;
}

/** How many runs of one task, or of all ad-hoc functions (`task` null), have each status. */
export interface TaskCounts {
  readonly task: string | null;
  readonly counts: Readonly<Record<RunStatus, number>>;
}

/** What a queue is doing. */
export interface StoredQueue {
  readonly name: string;
  readonly paused: boolean;
  readonly queued: number;
}
