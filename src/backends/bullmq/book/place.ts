import type { RunParent } from '../../../ports/new-run.js';

/** Where a run is: which job of which lane. */
export interface Place {
  readonly jobId: string;
  readonly lane: string;
  readonly ordinal: number;
  /** What versions of the run count from: see `run-version.ts`. */
  readonly versionBase: number;
  /** When it was written, in epoch ms: a place without a job that is older than ten seconds is nobody's. */
  readonly since: number;
}

/** A run's id, and where the run is. */
export interface Placed {
  readonly id: string;
  readonly place: Place;
}

/** The run whose child another is: an id alone may be another run's by now. */
export type ParentName = Pick<RunParent, 'id' | 'ordinal'>;
