import type { StoredRun } from '../../ports/backend.js';
import type { IdempotencyClaim, NewRun } from '../../ports/new-run.js';
import type { Lane } from '../live/lane.js';
import type { CrashPolicy } from '../../task/crash-policy.js';
import type { StoredSchedule } from '../../ports/schedules.js';
import { isWaiting } from '../../task/status.js';
import { encodeValue } from '../../task/stored-value.js';
import { RunRecord } from '../live/run-record.js';

/** Inputs of more characters stay in the file while their runs wait: a hundred thousand of them have to fit. */
export const SHORT_INPUT = 1_024;

/** A run whose record is a row of the file, too. */
export class StoredRecord extends RunRecord {
  /** As it is in the file, which alone has it where it is long; what the handler gets is read from it. */
  inputText: string | null | undefined;
  resultText: string | null = null;
  /** Of its checkpoint; null where it has none. */
  checkpointText: string | null = null;
  /** Whether it has steps, in the file or on their way there; false once it has ended and they have gone. */
  hasSteps = false;
  /** How many processes died at it since it last got somewhere. */
  crashes = 0;
  readonly policy: CrashPolicy;
  /** Whether there is a row of it. */
  stored = false;
  /** Whether the row is behind, or what is written with it. */
  dirty = false;
  /** Whether the row itself is. */
  rowIsBehind = false;
  /** The commit that has to be safe before anybody is told how the record is; 0 where that is so. */
  owedTo = 0;
  /** It could not be stored, so it was never accepted. */
  refused = false;
  /** It is written in one transaction with the record that changed after it. */
  withNext = false;
  /** The ended run whose id it takes. */
  replaces: StoredRecord | null = null;
  /** What becomes of the one it replaces. */
  replacing: { readonly counted: boolean; readonly keptForKey: boolean } | null = null;
  /** The key that stands for it, to be written with it. */
  claim: IdempotencyClaim | null = null;
  /** The schedule that has started it, as it is from then on, to be written with it. */
  schedule: StoredSchedule | null = null;

  constructor(run: NewRun, lane: Lane<RunRecord>, made: { ordinal: number; now: number; inputText: string | null }) {
    super(run, lane, made);
    this.inputText = made.inputText;
    this.policy = { onCrash: run.task === null ? 'fail' : run.onCrash, maxCrashes: run.maxCrashes };
  }

  override takeSoFar(): void {
    if (this.result !== undefined) return;
    super.takeSoFar();
    const encoded = encodeValue(this.result);
    // What a checkpoint says was read from text, or is of an import's making.
    if (encoded.ok) this.resultText = encoded.text;
  }

  /** Whether somebody is to be told only when the row has caught up. */
  get owed(): boolean {
    return this.owedTo > 0;
  }

  /** The row is as the record is, in this commit. */
  written(commit: number): void {
    this.stored = true;
    this.dirty = false;
    this.rowIsBehind = false;
    if (this.owed) this.owedTo = commit;
    this.withNext = false;
    if (typeof this.inputText === 'string' && this.inputText.length > SHORT_INPUT) this.inputText = undefined;
    // Also where an attempt has read it, and another one is waited for.
    if (this.inputText === undefined && isWaiting(this.status)) this.input = undefined;
  }
}

/** Every record of this backend is one that is stored. */
export function storedOf(run: StoredRun): StoredRecord {
  if (run instanceof StoredRecord) return run;
  throw new Error(`run ${run.id} is of another backend`);
}
