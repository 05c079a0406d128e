import type { StoredRun } from './stored-run.js';

/** The claim on a run that goes with one delivery. Whoever holds it reports what became of the run, once. */
export interface Lease {
  readonly run: StoredRun;
}
