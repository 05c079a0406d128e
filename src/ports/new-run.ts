import type { RunKind } from '../task/run.js';
import type { Checkpoint } from './checkpoint.js';

/** What a start under an idempotency key claims. */
export interface IdempotencyClaim {
  readonly key: string;
  /** Of task, input and options: what must be the same for the key to give the same run. */
  readonly fingerprint: string;
}

/** A run that a backend is asked to accept. Everything in it was checked. */
export interface NewRun {
  readonly id: string;
  /** The id was made just now and is nobody else's: there is no need to look for another run under it. */
  readonly idIsNew: boolean;
  readonly kind: RunKind;
  readonly task: string | null;
  readonly queue: string;
  /** As it was given; the task's schema has accepted it. */
  readonly input: unknown;
  readonly priority: number;
  readonly maxAttempts: number;
  /** What becomes of it where a process dies while its handler is at work; says nothing on a backend that dies too. */
  readonly onCrash: 'retry' | 'fail';
  /** How many processes may die at it until it fails as `CRASHED`. */
  readonly maxCrashes: number;
  readonly delayMs: number;
  /** From acceptance; null: never. */
  readonly expiresInMs: number | null;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly idempotency: IdempotencyClaim | null;
  readonly redriveOf: string | null;
  readonly checkpoint: Checkpoint | null;
}
