import type { IdempotencyClaim, NewRun } from '../../ports/new-run.js';
import type { Lane } from '../live/lane.js';
import type { CrashPolicy } from '../../task/crash-policy.js';
import { isWaiting } from '../../task/status.js';
import { RunRecord } from '../live/run-record.js';

/** Inputs of more characters stay in the file while their runs wait: a hundred thousand of them have to fit. */
export const SHORT_INPUT = 1_024;

/** A run whose record is a row of the file, too. */
export class StoredRecord extends RunRecord {
  /** As it is in the file, which alone has it where it is long; what the handler gets is read from it. */
  inputText: string | null | undefined;
  resultText: string | null = null;
  /** How many processes died at it since it last got somewhere. */
  crashes = 0;
  readonly policy: CrashPolicy;
  /** Whether there is a row of it. */
  stored = false;
  /** Whether the row is behind. */
  dirty = false;
  /** Whether somebody is to be told only when the row has caught up. */
  owed = false;
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

  constructor(run: NewRun, lane: Lane<RunRecord>, made: { ordinal: number; now: number; inputText: string | null }) {
    super(run, lane, made);
    this.inputText = made.inputText;
    this.policy = { onCrash: run.task === null ? 'fail' : run.onCrash, maxCrashes: run.maxCrashes };
  }

  /** The row is as the record is. */
  written(): void {
    this.stored = true;
    this.dirty = false;
    this.owed = false;
    this.withNext = false;
    if (typeof this.inputText === 'string' && this.inputText.length > SHORT_INPUT) this.inputText = undefined;
    // Also where an attempt has read it, and another one is waited for.
    if (this.inputText === undefined && isWaiting(this.status)) this.input = undefined;
  }
}
