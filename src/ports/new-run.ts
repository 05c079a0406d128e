import type { RunKind } from '../task/run.js';
import type { Checkpoint } from './checkpoint.js';

/** What a start under an idempotency key claims. */
export interface IdempotencyClaim {
  readonly key: string;
  /** Of task, input and options: what must be the same for the key to give the same run. */
  readonly fingerprint: string;
}

/** Whose child a run is. */
export interface RunParent {
  readonly id: string;
  /** The parent's `ordinal`: a later run of its id is not the parent. */
  readonly ordinal: number;
  /** How many runs are above it: 1 for a child of a run that has no parent itself. */
  readonly depth: number;
  /** What its parent knows it by in every attempt; null where the parent gave it no key. */
  readonly key: string | null;
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
  /** Null for a run that is nobody's child. */
  readonly parent: RunParent | null;
  /** A hard limit of this run alone, in milliseconds: the shorter one of this and the task's counts. Null without one. */
  readonly hardLimitMs: number | null;
  readonly checkpoint: Checkpoint | null;
}
